"""The first tables: promises, what ticks remember, pauses, and ticks with their facts."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "promise",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("pool", sa.String(), nullable=False),
        sa.Column("lender", sa.String(), nullable=False),
        sa.Column("vcores", sa.Integer(), nullable=False),
        sa.Column("memory_mib", sa.Integer(), nullable=False),
        sa.Column("pod_cpu_millicores", sa.Integer(), nullable=False),
        sa.Column("pod_memory_mib", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deadline", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("pod_uid", sa.String(), nullable=True),
        sa.Column("node_id", sa.String(), nullable=True),
        sa.Column("served", sa.Boolean(), nullable=False),
        sa.Column("told_rm_started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("label_host", sa.String(), nullable=True),
        sa.Column("is_over", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_promise"),
    )
    op.create_index("ix_promise_pool_is_over", "promise", ["pool", "is_over"])
    op.create_table(
        "memory",
        sa.Column("pool", sa.String(), nullable=False),
        sa.Column("waiting", sa.JSON(), nullable=True),
        sa.Column("surplus_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_start_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("left_alone", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("pool", name="pk_memory"),
    )
    op.create_table(
        "pause",
        sa.Column("pool", sa.String(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("pool", name="pk_pause"),
    )
    op.create_table(
        "tick",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("pool", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("took_ms", sa.Integer(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("digest_by_section", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_tick"),
    )
    op.create_index("ix_tick_pool_at", "tick", ["pool", "at"])
    op.create_index("ix_tick_at", "tick", ["at"])
    op.create_table(
        "fact",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_fact"),
    )
    op.create_index("ix_fact_last_at", "fact", ["last_at"])


def downgrade() -> None:
    for table in ("fact", "tick", "pause", "memory", "promise"):
        op.drop_table(table)
