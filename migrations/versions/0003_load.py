"""The load's history, and what a tick remembers of load signals and of windows that the load keeps closed."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "load_names",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("names", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_load_names"),
    )
    op.create_table(
        "load_step",
        sa.Column("pool", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("names_digest", sa.String(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["names_digest"], ["load_names.digest"], name="fk_load_step_names_digest"),
        sa.PrimaryKeyConstraint("pool", "at", name="pk_load_step"),
    )
    op.add_column("memory", sa.Column("signal", sa.LargeBinary(), nullable=True))
    op.add_column("memory", sa.Column("gates", sa.LargeBinary(), nullable=True))
    op.add_column("memory", sa.Column("held_when_lost", sa.Integer(), nullable=True))
