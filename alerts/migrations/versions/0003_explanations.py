"""The explanation of the score an alert shows, and those that came before their score."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.add_column("alerts", sa.Column("explanation", sa.JSON(none_as_null=True), nullable=True))
    op.create_table(
        "waiting_explanations",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "event_id", name=op.f("pk_waiting_explanations")),
    )
    op.create_index(op.f("ix_waiting_explanations_at_us"), "waiting_explanations", ["at_us"])


def downgrade() -> None:
    """Back."""
    op.drop_table("waiting_explanations")
    op.drop_column("alerts", "explanation")
