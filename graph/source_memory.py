"""Tables in memory with a log of their own: a SourceReader for tests, and the changes a connector would send."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from graph.columns import key_text
from graph.mapping_file import MappingFile
from graph.source import Mark, ReadAt, SourceRow
from ingest.events import Change, Op, Position, Row


class MemorySource:
    """See `graph.source.SourceReader`. Each write is a change at the next position of its log."""

    def __init__(self, mapping: MappingFile, epoch: int = 1) -> None:
        """Empty tables of that mapping."""
        self._mapping, self._epoch, self._offset = mapping, epoch, 0
        self._tables: dict[str, dict[str, Row]] = {table: {} for table in mapping.tables}
        self.touched = 0

    def put(self, table: str, row: Row, at_ms: int = 0) -> Change:
        """Insert or update one row."""
        key = self._key(table, row)
        before = self._tables[table].get(key)
        self._tables[table][key] = row
        op = Op.CREATE if before is None else Op.UPDATE
        return Change(table, self._columns(table, row), op, before, row, self._next(), at_ms)

    def touch(self) -> None:
        """Every row is written, and none of its mapped columns changes."""
        self.touched += 1

    def delete(self, table: str, key: str, at_ms: int = 0) -> Change:
        """Delete one row, by its key's text."""
        before = self._tables[table].pop(key)
        return Change(table, self._columns(table, before), Op.DELETE, before, None, self._next(), at_ms)

    def chunk(self, table: str, after: str, limit: int) -> Sequence[SourceRow]:
        """See SourceReader.chunk."""
        keys = sorted(self._tables[table])
        start = bisect_right(keys, after) if after else 0
        return [self._row(table, key) for key in keys[start : start + limit]]

    def rows(self, table: str, keys: Sequence[str]) -> dict[str, SourceRow]:
        """See SourceReader.rows."""
        return {key: self._row(table, key) for key in keys if key in self._tables[table]}

    def present(self, table: str, keys: Sequence[str]) -> set[str]:
        """See SourceReader.present."""
        return set(self.rows(table, keys))

    def mark(self) -> Mark:
        """See SourceReader.mark."""
        return Mark(self._here())

    def read_at(self, table: str, keys: Sequence[str]) -> ReadAt:
        """See SourceReader.read_at."""
        return ReadAt(self._here(), 0, self.rows(table, keys))

    def _row(self, table: str, key: str) -> SourceRow:
        return SourceRow(key, self._tables[table][key], str(self.touched))

    def _next(self) -> Position:
        self._offset += 10  # a repair's position fits in between
        return self._here(-5)

    def _here(self, step: int = 0) -> Position:
        return Position(self._mapping.source, self._epoch, True, 1, self._offset + step)

    def _columns(self, table: str, row: Row) -> Row:
        return {name: row[name] for name in self._mapping.tables[table].key}

    def _key(self, table: str, row: Row) -> str:
        return key_text([str(row[name]) for name in self._mapping.tables[table].key])
