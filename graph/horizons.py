"""What lies behind the horizons: one rule for every store. Pure.

Retention hides versions by a time that belongs to the row (an edge's event time, the moment a label was
known), so hiding them before or after the rest arrives ends in the same graph. That a row keeps its event
time is assumed: one moved across the horizon leaves what it was before, unclosed or not. A label goes only
where its event may go: what is kept for ever keeps its evidence.

Purge forgets deletions that close nothing. It is exact as long as no change older than it comes any more,
which the worker sees to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import msgspec

from graph.model import EdgeUpsert, Gone, Horizon, Incomplete, LabelUpsert, Upsert, table_of
from graph.versions import Held, Version

Kind = Literal["retention", "purge"]
NEVER_MS = -(2**63)  # before every time there is; fits a database's 64 bits


class Horizons(msgspec.Struct, frozen=True):
    """The horizons a store keeps, and the tables whose edges, with their labels, retention speaks of."""

    windowed: frozenset[str] = frozenset()
    retention_ms: int = NEVER_MS
    purge_ms: int = NEVER_MS

    def moved(self, upserts: Iterable[Upsert]) -> Horizons:
        """These, as far as the horizons among the upserts move them. The highest of a kind wins."""
        retention_ms, purge_ms = self.retention_ms, self.purge_ms
        for upsert in upserts:
            if isinstance(upsert, Horizon) and upsert.kind == "retention":
                retention_ms = max(retention_ms, upsert.before_ms)
            elif isinstance(upsert, Horizon):
                purge_ms = max(purge_ms, upsert.before_ms)
        return Horizons(self.windowed, retention_ms, purge_ms)

    def before_ms(self, kind: Kind) -> int | None:
        """A horizon, or None where there is none yet."""
        found = self.retention_ms if kind == "retention" else self.purge_ms
        return None if found == NEVER_MS else found

    def upserts(self) -> Iterator[Horizon]:
        """What a dump begins with."""
        for kind in ("retention", "purge"):
            if (before_ms := self.before_ms(kind)) is not None:
                yield Horizon(kind, before_ms)

    def hides(self, op: Version) -> bool:
        """Whether no reader sees this version any more."""
        time_ms = op.known_ms if isinstance(op, LabelUpsert) else op.time_ms
        return time_ms < self.retention_ms and self.reaches(op)

    def reaches(self, op: Version) -> bool:
        """Whether retention speaks of it: an edge's own table says so, and the table of the event a label is of."""
        return table_of(op.event if isinstance(op, LabelUpsert) else op.owner) in self.windowed

    def hides_event(self, owner: str, time_ms: int) -> bool:
        """Whether an edge of this owner at this time is not seen any more."""
        return time_ms < self.retention_ms and table_of(owner) in self.windowed

    def forgets(self, gone: Gone) -> bool:
        """Whether this deletion is forgotten where it closes nothing."""
        return gone.known_ms < self.purge_ms

    def admitted(self, upserts: Sequence[Upsert]) -> Sequence[Upsert]:
        """The upserts without the versions nobody would see. Nothing is looked at where nothing is hidden."""
        if self.retention_ms == NEVER_MS:
            return upserts
        return [u for u in upserts if not (isinstance(u, EdgeUpsert | LabelUpsert) and self.hides(u))]

    def remaining(self, chain: Iterable[Held]) -> Iterator[Version | Gone]:
        """What is left of an owner's chain: visible versions, what closes them, and deletions not forgotten."""
        closes = False
        for held in chain:
            if isinstance(held.op, Gone):
                if closes or not self.forgets(held.op):
                    yield held.op
                closes = False
            else:
                closes = not self.hides(held.op)
                if closes:
                    yield held.op


def newer(mark: Incomplete, than: Incomplete | None) -> bool:
    """Whether this mark wins. One offset says one thing; should two say it differently, the warning wins."""
    return than is None or (mark.seq, mark.marked) > (than.seq, than.marked)
