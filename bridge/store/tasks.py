"""The lengths of tasks in SQL: one row for each pool and queue."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest

from sqlalchemy import JSON, delete, select
from sqlalchemy.orm import Mapped, mapped_column

from bridge.core.tasks import Counts, TaskHistory
from bridge.store.database import Database
from bridge.store.tables import Base


class TaskLengthRow(Base):
    """How many tasks of a queue had ended in each step of length."""

    __tablename__ = "task_length"

    pool: Mapped[str] = mapped_column(primary_key=True)
    queue: Mapped[str] = mapped_column(primary_key=True)
    counts: Mapped[list[float]] = mapped_column(JSON)


class SqlTaskLengths:
    """``bridge.ports.TaskLengths`` in a database. Threads may share it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, pool: str) -> TaskHistory:
        """Return what was kept."""
        with self._database.reading() as session:
            rows = session.scalars(select(TaskLengthRow).where(TaskLengthRow.pool == pool))
            by_queue = {row.queue: tuple(row.counts) for row in rows}
        return TaskHistory(by_queue=by_queue, everywhere=_summed(by_queue.values()))

    def write(self, pool: str, history: TaskHistory) -> None:
        """Keep the queues' part."""
        with self._database.writing() as session:
            session.execute(delete(TaskLengthRow).where(TaskLengthRow.pool == pool))
            session.add_all(
                TaskLengthRow(pool=pool, queue=queue, counts=list(counts)) for queue, counts in history.by_queue.items()
            )


def _summed(counts: Iterable[Counts]) -> Counts:
    return tuple(sum(step) for step in zip_longest(*counts, fillvalue=0.0))
