"""How a score came about: its model's threshold, the rule that asked for the alert, remarks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward. Defaults stay in the tables: SQLite can't take one away without copying what others refer to."""
    op.add_column("alerts", sa.Column("threshold", sa.Float(precision=53), nullable=False, server_default="0.5"))
    op.add_column("alerts", sa.Column("alert_by", sa.Text(), nullable=True))
    op.add_column("superseded", sa.Column("provisional", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("alerts", sa.Column("remarks", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    """Back."""
    op.drop_column("superseded", "provisional")
    for name in ("remarks", "alert_by", "threshold"):
        op.drop_column("alerts", name)
