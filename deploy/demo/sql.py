"""The demo bank writing real SQL into MariaDB: the history in bulk, then transaction by transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from ssl import SSLContext
from typing import Any

import pymysql
from pymysql.constants import CLIENT

from deploy.demo.change import Row, RowChange
from deploy.demo.tables import COLUMNS, TIME_COLUMNS, Tables
from ingest.events import Op

SCHEMA = Path(__file__).with_name("schema.sql")
BULK = 1_000  # rows per INSERT of the history


def connect(
    host: str, port: int, user: str, password: str, database: str, tls: SSLContext | None = None
) -> pymysql.Connection:
    """A connection that takes several statements at a time, so that a transaction is one round trip."""
    return pymysql.connect(
        host=host, port=port, user=user, password=password, database=database, autocommit=True,
        client_flag=CLIENT.MULTI_STATEMENTS, init_command="SET time_zone='+00:00'", ssl=tls,
    )  # fmt: skip


class Writer:
    """Writes the demo bank's changes as its application would.

    Each transaction runs under `SET timestamp`, MariaDB's own way of saying when a statement
    happened (replication uses it): the binlog, and with it Debezium's commit time, carries the
    simulated clock, in whole seconds as MariaDB keeps it.
    """

    def __init__(self, connection: pymysql.Connection) -> None:
        """The connection stays the caller's to close."""
        self._connection = connection

    def create(self) -> None:
        """Make the tables anew, empty."""
        drops = "".join(f"DROP TABLE IF EXISTS `{table}`;" for table in COLUMNS)
        self._run(drops + SCHEMA.read_text(encoding="utf-8"))

    def load(self, tables: Tables) -> int:
        """Insert the rows as they stand. Returns how many."""
        total = 0
        for table, columns in COLUMNS.items():
            rows: Iterator[Row] = iter(tables.rows[table].values())
            while batch := list(islice(rows, BULK)):
                values = ",".join(self._values(columns, row) for row in batch)
                self._run(f"INSERT INTO `{table}` ({_names(columns)}) VALUES {values}")
                total += len(batch)
        return total

    def commit(self, changes: list[RowChange]) -> None:
        """One transaction, in one round trip."""
        self.commit_each([changes])

    def commit_each(self, transactions: Sequence[list[RowChange]]) -> None:
        """Several transactions, each with a commit of its own, in one round trip."""
        self._run(";".join(map(self._transaction, transactions)))

    def _transaction(self, changes: list[RowChange]) -> str:
        statements = ";".join(self._statement(change) for change in changes)
        return f"SET timestamp={changes[0].at_ms / 1000:.3f};BEGIN;{statements};COMMIT"

    def _run(self, text: str) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(text)
            while cursor.nextset():
                pass

    def _statement(self, change: RowChange) -> str:
        table, key = change.table, change.row_id
        columns = COLUMNS[table]
        if change.op is Op.DELETE:
            return f"DELETE FROM `{table}` WHERE id={key}"
        assert change.after is not None
        if change.op is Op.CREATE:
            return f"INSERT INTO `{table}` ({_names(columns)}) VALUES {self._values(columns, change.after)}"
        before = change.before or {}
        changed = [name for name in columns if before.get(name) != change.after[name]]
        pairs = ",".join(f"`{name}`={self._literal(name, change.after[name])}" for name in changed)
        return f"UPDATE `{table}` SET {pairs} WHERE id={key}"

    def _values(self, columns: tuple[str, ...], row: Row) -> str:
        return "(" + ",".join(self._literal(name, row[name]) for name in columns) + ")"

    def _literal(self, name: str, value: Any) -> str:
        if name in TIME_COLUMNS and value is not None:
            at = datetime.fromtimestamp(value // 1000, UTC)
            return f"'{at:%Y-%m-%d %H:%M:%S}.{value % 1000:03d}'"
        return str(self._connection.escape(value))


def _names(columns: tuple[str, ...]) -> str:
    return ",".join(f"`{name}`" for name in columns)
