"""MariaDB's tables for a comparison with the graph. Reads only, and needs no more than SELECT on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from ssl import SSLContext
from typing import Any, TypeVar

import pymysql
from pymysql.converters import encoders

from deploy.stack.endpoints import MariaDb
from deploy.verify.columns import Column, KeyPart, key_parts, named, values_of
from deploy.verify.connector import CannotVerify, Connector
from deploy.verify.mariadb_columns import column, quoted
from deploy.verify.progress import Reach
from graph.columns import key_text
from graph.mapping_file import MappingFile
from graph.source import Mark, ReadAt, SourceRow
from ingest.events import Position, Transient

T = TypeVar("T")
KEYS = 500  # of one statement: from 1,000 on MariaDB makes a temporary table of them
TIMEOUT_S = 60
AS_TEXT: dict[Any, Any] = dict(encoders)  # no decoders: every value comes as the server writes it


class MariaDbSource:
    """See `graph.source.SourceReader`, and `deploy.verify.progress.Reaching`."""

    def __init__(
        self, at: MariaDb, connector: Connector, mapping: MappingFile, tls: SSLContext | None = None
    ) -> None:
        """Connects when it is first asked, and again after a fault."""
        self._tls = tls
        self._at, self._connector, self._mapping = at, connector, mapping
        self._connection: pymysql.Connection | None = None
        self._columns: dict[str, list[Column]] = {}

    # -- rows ---------------------------------------------------------------------------------

    def chunk(self, table: str, after: str, limit: int) -> Sequence[SourceRow]:
        """See SourceReader.chunk. A row without a key is no row of the graph: ingest refuses it."""
        keys = self._parts(table)
        some = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in self._mapping.tables[table].key)
        more, values = _behind(keys, values_of(keys, after) or []) if after else ("", [])
        order = ", ".join(each.place for each in keys)
        return self._select(table, f"WHERE {some}{more} ORDER BY {order} LIMIT {limit:d}", values)

    def rows(self, table: str, keys: Sequence[str]) -> dict[str, SourceRow]:
        """See SourceReader.rows."""
        found: dict[str, SourceRow] = {}
        for where, values in self._among(table, keys):
            found |= {row.key: row for row in self._select(table, where, values)}
        return {key: found[key] for key in keys if key in found}

    def present(self, table: str, keys: Sequence[str]) -> set[str]:
        """See SourceReader.present."""
        columns, found = self._key(table), set[str]()
        for where, values in self._among(table, keys):
            found |= {_key_text(columns, row) for row in self._fetch(self._text(table, columns, where), values)}
        return found & set(keys)

    def _among(self, table: str, keys: Sequence[str]) -> Iterator[tuple[str, list[object]]]:
        """WHERE clauses that find these keys, and more where a collation takes two for one."""
        parts = self._parts(table)
        given = [values for key in keys if (values := values_of(parts, key)) is not None]
        for at in range(0, len(given), KEYS):
            yield _in(parts, given[at : at + KEYS])

    # -- the log ------------------------------------------------------------------------------

    def mark(self) -> Mark:
        """See SourceReader.mark."""
        with self._snapshot() as position:
            (transactions,) = self._fetch("SELECT @@global.gtid_binlog_pos", [])[0]
        return Mark(position, transactions)

    def read_at(self, table: str, keys: Sequence[str]) -> ReadAt:
        """See SourceReader.read_at: a consistent snapshot knows its exact place in the binlog."""
        with self._snapshot() as position:
            (at_ms,) = self._fetch("SELECT CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)", [])[0]
            return ReadAt(position, int(at_ms), self.rows(table, keys))

    def reach(self, offset: Mapping[str, Any], mark: Mark) -> Reach:
        """See Reaching.reach. An offset names the beginning of the transaction whose rows come next or were last."""
        if not offset.get("file") or (offset.get("snapshot") and not offset.get("snapshot_completed")):
            return Reach.BEHIND
        if (_number(offset["file"]), int(offset["pos"])) >= (mark.position.file, mark.position.offset):
            return Reach.PAST
        begun, wanted = _gtids(str(offset.get("gtids") or "")), _gtids(mark.transactions)
        given = wanted and all(begun.get(domain, -1) >= last for domain, last in wanted.items())
        return Reach.GIVEN if given else Reach.BEHIND

    # -- plumbing -----------------------------------------------------------------------------

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _snapshot(self) -> Iterator[Position]:
        """Within it every answer is of one moment, whose place in the binlog is the position."""
        self._fetch("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", [])  # below it there is no snapshot
        self._fetch("START TRANSACTION WITH CONSISTENT SNAPSHOT", [])
        try:
            status = dict(self._fetch("SHOW STATUS LIKE 'binlog_snapshot_%%'", []))
            file = status.get("Binlog_snapshot_file", "")
            if not file:
                raise CannotVerify("MariaDB says no place in its binlog; is log_bin on? The connector needs it as well")
            name, epoch = self._connector.name, self._connector.epoch
            yield Position(name, epoch, True, _number(file), int(status["Binlog_snapshot_position"]))
        finally:
            if self._connection is not None:
                self._fetch("ROLLBACK", [])

    def _select(self, table: str, rest: str, values: Sequence[object]) -> list[SourceRow]:
        columns, keys = self._of(table), [each.name for each in self._key(table)]
        names, reads = [each.name for each in columns], [each.read for each in columns]
        made = []
        for cells_ in self._fetch(self._text(table, columns, rest), values):
            row = {n: None if v is None else read(v) for n, v, read in zip(names, cells_, reads, strict=True)}
            made.append(SourceRow(key_text([str(row[name]) for name in keys]), row))
        return made

    def _text(self, table: str, columns: Sequence[Column], rest: str) -> str:
        return f"SELECT {', '.join(each.sql for each in columns)} FROM {quoted(table)} {rest}"

    def _key(self, table: str) -> list[Column]:
        by_name = {each.name: each for each in self._of(table)}
        try:
            return [by_name[name] for name in self._mapping.tables[table].key]
        except KeyError as error:
            raise CannotVerify(f"table {table!r} has no column {error} to be its key, as the mapping says") from None

    def _parts(self, table: str) -> list[KeyPart]:
        return key_parts(table, self._key(table))

    def _of(self, table: str) -> list[Column]:
        if table not in self._columns:
            wanted = named(self._mapping.tables[table])
            about = self._described(table)
            if not about:
                raise CannotVerify(f"MariaDB's database {self._at.database!r} has no table {table!r}")
            found = [column(each) for each in about if each["column_name"] in wanted]
            self._columns[table] = [each for each in found if each is not None]
        return self._columns[table]

    def _described(self, table: str) -> list[dict[str, Any]]:
        about = "column_name, data_type, column_type, datetime_precision, is_nullable, character_set_name, extra"
        rows = self._fetch(
            f"SELECT {about} FROM information_schema.columns "
            "WHERE table_schema = DATABASE() AND table_name = %s ORDER BY ordinal_position", [table]
        )  # fmt: skip
        return [dict(zip(about.split(", "), row, strict=True)) for row in rows]

    def _fetch(self, text: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        def ask(connection: pymysql.Connection) -> list[tuple[Any, ...]]:
            with connection.cursor() as cursor:
                cursor.execute(text, values)  # always with values: a name's % is doubled
                return list(cursor.fetchall())

        return self._ask(ask)

    def _ask(self, ask: Callable[[pymysql.Connection], T]) -> T:
        try:
            if self._connection is None:
                self._connection = self._connect()
            return ask(self._connection)
        except pymysql.ProgrammingError as error:
            raise CannotVerify(f"MariaDB: {error}; the user that compares needs SELECT on the mapped tables") from error
        except (pymysql.MySQLError, OSError) as error:
            self._connection = None
            raise Transient(f"MariaDB at {self._at.host}:{self._at.port}: {error}") from error

    def _connect(self) -> pymysql.Connection:
        at = self._at
        return pymysql.connect(
            host=at.host, port=at.port, user=at.user, password=at.password, database=at.database, autocommit=True,
            charset="utf8mb4", conv=AS_TEXT, init_command="SET time_zone = '+00:00', sql_mode = ''",
            connect_timeout=10, read_timeout=TIMEOUT_S, write_timeout=TIMEOUT_S, ssl=self._tls,
        )  # fmt: skip


def _behind(keys: Sequence[KeyPart], after: Sequence[object]) -> tuple[str, list[object]]:
    """`(a, b) > (x, y)`, spelt so that the index is used."""
    ways, given = [], list[object]()
    for n, each in enumerate(keys):
        same = [f"{before.place} = {before.given}" for before in keys[:n]]
        ways.append(" AND ".join([*same, f"{each.place} > {each.given}"]))
        given += after[: n + 1]
    first = f" AND {keys[0].place} >= {keys[0].given}" if len(keys) > 1 else ""
    return f"{first} AND ({' OR '.join(ways)})", [*(after[:1] if first else []), *given]


def _in(keys: Sequence[KeyPart], wanted: Sequence[Sequence[object]]) -> tuple[str, list[object]]:
    if len(keys) == 1:
        return f"WHERE {keys[0].place} IN ({', '.join([keys[0].given] * len(wanted))})", [key[0] for key in wanted]
    one = " AND ".join(f"{each.place} = {each.given}" for each in keys)
    return f"WHERE {' OR '.join([f'({one})'] * len(wanted))}", [value for key in wanted for value in key]


def _key_text(keys: Sequence[Column], row: Sequence[Any]) -> str:
    return key_text([str(each.read(value)) for each, value in zip(keys, row, strict=True)])


def _number(file: str) -> int:
    return int(file.rpartition(".")[2])


def _gtids(text: str) -> dict[str, int]:
    """The last transaction of each domain: domain-server-number, comma-separated."""
    parts = [each.strip().split("-") for each in text.split(",") if each.count("-") == 2]
    return {domain: int(number) for domain, _, number in parts}
