"""Alembic's entry: it runs inside the connection that `upgrade` opened, and nowhere else."""

from __future__ import annotations

from alembic import context

from alerts.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite can't ALTER much: later revisions copy the table
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
