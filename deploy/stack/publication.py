"""What PostgreSQL has to hold ready for the connector: whole rows, a publication of the mapped tables, a slot.

The publication is made here, by the tables' owner, and not by Debezium: PostgreSQL lets only an owner publish a
table, so Debezium's own account would have to own the bank's tables. As it is, it may replicate and read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import psycopg
from psycopg import sql

from deploy.stack.endpoints import Postgres
from deploy.stack.errors import ConnectorFailed

Session = psycopg.Connection[tuple[object, ...]]

# A partitioned table's identity is that of its partitions, and rows come under the root's name.
IDENTITIES = """
SELECT root.relname, leaf.oid::regclass::text, leaf.relreplident = 'f'
FROM pg_class root
JOIN pg_namespace n ON n.oid = root.relnamespace
CROSS JOIN LATERAL (
    SELECT root.oid AS relid WHERE root.relkind = 'r'
    UNION ALL SELECT relid FROM pg_partition_tree(root.oid) WHERE root.relkind = 'p' AND isleaf
) AS part
JOIN pg_class leaf ON leaf.oid = part.relid
WHERE n.nspname = %s AND root.relkind IN ('r', 'p') AND root.relname = ANY(%s)
"""


def slot_name(source: str) -> str:
    """The replication slot and the publication of a source (PostgreSQL takes small letters, digits, underscores)."""
    return f"ringwatch_{re.sub(r'[^a-z0-9_]', '_', source.lower())}"[:63]


@contextmanager
def session(bank: Postgres) -> Iterator[Session]:
    """A connection to the bank's database, and its failures as ours."""
    try:
        with psycopg.connect(
            host=bank.host, port=bank.port, user=bank.user, password=bank.password, dbname=bank.database,
            connect_timeout=5, autocommit=True,
        ) as connection:  # fmt: skip
            yield connection
    except psycopg.OperationalError as error:
        raise ConnectorFailed(
            "of the bank",
            f"PostgreSQL at {bank.host}:{bank.port}: {str(error).strip()}; see that it runs (the local stack: "
            "ringwatch stack up) and that RINGWATCH_POSTGRES_* are right",
        ) from error


def require_whole_rows(connection: Session, name: str, schema: str, tables: Sequence[str]) -> None:
    """Raises ConnectorFailed with each mapped table that is not there or does not log its rows before a change."""
    found = connection.execute(IDENTITIES, (schema, list(tables))).fetchall()
    absent = sorted(set(tables) - {str(row[0]) for row in found})
    partial = sorted(str(leaf) for _, leaf, whole in found if not whole)
    said = []
    if absent:
        said.append(
            f"schema {schema!r} has no table {', '.join(absent)}; make it, or take it out of the mapping "
            "(RINGWATCH_MAPPING)"
        )
    if partial:
        said.append(
            "without whole rows before a change, deletions and large values would be lost; run, as the owner:\n"
            + "\n".join(f"  ALTER TABLE {table} REPLICA IDENTITY FULL;" for table in partial)
        )
    if said:
        raise ConnectorFailed(name, "PostgreSQL is not ready: " + "\n".join(said))


def publish(connection: Session, name: str, schema: str, tables: Sequence[str]) -> None:
    """Make the publication, or set its tables to these. Raises ConnectorFailed with what a DBA has to run."""
    publication = sql.Identifier(slot_name(name))
    listed = sql.SQL(", ").join(sql.Identifier(schema, table) for table in sorted(tables))
    known = connection.execute("SELECT 1 FROM pg_publication WHERE pubname = %s", (slot_name(name),)).fetchone()
    text = "ALTER PUBLICATION {} SET TABLE {}" if known else "CREATE PUBLICATION {} FOR TABLE {} {}"
    ending = sql.SQL("WITH (publish_via_partition_root = true)")
    statement = sql.SQL(text).format(publication, listed, ending)
    if known and _published(connection, name) == {(schema, table) for table in tables}:
        return
    try:
        connection.execute(statement)
    except psycopg.errors.InsufficientPrivilege as error:
        raise ConnectorFailed(
            name, f"this account may not publish the tables ({str(error).strip()}); run, as their owner:\n"
            f"  {statement.as_string(connection)};"
        ) from error  # fmt: skip


def _published(connection: Session, name: str) -> set[tuple[object, object]]:
    query = "SELECT schemaname, tablename FROM pg_publication_tables WHERE pubname = %s"
    return {(row[0], row[1]) for row in connection.execute(query, (slot_name(name),)).fetchall()}


@contextmanager
def slot_readers(bank: Postgres, name: str) -> Iterator[Callable[[], set[int]]]:
    """Yield a question to PostgreSQL: which process streams from the connector's slot now?

    While a slot is being made it has a process, but has confirmed nothing yet.
    """
    query = (
        "SELECT active_pid FROM pg_replication_slots "
        "WHERE slot_name = %s AND active AND confirmed_flush_lsn IS NOT NULL"
    )
    with session(bank) as connection:
        yield lambda: {int(str(row[0])) for row in connection.execute(query, (slot_name(name),)).fetchall()}


def drop_slot(connection: Session, name: str) -> None:
    """Forget how far the connector's slot had read; a no-op where there is none.

    A new one starts with the new snapshot, exactly. Raises ConnectorFailed with what a DBA has to run.
    """
    query = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s"
    try:
        connection.execute(query, (slot_name(name),))
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectInUse) as error:
        raise ConnectorFailed(
            name, f"its replication slot could not be dropped ({str(error).strip()}); run, with REPLICATION:\n"
            f"  SELECT pg_drop_replication_slot('{slot_name(name)}');"
        ) from error  # fmt: skip
