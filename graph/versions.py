"""The versions of one owner: a set that orders itself by position, whatever order it arrives in.

Each version is closed by whatever comes next in the log: the next version or a deletion. So the end
state is a function of the set alone, which is why shuffled, repeated and split deliveries agree.
"""

from __future__ import annotations

from bisect import bisect_left
from operator import attrgetter

from graph.model import EdgeUpsert, Floor, Gone, LabelUpsert

Version = EdgeUpsert | LabelUpsert
_pos = attrgetter("op.pos")


class Held:
    """A version or deletion with what closed it: the next in the log, and the table's floor above it."""

    __slots__ = ("closed_gone", "closed_ms", "closed_pos", "floor_ms", "floor_pos", "op")

    def __init__(self, op: Version | Gone) -> None:
        self.op = op
        self.closed_pos: str | None = None
        self.closed_ms: int | None = None
        self.closed_gone = False  # by a deletion, not by the next version
        self.floor_pos: str | None = None
        self.floor_ms: int | None = None

    def close_by(self, op: Version | Gone) -> None:
        """The next of the owner in the log ends this one, at the moment it became known."""
        self.closed_pos, self.closed_ms, self.closed_gone = op.pos, op.known_ms, isinstance(op, Gone)

    def drop_by(self, floor: Floor) -> None:
        """The table was emptied at the floor: what is below it ends there. The lowest floor above counts."""
        if self.op.pos < floor.pos and (self.floor_pos is None or floor.pos < self.floor_pos):
            self.floor_pos, self.floor_ms = floor.pos, floor.known_ms

    @property
    def is_version(self) -> bool:
        """Whether this is a version (and not a deletion)."""
        return not isinstance(self.op, Gone)


class Chain:
    """All versions and deletions of one owner, by position. One alone, nearly always, is a tuple: it takes least."""

    __slots__ = ("items",)

    def __init__(self) -> None:
        self.items: tuple[Held, ...] | list[Held] = ()

    def add(self, op: Version | Gone) -> Held | None:
        """Put it in its place and close its neighbours; None if it is already there."""
        at = bisect_left(self.items, op.pos, key=_pos)
        if at < len(self.items) and self.items[at].op.pos == op.pos:
            return None
        held = Held(op)
        if not self.items:
            self.items = (held,)
            return held
        if isinstance(self.items, tuple):
            self.items = list(self.items)
        self.items.insert(at, held)
        if at:
            self.items[at - 1].close_by(op)
        if at + 1 < len(self.items):
            held.close_by(self.items[at + 1].op)
        return held

    def remove(self, held: Held) -> Held | None:
        """Take one out, if it is still here; what it closed stays closed. Returns what came next in the log."""
        at = bisect_left(self.items, held.op.pos, key=_pos)
        if at == len(self.items) or self.items[at] is not held:
            return None
        if isinstance(self.items, tuple):
            self.items = ()
        else:
            del self.items[at]
        return self.items[at] if at < len(self.items) else None

    def before(self, held: Held) -> Held | None:
        """What stands right before this one."""
        at = bisect_left(self.items, held.op.pos, key=_pos) if len(self.items) > 1 else 0
        return self.items[at - 1] if at else None

    def closes(self, held: Held) -> bool:
        """Whether this one comes right behind a version."""
        at = bisect_left(self.items, held.op.pos, key=_pos)
        return at > 0 and self.items[at - 1].is_version

    def holds(self, pos: str) -> bool:
        """Whether the op of that position is here."""
        at = bisect_left(self.items, pos, key=_pos)
        return at < len(self.items) and self.items[at].op.pos == pos
