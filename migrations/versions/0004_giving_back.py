"""How long tasks took, and until when a deadline was extended."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "task_length",
        sa.Column("pool", sa.String(), nullable=False),
        sa.Column("queue", sa.String(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("pool", "queue", name="pk_task_length"),
    )
    op.add_column("memory", sa.Column("announced", sa.JSON(), nullable=True))
    op.add_column("promise", sa.Column("extended_until", sa.DateTime(timezone=True), nullable=True))
