"""Postgres' tables for a comparison with the graph. Reads only: SELECT on them, and pg_monitor to see how
far the connector has been sent the log.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from deploy.verify.columns import Column, KeyPart, key_parts, named, values_of
from deploy.verify.connector import CannotVerify, Connector
from deploy.verify.postgres_columns import column, quoted
from deploy.verify.progress import POLL_S, Reach
from graph.columns import key_text
from graph.mapping_file import MappingFile
from graph.source import Mark, ReadAt, SourceRow
from ingest.events import Position, Transient

HERE = "(pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint"  # what is visible is inserted, maybe not written yet
STATEMENT_MS = 60_000


class PostgresSource:
    """See `graph.source.SourceReader`, and `deploy.verify.progress.Reaching`."""

    def __init__(self, url: str, connector: Connector, mapping: MappingFile, patience_s: float = 60.0) -> None:
        """`url` is libpq's. `patience_s`: how long a repair waits for open transactions to end."""
        self._url, self._connector, self._mapping, self._patience_s = url, connector, mapping, patience_s
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None
        self._tables: dict[str, tuple[str, list[Column]]] = {}

    # -- rows ---------------------------------------------------------------------------------

    def chunk(self, table: str, after: str, limit: int) -> Sequence[SourceRow]:
        """See SourceReader.chunk. A row without a key is no row of the graph: ingest refuses it."""
        parts = self._parts(table)
        places = ", ".join(each.place for each in parts)
        where = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in self._mapping.tables[table].key)
        if after:
            where += f" AND ({places}) > ({', '.join(f'%s::{each.given}' for each in parts)})"
        values = values_of(parts, after) or [] if after else []
        return self._select(table, f"WHERE {where} ORDER BY {places} LIMIT {limit:d}", values)

    def rows(self, table: str, keys: Sequence[str]) -> dict[str, SourceRow]:
        """See SourceReader.rows."""
        where, values = self._among(table, keys)
        found = {row.key: row for row in self._select(table, where, values)}
        return {key: found[key] for key in keys if key in found}

    def present(self, table: str, keys: Sequence[str]) -> set[str]:
        """See SourceReader.present."""
        columns = self._key(table)
        where, values = self._among(table, keys)
        text = f"SELECT {', '.join(each.sql for each in columns)} FROM {self._of(table)[0]} {where}"
        there = {
            key_text([str(each.read(value)) for each, value in zip(columns, row, strict=True)])
            for row in self._fetch(text, values)
        }
        return there & set(keys)

    # -- the log ------------------------------------------------------------------------------

    def mark(self) -> Mark:
        """See SourceReader.mark."""
        return Mark(self._position(int(self._fetch(f"SELECT {HERE}", [])[0][0])))

    def read_at(self, table: str, keys: Sequence[str]) -> ReadAt:
        """See SourceReader.read_at.

        Positions follow the log, not the order of commits: a transaction that is open now may have written
        one of these keys below this place already. So the rows are read when all of them have ended, and
        who writes them compares `stamp` (xmin) with what it was before. Less one: a change may begin here.
        """
        here = int(self._fetch(f"SELECT {HERE}", [])[0][0]) - 1
        self._await_open_transactions()
        at_ms = int(self._fetch("SELECT (extract(epoch from clock_timestamp()) * 1000)::bigint", [])[0][0])
        return ReadAt(self._position(here), at_ms, self.rows(table, keys))

    def reach(self, offset: Mapping[str, Any], mark: Mark) -> Reach:
        """See Reaching.reach. Transactions come in the order of their commits, each with its place in the log."""
        if offset.get("lsn") is None or offset.get("snapshot"):
            return Reach.BEHIND
        if int(offset["lsn"]) >= mark.position.offset:
            return Reach.PAST
        sent = self._fetch(
            "SELECT max((r.sent_lsn - '0/0'::pg_lsn)::bigint) FROM pg_replication_slots s "
            "JOIN pg_stat_replication r ON r.pid = s.active_pid WHERE s.slot_name = %s",
            [self._connector.settings.get("slot.name", "debezium")],
        )[0][0]
        return Reach.GIVEN if sent is not None and int(sent) >= mark.position.offset else Reach.BEHIND

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # -- plumbing -----------------------------------------------------------------------------

    def _position(self, lsn: int) -> Position:
        return Position(self._connector.name, self._connector.epoch, True, 0, lsn)

    def _await_open_transactions(self) -> None:
        (last,) = self._fetch("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint", [])[0]
        deadline = time.monotonic() + self._patience_s
        while int(self._fetch("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint", [])[0][0]) < int(last):
            if time.monotonic() > deadline:
                raise Transient(
                    f"a transaction of Postgres has been open for {self._patience_s:g} s, and what it wrote is not "
                    "known before it ends, so nothing can be mended; look at pg_stat_activity (the oldest "
                    "xact_start), and run it again"
                )
            time.sleep(POLL_S)

    def _select(self, table: str, rest: str, values: Sequence[object]) -> list[SourceRow]:
        place, columns = self._of(table)
        keys, names = [each.name for each in self._key(table)], [each.name for each in columns]
        reads = [each.read for each in columns]
        made = []
        for stamp, *found in self._fetch(
            f"SELECT xmin::text, {', '.join(each.sql for each in columns)} FROM {place} {rest}", values
        ):
            row = {n: None if v is None else read(v) for n, v, read in zip(names, found, reads, strict=True)}
            made.append(SourceRow(key_text([str(row[name]) for name in keys]), row, stamp))
        return made

    def _among(self, table: str, keys: Sequence[str]) -> tuple[str, list[object]]:
        """A WHERE clause that finds these keys, and more where a type takes two for one."""
        parts = self._parts(table)
        given = [values for key in keys if (values := values_of(parts, key)) is not None]
        lists = ", ".join(f"%s::{each.given}[]" for each in parts)
        columns: list[object] = [[values[n] for values in given] for n in range(len(parts))]
        return f"WHERE ({', '.join(each.place for each in parts)}) IN (SELECT * FROM unnest({lists}))", columns

    def _parts(self, table: str) -> list[KeyPart]:
        return key_parts(table, self._key(table))

    def _key(self, table: str) -> list[Column]:
        by_name = {each.name: each for each in self._of(table)[1]}
        try:
            return [by_name[name] for name in self._mapping.tables[table].key]
        except KeyError as error:
            raise CannotVerify(f"table {table!r} has no column {error} to be its key, as the mapping says") from None

    def _of(self, table: str) -> tuple[str, list[Column]]:
        if table not in self._tables:
            wanted = named(self._mapping.tables[table])
            about = self._fetch(
                "SELECT n.nspname, a.attname, coalesce(b.typname, t.typname), coalesce(b.typtype, t.typtype)::text, "
                "CASE WHEN a.atttypmod = -1 THEN t.typtypmod ELSE a.atttypmod END "
                "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = "
                "c.oid JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type b ON t.typtype = 'd' AND "
                "b.oid = t.typbasetype WHERE c.relname = %s AND c.relkind IN ('r', 'p') AND a.attnum > 0 "
                "AND NOT a.attisdropped AND a.attgenerated = '' AND n.nspname = ANY(%s) ORDER BY n.nspname, a.attnum",
                [table, self._schemas()],
            )
            schemas = sorted({row[0] for row in about})
            if len(schemas) != 1:
                raise CannotVerify(
                    f"table {table!r} is in {len(schemas)} of the connector's schemas ({', '.join(self._schemas())}); "
                    "expected in one: see schema.include.list and the mapping"
                )
            found = [column(*row[1:]) for row in about if row[1] in wanted]
            self._tables[table] = f"{quoted(schemas[0])}.{quoted(table)}", found
        return self._tables[table]

    def _schemas(self) -> list[str]:
        config = self._connector.settings
        listed = config.get("table.include.list", "").replace("\\", "").split(",")  # patterns: a dot may be escaped
        tables = [each.partition(".")[0] for each in listed if "." in each]
        given = [each.strip() for each in config.get("schema.include.list", "").split(",") if each.strip()] or tables
        return sorted({each.strip() for each in given} or {"public"})

    def _fetch(self, text: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        try:
            if self._connection is None or self._connection.closed:
                self._connection = psycopg.connect(
                    self._url, autocommit=True, connect_timeout=10,
                    options=f"-c TimeZone=UTC -c DateStyle=ISO -c statement_timeout={STATEMENT_MS}",
                )  # fmt: skip
            return self._connection.execute(text.encode(), values).fetchall()
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedTable) as error:
            raise CannotVerify(f"Postgres: {error}; who compares needs SELECT on the mapped tables") from error
        except psycopg.Error as error:
            self.close()
            raise Transient(f"Postgres: {error}") from error
