"""A mapping's flat files as Changes, all tables together in the order of their events' times.

A file that says it is sorted is read a row at a time; any other is held in memory (its mapped columns
only) and sorted. Rows of one time come in the order of the tables in the mapping, then of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from heapq import merge
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec

from graph.columns import MOMENT_ZERO, time_ms
from graph.flat_files import FlatError, Line, lines
from graph.mapping import Mapping, Plan
from graph.mapping_checks import row_time
from graph.mapping_rules import ROW, FileRule, MappingFile, TableRule
from graph.mapping_uses import uses
from graph.times import moment_ms, parsed
from ingest.events import Change, Op, Position, Reject, Row

BIAS_MS = 1 << 42  # times before 1970 too; CENTURY_MS is below it
ROW_BITS, FILE_BITS, TIE_BITS = 36, 8, 24
FILES = (1 << FILE_BITS) - 1


class Refused(msgspec.Struct, frozen=True):
    """A row that could not be used: its table, place (file:line) and why."""

    table: str
    place: str
    reason: str

    def __str__(self) -> str:
        """As a message."""
        return f"{self.place}: {self.reason}"


class FlatRow(msgspec.Struct, frozen=True):
    """One row as a Change, and its place (file:line)."""

    change: Change
    place: str


class _Item(msgspec.Struct):
    """What a file gives, where it stands in the order of all: (time, table's number, row's number)."""

    order: tuple[int, int, int]
    found: FlatRow | Refused


def position(source: str, time_ms: int, table: int, row: int) -> Position:
    """A place in the log that flat files are: ordered by time, then table, then row, whatever else is there.

    64 bits of offset hold the time (43), the table (8) and the row's high bits (12), `row` its low 24.
    """
    tie = (table << ROW_BITS) | row
    offset = ((time_ms + BIAS_MS) << (FILE_BITS + ROW_BITS - TIE_BITS)) | (tie >> TIE_BITS)
    return Position(source, 1, True, 0, offset, tie & ((1 << TIE_BITS) - 1))


def read(mapping: MappingFile, folder: Path) -> Iterator[FlatRow | Refused]:
    """Every row of the mapping's files in the order of time, as it was committed at its event's time.

    Raises:
        FlatError: a file is missing, can't be read, or is not sorted though it says so.
    """
    tables = {name: rule for name, rule in mapping.tables.items() if rule.file is not None}
    if not tables or len(tables) > FILES:
        raise FlatError(f"the mapping names {len(tables)} tables with a `file`, expected 1 to {FILES}")
    streams = [_Table(mapping, name, number, folder).items() for number, name in enumerate(tables, start=1)]
    return (item.found for item in merge(*streams, key=attrgetter("order")))


def planned(mapping: Mapping, folder: Path, refused: Callable[[Refused], None]) -> Iterator[tuple[Change, Plan]]:
    """The same, with what each row does to the graph; rows that do not fit go to `refused` and stop nothing.

    Raises:
        FlatError: see `read`.
    """
    for found in read(mapping.file, folder):
        if isinstance(found, Refused):
            refused(found)
            continue
        try:
            plan = mapping.plan(found.change)
        except Reject as reason:
            refused(Refused(found.change.table, found.place, str(reason)))
            continue
        yield found.change, plan


def first(mapping: Mapping, name: str, folder: Path, rows: int) -> tuple[list[tuple[FlatRow, Plan]], list[Refused]]:
    """What the first rows of one table become, in the file's order, and which of them are refused.

    Raises:
        FlatError: see `read`.
    """
    fit: list[tuple[FlatRow, Plan]] = []
    unfit: list[Refused] = []
    for item in islice(_Table(mapping.file, name, 1, folder).as_they_come(), rows):
        try:
            if isinstance(item.found, Refused):
                unfit.append(item.found)
            else:
                fit.append((item.found, mapping.plan(item.found.change)))
        except Reject as reason:
            unfit.append(Refused(name, item.found.place, str(reason)))
    return fit, unfit


class _Table:
    """One table's rows, in order."""

    def __init__(self, mapping: MappingFile, name: str, number: int, folder: Path) -> None:
        self.source, self.name, self.number, self.folder = mapping.source, name, number, folder
        self.rule: TableRule = mapping.tables[name]
        assert self.rule.file is not None  # read() takes only those
        self.file: FileRule = self.rule.file
        self.time = row_time(self.rule)
        self.wanted = stored(self.rule)
        self.lookups = {column: _looked_up(mapping, folder, column, self.file) for column in self.file.lookup}

    def items(self) -> Iterator[_Item]:
        if self.file.sorted or self.time is None:
            return self._checked()
        return iter(sorted(self.as_they_come(), key=attrgetter("order")))

    def _checked(self) -> Iterator[_Item]:
        """As they come. A row that is earlier than the one before it would rewrite the past."""
        before = 0
        for n, item in enumerate(self.as_they_come()):
            if n and item.order[0] < before and isinstance(item.found, FlatRow):
                raise FlatError(f"{item.found.place}: is earlier than the row before it; set `sorted = false`")
            before = item.order[0]
            yield item

    def as_they_come(self) -> Iterator[_Item]:
        """In the file's order."""
        at_ms = -BIAS_MS  # of a row that does not say: the one before it
        for line in lines(self.file, self.folder, self.wanted):
            try:
                row = self._row(line)
                at_ms = moment_ms(self.time, row) if self.time is not None else at_ms
                found: FlatRow | Refused = FlatRow(self._change(row, line, at_ms), line.place)
            except Reject as reason:
                found = Refused(self.name, line.place, str(reason))
            yield _Item((at_ms, self.number, line.number), found)

    def _row(self, line: Line) -> dict[str, Any]:
        if line.cells is None:
            raise Reject(line.problem)
        row: dict[str, Any] = dict(zip(self.wanted, line.cells, strict=True))
        row.update(self.file.add)
        for column, known in self.lookups.items():
            row[column] = known.get(row[self.file.lookup[column].own])
        for column, written in self.file.times.items():
            if row.get(column) is not None:
                row[column] = _moment(row[column], written, column)
        return row

    def _change(self, row: Row, line: Line, at_ms: int) -> Change:
        key = {name: row.get(name) for name in self.rule.key} if self.rule.key else {ROW: line.number}
        committed_ms = at_ms if self.time is not None else 0
        at = position(self.source, at_ms, self.number, line.number)
        return Change(self.name, key, Op.CREATE, None, row, at, committed_ms)


def stored(rule: TableRule) -> list[str]:
    """The columns that are read from the table's file: what the rules use and is not added."""
    file = rule.file or FileRule(path="-")
    made = file.add.keys() | file.lookup.keys()
    names = [use.column for use in uses(rule)] + [lookup.own for lookup in file.lookup.values()]
    return list(dict.fromkeys(name for name in names if name not in made))


def _looked_up(mapping: MappingFile, folder: Path, column: str, file: FileRule) -> dict[Any, Any]:
    """Key → value of another table's file; later rows of a key win."""
    lookup = file.lookup[column]
    other = mapping.tables[lookup.table].file
    assert other is not None  # the format asks for it
    read = lines(other, folder, [lookup.key, lookup.column])
    return {line.cells[0]: line.cells[1] for line in read if line.cells is not None}


def _moment(value: Any, written: str, name: str) -> Any:
    """A time as the file writes it; a rule's own unit is how the database gives it."""
    if "%" in written:
        return parsed(value, written, name)
    return MOMENT_ZERO + timedelta(milliseconds=time_ms(value, written, name))
