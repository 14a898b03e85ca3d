"""The connector's settings for MariaDB and MySQL, and who reads their binlog."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pymysql

from deploy.stack.connector_settings import BANK, CLASSES, Kind, Source, common
from deploy.stack.endpoints import Capture, Endpoints, MariaDb
from deploy.stack.errors import ConnectorFailed
from deploy.stack.tls import mode_of, tls

Servers = Endpoints | Capture
# RINGWATCH_MARIADB_SSL and what Debezium's MySQL connector calls it.
MYSQL_SSL = {"disable": "disabled", "trust": "required", "verify-ca": "verify_ca", "verify-full": "verify_identity"}


def mariadb_config(endpoints: Servers, source: Source = BANK, kind: Kind = "mariadb") -> dict[str, str]:
    """Return the connector's settings (Debezium 3.5, MariaDB or MySQL connector)."""
    history = "schema.history.internal.kafka"
    return (
        common(endpoints.kafka_bootstrap, source)
        | {
            "connector.class": CLASSES[kind],
            "database.hostname": endpoints.mariadb.host,
            "database.port": str(endpoints.mariadb.port),
            "database.user": endpoints.debezium_user,
            "database.password": endpoints.debezium_password,
            "database.server.id": str(source.server_id),
            "database.ssl.mode": _ssl(endpoints.mariadb.host, source.ssl, kind),
            "database.include.list": source.database or endpoints.mariadb.database,
            f"{history}.bootstrap.servers": endpoints.kafka_bootstrap,
            f"{history}.topic": f"schema-changes.{source.name}",
            # A connection that broke is made anew after that long; by default a restart of MariaDB costs a minute.
            "connect.keep.alive.interval.ms": "2000",
            "include.schema.changes": "false",  # the history above is for the connector; nobody reads a second one
        }
        | dict(source.overrides)
    )


def mysql_config(endpoints: Servers, source: Source = BANK) -> dict[str, str]:
    """Return the settings of Debezium's MySQL connector: the same, in its own words."""
    return mariadb_config(endpoints, source, "mysql")


def _ssl(host: str, wanted: str | None, kind: Kind) -> str:
    """As wanted; else it is on elsewhere, with whatever certificate.

    MySQL's accounts take a password over TLS only (caching_sha2_password), so it is used on this machine as well.
    """
    mode = mode_of(host, wanted)
    if kind == "mariadb":
        return mode
    return MYSQL_SSL.get(mode, mode) if wanted or mode == "trust" else "preferred"


@contextmanager
def binlog_readers(bank: MariaDb, debezium_user: str, ssl: str | None) -> Iterator[Callable[[], set[int]]]:
    """Yield a question to MariaDB: which connections of the connector's user read the binlog now? `ssl`: `Source.ssl`.

    One whose client has gone stays in the list until the next commit, so only a new one tells something.
    """
    try:
        connection = pymysql.connect(
            host=bank.host, port=bank.port, user=bank.user, password=bank.password, connect_timeout=5,
            ssl=tls(bank.host, ssl),
        )  # fmt: skip
    except pymysql.MySQLError as error:
        raise ConnectorFailed(
            "of the bank",
            f"the database does not answer at {bank.host}:{bank.port} ({error}); see that it runs (the local "
            "stack: ringwatch stack up) and that RINGWATCH_MARIADB_* are right",
        ) from error
    with connection, connection.cursor() as cursor:

        def ask() -> set[int]:
            cursor.execute(
                "SELECT id FROM information_schema.processlist WHERE user = %s AND command LIKE 'Binlog Dump%%'",
                (debezium_user,),
            )
            return {row[0] for row in cursor.fetchall()}

        yield ask
