"""The dead-letter topic folded: which letters are open, without their values.

SQLite holds it, in a file of its own that is gone when it is closed: it spills to disk what does not fit
2 MB, so a topic of ten million letters is listed in the memory that ten need.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated

import msgspec

from ingest.deadletter import OUTCOME
from ingest.records import Record

Int64 = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
OPEN = "open"
KIND_LIMIT = 160  # characters: the start of a reason says what is wrong, the rest what to do
_HELD = re.compile(r"(holds|\(it has|names) .*?(?=, expected|$)|'[^']{40,}'|\d+", re.DOTALL)

_TABLE = """CREATE TABLE letters (place TEXT PRIMARY KEY, state TEXT, part INT, off INT, topic TEXT,
            position TEXT, reason TEXT, kind TEXT, key BLOB, refused_ms INT) WITHOUT ROWID"""
_PUT = "INSERT OR REPLACE INTO letters VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_SETTLE = """INSERT INTO letters (place, state) VALUES (?, ?)
             ON CONFLICT (place) DO UPDATE SET state = excluded.state"""
_WANTED = """FROM letters WHERE state = 'open' AND (:topic IS NULL OR topic = :topic
             OR substr(topic, -length(:topic) - 1) = '.' || :topic)
             AND (:reason IS NULL OR instr(lower(reason), lower(:reason))) AND refused_ms >= :since_ms"""


class Line(msgspec.Struct, frozen=True):
    """A dead letter without its value and headers: what a list shows."""

    topic: str
    partition: Int64
    offset: Int64
    position: str
    reason: str
    key: bytes | None
    refused_ms: Int64

    @property
    def place(self) -> str:
        """topic[partition]@offset."""
        return f"{self.topic}[{self.partition}]@{self.offset}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters: those of a topic (or of a table: its last part), with this in the reason, refused since."""

    topic: str | None = None
    reason: str | None = None
    since_ms: int = 0


@dataclass(frozen=True, slots=True)
class Spot:
    """An open letter and where it is in the dead-letter topic."""

    place: str
    partition: int
    offset: int


_line = msgspec.json.Decoder(Line)


class LetterIndex:
    """The latest word on each place: a letter met twice is one, a tombstone settles it."""

    def __init__(self, records: Iterable[Record]) -> None:
        """Reads them all. `unreadable` counts those that are no letters."""
        self.unreadable = 0
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute("PRAGMA journal_mode = OFF")  # nothing here is ever rolled back
        self._db.execute(_TABLE)
        self._db.execute("BEGIN")
        for record in records:
            self._take(record)

    def _take(self, record: Record) -> None:
        if record.value is None:
            outcome = record.header(OUTCOME) or b"dropped"
            self._db.execute(_SETTLE, ((record.key or b"").decode(errors="replace"), outcome.decode(errors="replace")))
            return
        try:
            line = _line.decode(record.value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self.unreadable += 1
            return
        if line.place.encode() != record.key:  # its tombstone would not meet it
            self.unreadable += 1
            return
        at = (line.place, OPEN, record.partition, record.offset)
        told = (line.topic, line.position, line.reason, kind_of(line.reason), line.key, line.refused_ms)
        self._db.execute(_PUT, at + told)

    def count(self, wanted: Wanted) -> int:
        """How many open letters."""
        return int(self._db.execute(f"SELECT count(*) {_WANTED}", _values(wanted)).fetchone()[0])

    def lines(self, wanted: Wanted, limit: int) -> Iterator[Line]:
        """Open letters, newest first."""
        told = "place, topic, position, reason, key, refused_ms"
        rows = self._db.execute(
            f"SELECT {told} {_WANTED} ORDER BY refused_ms DESC, place LIMIT :limit", {**_values(wanted), "limit": limit}
        )
        for place, topic, *rest in rows:
            partition, _, offset = place[len(topic) + 1 :].partition("]@")
            yield Line(topic, int(partition), int(offset), *rest)

    def kinds(self, wanted: Wanted, limit: int) -> list[tuple[str, int]]:
        """How many open letters of each kind of reason, most first."""
        text = f"SELECT kind, count(*) AS n {_WANTED} GROUP BY kind ORDER BY n DESC, kind LIMIT :limit"
        return [(kind, n) for kind, n in self._db.execute(text, {**_values(wanted), "limit": limit})]

    def spots(self, wanted: Wanted) -> Iterator[Spot]:
        """Open letters, as they lie in the dead-letter topic."""
        for row in self._db.execute(f"SELECT place, part, off {_WANTED} ORDER BY part, off", _values(wanted)):
            yield Spot(*row)

    def find(self, place: str) -> Spot | str | None:
        """An open letter; or how it was settled; or None: there is no such letter."""
        row = self._db.execute("SELECT place, part, off, state FROM letters WHERE place = ?", (place,)).fetchone()
        if row is None:
            return None
        return Spot(*row[:3]) if row[3] == OPEN else str(row[3])


def _values(wanted: Wanted) -> dict[str, object]:
    return {"topic": wanted.topic, "reason": wanted.reason, "since_ms": wanted.since_ms}


def kind_of(reason: str) -> str:
    """A reason without the values it quotes, so that a thousand bad rows of one cause count as one kind."""
    return _HELD.sub(lambda found: f"{found[1]} …" if found[1] else "#", reason[:KIND_LIMIT])
