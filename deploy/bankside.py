"""The bank's side on given servers or the local stack's: where its database is, its demo data committed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pymysql

from deploy.config import Settings
from deploy.connections import connections, given
from deploy.demo.settings import BankSettings
from deploy.demo.sql import connect as connect_bank
from deploy.demo.teller import AnotherBank, Teller
from deploy.stack.control import endpoints
from deploy.stack.endpoints import Capture, MariaDb, Postgres, PostgresCapture
from deploy.stack.errors import StackError
from deploy.stack.tls import tls

Echo = Callable[[str], None]
FOREVER_S = float("inf")
READER_LIMIT_S = 600.0


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """Which bank, how fast, and how far; `for_s` infinite goes on until it is stopped."""

    seed: int
    users: int
    days: int
    per_s: float
    for_s: float = FOREVER_S
    create: bool = False
    load_only: bool = False


def replay(settings: Settings, options: ReplayOptions, echo: Echo) -> None:
    """Load the history where there is none; once the log is read, commit what comes after it.

    Raises:
        StackError: MariaDB does not answer or holds another bank, or nobody reads its log.
    """
    with _bank(settings) as connection:
        bank = BankSettings(seed=options.seed, users=options.users)
        teller = Teller(connection, bank, options.days)
        rows = teller.load(options.create)
        echo(f"MariaDB holds {rows:,} rows of history" if rows else "MariaDB holds this bank already")
        if options.load_only:
            return
        if not teller.await_reader(READER_LIMIT_S):
            raise StackError(
                f"nobody reads MariaDB's log after {READER_LIMIT_S:g} s, so nothing committed would be scored; "
                "run: ringwatch connect register"
            )
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        echo(f"committing {options.per_s:g} changes a second")
        echo(f"committed {teller.follow(options.per_s, options.for_s, stop.is_set):,} changes")


def mariadb(settings: Settings) -> MariaDb:
    """The bank's database: by the settings, else the local stack's.

    Raises:
        ConfigError: another server is set, but no host or no password.
        StackError: there is no local stack either.
    """
    host, password = given(settings, "mariadb_host"), given(settings, "mariadb_password")
    if host is None or password is None:
        return endpoints(settings.stack_layout()).mariadb
    return MariaDb(host, settings.mariadb_port, settings.mariadb_user, password, settings.mariadb_database)


def postgres(settings: Settings) -> Postgres:
    """The same of a bank on PostgreSQL.

    Raises:
        ConfigError: another server is set, but no host or no password.
        StackError: there is no local stack either.
    """
    host, password = given(settings, "postgres_host"), given(settings, "postgres_password")
    if host is None or password is None:
        return endpoints(settings.stack_layout()).postgres_capture.postgres
    return Postgres(host, settings.postgres_port, settings.postgres_user, password, settings.postgres_database)


def capture(settings: Settings) -> Capture:
    """What the connector joins: by the settings, else the local stack's.

    Raises:
        ConfigError: another server is set, but not Kafka Connect, or not the password its connector reads with.
        StackError: there is no local stack either.
    """
    bank, kafka = mariadb(settings), connections(settings).kafka_bootstrap
    if (given_connect := _connect(settings)) is None:
        local = endpoints(settings.stack_layout())
        return Capture(bank, kafka, local.connect_url, local.debezium_user, local.debezium_password)
    return Capture(bank, kafka, *given_connect)


def postgres_capture(settings: Settings) -> PostgresCapture:
    """The same where the bank's database is PostgreSQL.

    Raises:
        ConfigError, StackError: as `capture`.
    """
    bank, kafka = postgres(settings), connections(settings).kafka_bootstrap
    if (given_connect := _connect(settings)) is None:
        return endpoints(settings.stack_layout()).postgres_capture
    return PostgresCapture(bank, kafka, *given_connect)


def _connect(settings: Settings) -> tuple[str, str, str] | None:
    """Kafka Connect's address, Debezium's account and its password."""
    connect = given(settings, "connect_url")
    reference = " (the password best to a reference that Kafka Connect resolves, such as ${env:NAME})"
    password = given(settings, "debezium_password", reference)
    if connect is None or password is None:
        return None
    return connect.rstrip("/"), settings.debezium_user, password


@contextmanager
def _bank(settings: Settings) -> Iterator[pymysql.Connection]:
    """A connection to the bank's database, and its failures as ours."""
    at = mariadb(settings)
    try:
        with connect_bank(
            at.host, at.port, at.user, at.password, at.database, tls(at.host, settings.mariadb_ssl)
        ) as connection:
            yield connection
    except pymysql.MySQLError as error:
        raise StackError(f"MariaDB at {at.host}:{at.port}: {error}; see that it runs, and try again") from error
    except AnotherBank as error:
        raise StackError(str(error)) from error
