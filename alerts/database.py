"""The SQL database: engine, transactions, and which of its faults are worth a retry."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import msgspec
from sqlalchemy import event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from alerts.errors import BadSettings, DatabaseAway

FEED_LOCK = 0x52494E47  # "RING": any number nobody else in this database takes as an advisory lock
SQLITE_BUSY_MS = 10_000
DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}


def async_url(url: str) -> URL:
    """The URL with the driver this package speaks to.

    Raises:
        BadSettings: not a URL, or another database.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise BadSettings("alerts database: not a URL; write sqlite:///FILE or postgresql://USER@HOST/NAME") from None
    backend = parsed.drivername.partition("+")[0]
    if backend not in DRIVERS:
        raise BadSettings(f"alerts database: {backend!r} is not supported; use sqlite or postgresql")
    if backend == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise BadSettings("alerts database: sqlite needs a file (sqlite:///FILE): memory is gone with the process")
    return parsed.set(drivername=DRIVERS[backend])


def _dumps(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _configure_sqlite(engine: AsyncEngine) -> None:
    """WAL, and transactions that begin when we say so.

    The driver would begin a write transaction only at the first write; one that has read by then can
    fail with SQLITE_BUSY and no wait (sqlite.org/isolation). Writers therefore begin IMMEDIATE.
    """

    @event.listens_for(engine.sync_engine, "connect")
    def connected(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={SQLITE_BUSY_MS}", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begun(connection: Any) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def transient_faults() -> Iterator[None]:
    """Turn the faults that pass by themselves into DatabaseAway; others go through as they are.

    A broken constraint is one of them: somebody else wrote the same row just then, the next look sees it.
    """
    try:
        yield
    except (OperationalError, InterfaceError, IntegrityError, PoolTimeout, OSError) as error:
        raise DatabaseAway(_first_line(error)) from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise DatabaseAway(_first_line(error)) from error
        raise


def _first_line(error: BaseException) -> str:
    cause = getattr(error, "orig", None) or error
    return (str(cause).strip().splitlines() or [type(cause).__name__])[0][:200]


class Database:
    """Sessions on one database. `read` and `write` are transactions: all of it or nothing."""

    def __init__(self, url: str, *, pool: int = 10, connect_timeout_s: int = 5) -> None:
        """Raises BadSettings: the URL can't be used. Nothing is opened yet."""
        self.url = async_url(url)
        self.is_postgres = self.url.get_backend_name() == "postgresql"
        options: dict[str, Any] = {
            "pool_size": pool,
            "json_serializer": _dumps,
            "json_deserializer": msgspec.json.decode,
        }
        if self.is_postgres:
            options |= {"pool_pre_ping": True, "connect_args": {"connect_timeout": connect_timeout_s}}
        self.engine = create_async_engine(self.url, **options)
        if not self.is_postgres:
            _configure_sqlite(self.engine)
        self._writer = self.engine.execution_options(writes=True)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A transaction that only reads.

        Raises:
            DatabaseAway: try again later.
        """
        with transient_faults():
            async with AsyncSession(self.engine, expire_on_commit=False) as session, session.begin():
                yield session

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """A transaction that writes, committed at the end of the block.

        Raises:
            DatabaseAway: nothing was written; try again later.
        """
        with transient_faults():
            async with AsyncSession(self._writer, expire_on_commit=False) as session, session.begin():
                yield session

    @asynccontextmanager
    async def write_feed(self, tenant: str) -> AsyncIterator[AsyncSession]:
        """A transaction that may add to the tenant's feed: one at a time, whatever the replicas.

        The lock is taken first and held until commit. So feed ids come in commit order (a reader that
        has seen 8 would never look for a 7 committed after it), two writers can't deadlock, and what
        was read of an event still holds when it is written. SQLite has one writer at a time anyway.

        Raises:
            DatabaseAway: nothing was written; try again later.
        """
        async with self.write() as session:
            if self.is_postgres:
                lock = text("SELECT pg_advisory_xact_lock(:key, hashtext(:tenant))")
                await session.execute(lock, {"key": FEED_LOCK, "tenant": tenant})
            yield session

    async def ping(self) -> None:
        """Raises DatabaseAway when there is no answer."""
        async with self.read() as session:
            await session.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()
