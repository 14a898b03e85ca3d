"""Where the running servers answer, and with which credentials."""

from __future__ import annotations

from dataclasses import dataclass, field

from deploy.stack import connect, mariadb, neo4j, postgres
from deploy.stack.layout import Layout
from deploy.stack.secrets import Secrets
from deploy.stack.server import HOST


@dataclass(frozen=True, slots=True)
class _Database:
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str


class MariaDb(_Database):
    """The demo bank's database; the user may do anything in it."""


class Postgres(_Database):
    """A bank's database on PostgreSQL; the user owns its tables."""


@dataclass(frozen=True, slots=True)
class Neo4j:
    """The graph over bolt."""

    uri: str
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Capture:
    """What a connector joins: the bank's database, Kafka, Kafka Connect; as Endpoints names them."""

    mariadb: MariaDb
    kafka_bootstrap: str
    connect_url: str
    debezium_user: str
    debezium_password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PostgresCapture:
    """The same where the bank's database is PostgreSQL."""

    postgres: Postgres
    kafka_bootstrap: str
    connect_url: str
    debezium_user: str
    debezium_password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Everything a client of the stack needs to know.

    `debezium_password` is no password but the reference that Kafka Connect resolves from its own file;
    `postgres_capture` is for a bank on the stack's PostgreSQL.
    `postgres_url` is SQLAlchemy's; it and `redis_url` hold their passwords.
    """

    mariadb: MariaDb
    kafka_bootstrap: str
    connect_url: str
    neo4j: Neo4j
    postgres_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    debezium_user: str
    debezium_password: str
    postgres_capture: PostgresCapture


def endpoints_of(layout: Layout, secrets: Secrets) -> Endpoints:
    """Return the endpoints of a stack."""
    ports = layout.ports
    kafka, connect_url = f"{HOST}:{ports.kafka}", f"http://{HOST}:{ports.connect}"
    bank = Postgres(HOST, ports.postgres, postgres.BANK_USER, secrets.postgres_bank, postgres.BANK_DATABASE)
    account = f"{postgres.USER}:{secrets.postgres_ringwatch}"
    return Endpoints(
        mariadb=MariaDb(HOST, ports.mariadb, mariadb.BANK_USER, secrets.mariadb_bank, mariadb.DATABASE),
        kafka_bootstrap=kafka,
        connect_url=connect_url,
        neo4j=Neo4j(neo4j.uri(layout), neo4j.USER, secrets.neo4j),
        postgres_url=f"postgresql+psycopg://{account}@{HOST}:{ports.postgres}/{postgres.DATABASE}",
        redis_url=f"redis://:{secrets.redis}@{HOST}:{ports.redis}/0",
        debezium_user=mariadb.DEBEZIUM_USER,
        debezium_password=connect.password_reference(layout, "dbz"),
        postgres_capture=PostgresCapture(
            bank, kafka, connect_url, postgres.DEBEZIUM_USER, connect.password_reference(layout, "dbz_postgres")
        ),
    )
