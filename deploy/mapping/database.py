"""The bank's live database, by the settings: its tables."""

from __future__ import annotations

from typing import Literal

import psycopg
import pymysql

from deploy.bankside import mariadb as mariadb_server
from deploy.config import PREFIX, ConfigError, Settings
from deploy.mapping import mariadb, postgres
from deploy.stack.errors import StackError
from deploy.stack.tls import tls
from graph.known_tables import Tables

Database = Literal["mariadb", "postgres"]
PATIENCE_S = 10


def tables_of(settings: Settings, database: Database) -> Tables:
    """The tables of the bank's database, and what its connector gives of them.

    Raises:
        ConfigError: it is not set.
        StackError: it does not answer, or holds no table this account may see.
    """
    found, where = _mariadb(settings) if database == "mariadb" else _postgres(settings)
    if not found:
        raise StackError(f"{where} holds no table this account may see; name the bank's database, or grant SELECT")
    return found


def _mariadb(settings: Settings) -> tuple[Tables, str]:
    at = mariadb_server(settings)
    where = f"MariaDB at {at.host}:{at.port}/{at.database}"
    try:
        with pymysql.connect(
            host=at.host, port=at.port, user=at.user, password=at.password, database=at.database,
            connect_timeout=PATIENCE_S, ssl=tls(at.host, settings.mariadb_ssl),
        ) as connection:  # fmt: skip
            return mariadb.tables(connection), where
    except pymysql.MySQLError as error:
        raise StackError(f"{where}: {error}; see that it runs, and {PREFIX}MARIADB_*") from error


def _postgres(settings: Settings) -> tuple[Tables, str]:
    if settings.postgres_host is None or settings.postgres_password is None:
        raise ConfigError(f"{PREFIX}POSTGRES_HOST and {PREFIX}POSTGRES_PASSWORD are not set; name the bank's database")
    where = (
        f"PostgreSQL at {settings.postgres_host}:{settings.postgres_port}/{settings.postgres_database}"
        f", schema {settings.postgres_schema}"
    )
    try:
        with psycopg.connect(
            host=settings.postgres_host, port=settings.postgres_port, dbname=settings.postgres_database,
            user=settings.postgres_user, password=settings.postgres_password.get_secret_value(),
            sslmode=settings.postgres_ssl or "prefer", connect_timeout=PATIENCE_S,
        ) as connection:  # fmt: skip
            return postgres.tables(connection, settings.postgres_schema), where
    except psycopg.Error as error:
        raise StackError(f"{where}: {error}; see that it runs, and {PREFIX}POSTGRES_*") from error
