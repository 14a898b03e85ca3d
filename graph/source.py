"""A bank's tables as they stand, row by row: what a comparison with the graph reads of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Protocol

import msgspec

from ingest.events import Position, Row


class SourceRow(msgspec.Struct, frozen=True):
    """A row, its values exactly as the connector would send them. `key` is `graph.columns.key_text` of its key.

    `stamp` changes with each write of the row, where the database keeps such a thing.
    """

    key: str
    row: Row
    stamp: str = ""


class Mark(msgspec.Struct, frozen=True):
    """A place in the source's log. `transactions`: all committed before it, where the database says so (GTIDs)."""

    position: Position
    transactions: str = ""


class ReadAt(msgspec.Struct, frozen=True):
    """Rows as they stood at a position: above all changes they show, below all that will come, whatever its `row`.

    `at_ms` is the database's clock, ms since 1970 UTC.
    """

    position: Position
    at_ms: int
    rows: dict[str, SourceRow]


class SourceReader(Protocol):
    """A source's tables. Every answer is of this moment.

    Each method raises Transient when the database does not answer.
    """

    def chunk(self, table: str, after: str, limit: int) -> Sequence[SourceRow]:
        """The next rows in the order of the key, behind the key text `after` (empty: from the start)."""
        ...

    def rows(self, table: str, keys: Sequence[str]) -> dict[str, SourceRow]:
        """Those of these keys that are there."""
        ...

    def present(self, table: str, keys: Sequence[str]) -> set[str]:
        """Which of these keys are there."""
        ...

    def mark(self) -> Mark:
        """A place in the log behind everything that any answer so far has shown."""
        ...

    def read_at(self, table: str, keys: Sequence[str]) -> ReadAt:
        """Those of these keys that are there, with the position to write them at.

        Raises:
            Transient: the database did not come to a state that has one in time; says what holds it up.
        """
        ...


def digest(row: SourceRow | None) -> bytes:
    """Tells a row from what it was before, written again or not; empty where there is none."""
    return b"" if row is None else content(row) + row.stamp.encode()


def content(row: SourceRow | None) -> bytes:
    """The same of what its columns hold, as far as they are mapped. 128 bits."""
    return b"" if row is None else hashlib.blake2b(msgspec.json.encode(row.row), digest_size=16).digest()
