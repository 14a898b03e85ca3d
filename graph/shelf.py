"""Versions of edges, or of labels: an owner's only one is a line of 32 bytes; where there are more they are a chain.

Each owner's name has a number, and its first version's line has the same. What else an owner has had, deletions among
it, makes a chain of it: the numbers of its versions by position, and below 0 those of its deletions. All versions of a
chain say in their lines that they have to be asked (graph/adjacency_lines.py). Each is closed by whatever comes next in
the log, as in `graph.versions`; so the end state is a function of the set, whatever order it arrives in.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from functools import partial

import numpy as np

from graph.adjacency_arrays import Array, aligned, wider
from graph.adjacency_lines import ASK, AT, CHAINED, HERE, INFO, LATER, LOG, LOGS, ROW, TIME_MS
from graph.ages import Ages
from graph.asked import Asked
from graph.logs import Spot
from graph.model import Gone
from graph.names import Names
from graph.place import place_of
from graph.versions import Version

Chain = array  # of numbers


class Shelf(ABC):
    """Lines by number, numbers by the owners' names, and the chains of those owners that have one."""

    def __init__(self, asked: Asked) -> None:
        """Empty."""
        self.rows: Array = aligned(64, ROW)
        self.names = Names(roles=True)
        self.chains: dict[int, Chain[int]] = {}
        self.gone: dict[int, Gone] = {}  # by numbers below 0
        self.ages: Ages[int] = Ages(self._time_ms, partial(array, "i"))  # of what retention speaks of
        self._odd: dict[int, str] = {}  # positions that are no whole token of `graph.logs`
        self._next = -1
        self._asked = asked

    @property
    def versions(self) -> int:
        """How many versions are here: counts them."""
        return len(self.here())

    def here(self) -> Array:
        """Numbers of all versions."""
        return np.flatnonzero(self.rows[: self.names.size, INFO] & HERE)

    # -- what edges and labels differ in ------------------------------------------------------

    @abstractmethod
    def op(self, number: int) -> Version:
        """The version that has this number, as it came."""

    @abstractmethod
    def take(self, op: Version, owner: int, windowed: bool) -> int:
        """Take a version of an owner that has a chain; the number of its line."""

    @abstractmethod
    def remove(self, numbers: Sequence[int]) -> None:
        """Let versions go. Their owners stay: see `leave`."""

    @abstractmethod
    def leave(self, owner: int) -> None:
        """Forget an owner, if nothing of it is left."""

    # -- owners -------------------------------------------------------------------------------

    def number_all(self, owners: Sequence[str]) -> Array:
        """[owners] their numbers; new ones have an empty line."""
        numbers, fresh = self.names.number_all(owners)
        self._make_room()
        self._begin(fresh)
        return numbers

    def _begin(self, numbers: Array) -> None:
        """These are new."""
        self.rows[numbers, INFO] = 0

    def _make_room(self) -> None:
        if self.names.size > len(self.rows):
            self.rows = wider(self.rows, max(self.names.size, 2 * len(self.rows)), ROW)

    def number(self, owner: str) -> int:
        """An owner's number."""
        return int(self.number_all((owner,))[0])

    def owned(self, first: int = 0, last: int | None = None) -> list[int]:
        """Numbers of the owners that have something here, those from `first` to before `last`."""
        last = self.names.size if last is None else min(last, self.names.size)
        info = self.rows[first:last, INFO]
        found: list[int] = np.flatnonzero(self.names.named(first, last) & (info & (HERE | CHAINED) != 0)).tolist()
        return [first + at for at in found]

    def owner(self, number: int) -> int:
        """The number of the owner of a version."""
        if self.rows[number, INFO] & ASK:
            return int(self._asked.several.owner[self.rows[number, AT]])
        return number

    def is_empty(self, owner: int) -> bool:
        """Whether nothing of an owner is here."""
        return int(self.rows[owner, INFO]) == 0

    def is_plain(self, owner: int) -> bool:
        """Whether a line says everything of an owner's only version."""
        return int(self.rows[owner, INFO]) & (HERE | CHAINED) == HERE

    def items(self, owner: int) -> Sequence[int]:
        """What an owner has, by position: versions, and deletions below 0."""
        return (owner,) if self.is_plain(owner) else self.chains.get(owner, ())

    def ops(self, owner: int) -> list[Version | Gone]:
        """The same as it came."""
        return [self.gone[item] if item < 0 else self.op(item) for item in self.items(owner)]

    def holds(self, owner: str, pos: str) -> bool:
        """Whether a version or deletion of that position is here."""
        number = self.names.find(owner)
        return number >= 0 and any(self.pos(item) == pos for item in self.items(number))

    # -- chains -------------------------------------------------------------------------------

    def add(self, op: Version | Gone, owner: int, windowed: bool) -> int | None:
        """Put it in its place and close its neighbours; its number, None if it is already there."""
        items = self.items(owner)
        at = bisect_left(items, op.pos, key=self.pos)
        if at < len(items) and self.pos(items[at]) == op.pos:
            return None
        chain = self.chain(owner)
        item = self._gone(op) if isinstance(op, Gone) else self.take(op, owner, windowed)
        chain.insert(at, item)
        if at and chain[at - 1] >= 0:
            self._asked.close(self._row(chain[at - 1]), op.pos, op.known_ms)
        if item >= 0 and at + 1 < len(chain):
            self._asked.close(self._row(item), self.pos(chain[at + 1]), self.known_ms(chain[at + 1]))
        return item

    def chain(self, owner: int) -> Chain[int]:
        """An owner's chain: if it has none yet, it begins with what the owner's line says."""
        chain = self.chains.get(owner)
        if chain is None:
            chain = self.chains[owner] = array("i", self.items(owner))
            if chain:
                row = self._asked.add(owner, self._spot(owner), self.known_ms(owner))
                self.rows[owner, AT], self.rows[owner, INFO] = row, int(self.rows[owner, INFO]) & (1 << LOG) - 1 | ASK
            self.rows[owner, INFO] |= CHAINED
        return chain

    def _gone(self, op: Gone) -> int:
        self._next -= 1
        self.gone[self._next] = op
        return self._next

    def drop(self, number: int, pos: str, known_ms: int) -> None:
        """The table of a version of a chain was emptied there."""
        self._asked.drop(self._row(number), pos, known_ms)

    def take_out(self, owner: int, item: int) -> int | None:
        """Take one out of its chain, if it is there; what it closed stays closed. Returns what comes next there."""
        chain = self.chains.get(owner)
        if chain is None or item not in chain:
            return None
        at = chain.index(item)
        del chain[at]
        self.gone.pop(item, None)
        if not chain:
            del self.chains[owner]
            self.rows[owner, INFO] &= ~CHAINED
        return chain[at] if at < len(chain) else None

    def closes(self, owner: int, item: int) -> bool:
        """Whether a deletion comes right behind a version."""
        chain = self.chains[owner]
        at = chain.index(item)
        return at > 0 and chain[at - 1] >= 0

    # -- lines --------------------------------------------------------------------------------

    def _time_ms(self, number: int) -> int:
        """What a horizon compares: an edge's event time, the moment a label became known."""
        return int(self.rows[number, TIME_MS])

    def _another(self, owner: int) -> int:
        """The number of an owner's new version: its own, if that is free."""
        if not self.rows[owner, INFO] & HERE:
            return owner
        numbers = self.names.take_all(1)
        self._make_room()
        self._begin(numbers)
        return int(numbers[0])

    def _put_asked(self, number: int, op: Version, owner: int, row: Sequence[int]) -> None:
        """Write the line of a version of a chain; where it stands is kept elsewhere."""
        spot = self._asked.logs.plain(op.pos)
        if spot is None:
            self._odd[number] = op.pos
        place = self._asked.add(owner, spot or self._asked.logs.spot(place_of(op.pos)), op.known_ms)
        time_ms, ends, flags = row
        self.rows[number] = time_ms, place, ends, flags | ASK | HERE

    def _row(self, number: int) -> int:
        return int(self.rows[number, AT])

    def _spot(self, number: int) -> Spot:
        info, at = int(self.rows[number, INFO]), int(self.rows[number, AT])
        if info & ASK:
            return Spot(int(self._asked.several.log[at]), int(self._asked.several.at[at]))
        return Spot(info >> LOG & LOGS, at)

    def known_ms(self, item: int) -> int:
        """When a version or a deletion became known."""
        if item < 0:
            return self.gone[item].known_ms
        info = int(self.rows[item, INFO])
        if info & ASK:
            return int(self._asked.several.known_ms[self.rows[item, AT]])
        return int(self.rows[item, TIME_MS]) + (info >> LATER)

    def pos(self, item: int) -> str:
        """A version's or a deletion's position."""
        if item < 0:
            return self.gone[item].pos
        return self._odd.get(item) or self._asked.logs.token(self._spot(item))

    def _clear(self, number: int) -> None:
        """Empty a version's line; a number that is no owner's is free then."""
        if self.rows[number, INFO] & ASK:
            self._asked.free(self._row(number))
            self._odd.pop(number, None)
        self.rows[number, INFO] = int(self.rows[number, INFO]) & CHAINED
        if not self.names.is_named(number):
            self.names.free(number)
