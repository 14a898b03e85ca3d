"""The tables' history, by Alembic. `upgrade(url)` brings a database to the newest revision."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

from alerts.database import FEED_LOCK, async_url, transient_faults


def upgrade(url: str) -> None:
    """Make or bring up to date the tables of the database at `url`. Blocks; harmless when repeated.

    Raises:
        BadSettings: the URL can't be used.
        DatabaseAway: no answer; try again later.
    """
    target = async_url(url)
    is_postgres = target.get_backend_name() == "postgresql"
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    # The synchronous twin of the driver: pysqlite for aiosqlite; psycopg is both.
    engine = create_engine(target if is_postgres else target.set(drivername="sqlite"))
    try:
        with transient_faults(), engine.begin() as connection:
            if is_postgres:  # two replicas may start at once: one migrates, the other waits and finds it done
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": FEED_LOCK + 1})
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engine.dispose()
