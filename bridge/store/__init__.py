"""The database behind ``bridge.ports.Journal``: SQLite by default, PostgreSQL where a server is to keep it.

ORM classes, SQL and SQLAlchemy's exceptions stay inside.
"""

from bridge.store.journal import SqlJournal, open_journal
from bridge.store.schema import upgrade

__all__ = ["SqlJournal", "open_journal", "upgrade"]
