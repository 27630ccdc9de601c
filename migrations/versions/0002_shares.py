"""What tenants were told of the lendable capacity, and what rounds of rebalancing remember."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "told",
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("cpu_millicores", sa.BigInteger(), nullable=False),
        sa.Column("memory_mib", sa.BigInteger(), nullable=False),
        sa.Column("static_cpu_millicores", sa.BigInteger(), nullable=False),
        sa.Column("static_memory_mib", sa.BigInteger(), nullable=False),
        sa.Column("intended", sa.JSON(), nullable=False),
        sa.Column("confirmed", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("side", "name", name="pk_told"),
    )
    op.create_table(
        "told_history",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("cpu_millicores", sa.BigInteger(), nullable=False),
        sa.Column("memory_mib", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_told_history"),
    )
    op.create_index("ix_told_history_at", "told_history", ["at"])
    op.create_table(
        "ledger",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("capacity", sa.JSON(), nullable=False),
        sa.Column("account_by_side", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ledger"),
    )
    op.add_column("memory", sa.Column("obeyed_version", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "round_memory",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("smoothed", sa.JSON(), nullable=False),
        sa.Column("past", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_round_memory"),
    )
