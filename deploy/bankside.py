"""The bank's side on given servers or the local stack's: its connector registered, its demo data committed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pymysql

from deploy.config import Settings
from deploy.connections import connections, given
from deploy.demo.settings import BankSettings
from deploy.demo.sql import connect as connect_bank
from deploy.demo.teller import AnotherBank, Teller
from deploy.stack.connector import Source, register_mariadb
from deploy.stack.control import endpoints
from deploy.stack.endpoints import Capture, MariaDb
from deploy.stack.errors import StackError
from deploy.stack.topics import BROKER_S_DEFAULT, create_topics

Echo = Callable[[str], None]
FOREVER_S = float("inf")
READER_LIMIT_S = 600.0


def register(settings: Settings, source: Source, limit_s: float, echo: Echo) -> None:
    """Make Ringwatch's topics, register the connector, wait until it reads the bank's log.

    Raises:
        StackError: what did not answer, refused, or was not done in time.
    """
    at = capture(settings)
    made = create_topics(at.kafka_bootstrap, extra=settings.kafka_options, replicas=BROKER_S_DEFAULT)
    echo(f"topics made: {', '.join(made)}" if made else "the topics were there")
    register_mariadb(at, replace(source, ssl=source.ssl or settings.mariadb_ssl), limit_s)
    echo(f"connector {source.name} follows {at.mariadb.database} on {at.mariadb.host}:{at.mariadb.port}")


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


def capture(settings: Settings) -> Capture:
    """What the connector joins: by the settings, else the local stack's.

    Raises:
        ConfigError: another server is set, but not Kafka Connect, or not the password its connector reads with.
        StackError: there is no local stack either.
    """
    bank, kafka = mariadb(settings), connections(settings).kafka_bootstrap
    connect = given(settings, "connect_url")
    reference = " (the password best to a reference that Kafka Connect resolves, such as ${env:NAME})"
    password = given(settings, "debezium_password", reference)
    if connect is None or password is None:
        local = endpoints(settings.stack_layout())
        return Capture(bank, kafka, local.connect_url, local.debezium_user, local.debezium_password)
    return Capture(bank, kafka, connect.rstrip("/"), settings.debezium_user, password)


@contextmanager
def _bank(settings: Settings) -> Iterator[pymysql.Connection]:
    """A connection to the bank's database, and its failures as ours."""
    at = mariadb(settings)
    try:
        with connect_bank(at.host, at.port, at.user, at.password, at.database) as connection:
            yield connection
    except pymysql.MySQLError as error:
        raise StackError(f"MariaDB at {at.host}:{at.port}: {error}; see that it runs, and try again") from error
    except AnotherBank as error:
        raise StackError(str(error)) from error
