"""The two values everything else is built on: a Change and its Position in the source's log."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache, total_ordering
from typing import Any

import msgspec

# Ringwatch's own (ingest/labels.py): a bank's rows under these names would pass for analysts' decisions.
RESERVED_TABLE, RESERVED_SOURCE = "analyst_decisions", "analysts"


class IngestError(Exception):
    """Base of what this package raises."""


class Reject(IngestError):
    """One record can't be used: dead-letter it with this reason and go on. Retrying would not help."""


class Transient(IngestError):
    """A server did not do what it should have: retry with back-off, never dead-letter."""


class Halt(IngestError):
    """The mapping says to stop here (`missing = "stop"`): end the process before the offset is committed.
    Nothing is lost: mend the mapping, start again, and the same record comes first.
    """


class Op(StrEnum):
    """Debezium's operation codes (debezium.io, "Data change events")."""

    CREATE = "c"
    UPDATE = "u"
    DELETE = "d"
    READ = "r"  # a row read by a snapshot
    TRUNCATE = "t"


_TOKEN = re.compile(r"(.+)/([0-9a-f]{4})\.([01])\.([0-9a-f]{8})\.([0-9a-f]{16})\.([0-9a-f]{6})")


@lru_cache(maxsize=64)
def _log(source: str, epoch: int, stream: bool, file: int) -> str:
    """The part of a token that thousands of records share."""
    return f"{source}/{epoch:04x}.{stream:d}.{file:08x}."


@total_ordering
class Position(msgspec.Struct, frozen=True, dict=True):
    """A place in one source's log.

    Within an epoch every snapshot row comes before every streamed row; streamed rows are ordered by
    the log: MariaDB and MySQL by (binlog file number, byte offset, row in the event), Postgres by
    LSN (file 0, the LSN as offset). Snapshot rows keep the log position they were read at.

    The epoch is stamped into each record by the connector (a header), never guessed: it rises when
    a source is moved to another server, whose log positions mean something else.
    """

    source: str
    epoch: int
    stream: bool
    file: int
    offset: int
    row: int = 0

    @property
    def token(self) -> str:
        """Fixed-width text that sorts as the Position does, for stores that compare text.

        16 hex digits hold a Postgres LSN (64 bits), more than any binlog offset needs.
        """
        token: str | None = self.__dict__.get("token")
        if token is None:  # asked for five times a record
            log = _log(self.source, self.epoch, self.stream, self.file)
            token = self.__dict__["token"] = f"{log}{self.offset:016x}.{self.row:06x}"
        return token

    @classmethod
    def parse(cls, token: str) -> Position:
        """Read a token back.

        Raises:
            ValueError: the text is not a token.
        """
        if (parts := _TOKEN.fullmatch(token)) is None:
            raise ValueError(f"not a position: {token[:300]!r} (expected source/epoch.stream.file.offset.row, in hex)")
        epoch, file, offset, row = (int(parts[n], 16) for n in (2, 4, 5, 6))
        return cls(parts[1], epoch, parts[3] == "1", file, offset, row)

    def __lt__(self, other: Position) -> bool:
        """Order within one source.

        Raises:
            ValueError: the two come from different sources, which have no common order.
        """
        if self.source != other.source:
            raise ValueError(f"positions of {self.source!r} and {other.source!r} have no order between them")
        return self._order() < other._order()

    def _order(self) -> tuple[int, bool, int, int, int]:
        return self.epoch, self.stream, self.file, self.offset, self.row


Row = Mapping[str, Any]


class Change(msgspec.Struct, frozen=True, gc=False):
    """One row-level change of one table.

    Attributes:
        table: the table's name, without database or schema.
        key: the primary key's columns, in the table's order.
        before: the row before (update, delete), or None.
        after: the row after (create, update, read), or None.
        position: where in the log it stands.
        committed_ms: the source's commit time, ms since 1970 UTC (MariaDB: whole seconds). For a
            snapshot row the time it was read.
        completes: this is the last row of a whole snapshot: what stands below its position, in any
            table of the source, was not read again, so it is gone.
    """

    table: str
    key: Row
    op: Op
    before: Row | None
    after: Row | None
    position: Position
    committed_ms: int
    completes: bool = False

    def ending(self) -> Change:
        """Only that the snapshot ended here: what is left of its last row when that row is refused."""
        return Change(self.table, {}, Op.READ, None, None, self.position, self.committed_ms, completes=True)


class Reread(msgspec.Struct, frozen=True):
    """A row of an incremental snapshot. It has no position of its own, so it is never written; it only
    names a key to read again (`ringwatch graph reread`).
    """

    table: str
    key: Row
