"""Versions of edges, or of labels: an owner's only one is a line of 32 bytes; where there are more they are a chain.

Each owner's name has a number, and its first version's line has the same. What else an owner has had, deletions among
it, makes a `Chain` of it, and all its versions say in their lines that they have to be asked (graph/adjacency_lines.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graph.adjacency_arrays import NONE, Array, Places, Several, aligned, grown, made, wider
from graph.adjacency_lines import ASK, AT, CHAINED, HERE, INFO, LATER, LOG, LOGS, ROW, TIME_MS
from graph.logs import Logs, Spot
from graph.names import Names
from graph.numbers import Numbers
from graph.place import place_of
from graph.versions import Chain, Held


class Asked:
    """What lines do not say: where such versions stand, and what ended them."""

    def __init__(self, logs: Logs) -> None:
        """Nothing."""
        self.several, self.places = made(Several), made(Places)
        self.logs = logs
        self._several, self._places = Numbers(), Numbers()

    @property
    def ends(self) -> int:
        """How many places that ended a version are kept."""
        return self._places.taken

    @property
    def nbytes(self) -> int:
        """Bytes in use."""
        return 32 * self._several.size + 20 * self._places.size

    def add(self, owner: int, spot: Spot, known_ms: int) -> int:
        """A version's row."""
        row = self._several.take()
        self.several = grown(self.several, row + 1)
        for column, value in zip(self.several, (owner, *spot, known_ms, NONE, NONE), strict=True):
            column[row] = value
        return row

    def update(self, row: int, held: Held) -> None:
        """What closed a version, or emptied its table, has changed."""
        several = self.several
        for column, pos, known_ms in (
            (several.closed, held.closed_pos, held.closed_ms), (several.floored, held.floor_pos, held.floor_ms)
        ):  # fmt: skip
            if pos is None or known_ms is None:
                continue
            if column[row] == NONE:
                column[row] = self._places.take()
                self.places = grown(self.places, int(column[row]) + 1)
            spot = self.logs.spot(place_of(pos))
            for part, value in zip(self.places, (*spot, known_ms), strict=True):
                part[column[row]] = value

    def free(self, row: int) -> None:
        """Let a version's row go, and its ends."""
        for column in (self.several.closed, self.several.floored):
            if column[row] != NONE:
                self._places.free(int(column[row]))
        self._several.free(row)


class Shelf:
    """Lines by number, numbers by the owners' names, and the chains of those owners that have one."""

    def __init__(self, asked: Asked) -> None:
        """Empty."""
        self.rows: Array = aligned(64, ROW)
        self.chains: dict[int, Chain] = {}
        self.names = Names(roles=True)
        self._asked = asked

    @property
    def owners(self) -> int:
        """How many owners have a version or a deletion here."""
        return len(self.owned())

    @property
    def versions(self) -> int:
        """How many versions are here: counts them."""
        return int(np.count_nonzero(self.rows[: self.names.size, INFO] & HERE))

    def here(self) -> Array:
        """Numbers of all versions."""
        return np.flatnonzero(self.rows[: self.names.size, INFO] & HERE)

    # -- owners -------------------------------------------------------------------------------

    def number_all(self, owners: Sequence[str]) -> tuple[Array, Array]:
        """[owners] their numbers; and the new ones, which have an empty line."""
        numbers, fresh = self.names.number_all(owners)
        self._room()
        self.rows[fresh, INFO] = 0
        return numbers, fresh

    def number(self, owner: str) -> int:
        """An owner's number."""
        return int(self.number_all((owner,))[0][0])

    def owned(self, first: int = 0, last: int | None = None) -> list[int]:
        """Numbers of the owners that have something here, those from `first` to before `last`."""
        last = self.names.size if last is None else min(last, self.names.size)
        info = self.rows[first:last, INFO]
        return (np.flatnonzero(self.names.named(first, last) & (info & (HERE | CHAINED) != 0)) + first).tolist()

    def another(self) -> int:
        """A number for a further version of an owner."""
        number = int(self.names.take_all(1)[0])
        self._room()
        self.rows[number, INFO] = 0
        return number

    def _room(self) -> None:
        if self.names.size > len(self.rows):
            self.rows = wider(self.rows, max(self.names.size, 2 * len(self.rows)), ROW)

    def owner(self, number: int) -> int:
        """The number of the owner of a version."""
        if self.rows[number, INFO] & ASK:
            return int(self._asked.several.owner[self.rows[number, AT]])
        return number

    def chain(self, owner: int, held: Held | None) -> Chain:
        """An owner's chain; `held` is what begins it, where it has none yet and its line says everything."""
        chain = self.chains.get(owner)
        if chain is None:
            chain = self.chains[owner] = Chain()
            if held is not None:
                chain.items = (held,)
                self._ask(owner, owner)
            self.rows[owner, INFO] |= CHAINED
        return chain

    def unchain(self, owner: int) -> None:
        """An owner's chain is empty."""
        del self.chains[owner]
        self.rows[owner, INFO] &= ~CHAINED

    def is_plain(self, number: int) -> bool:
        """Whether its line says everything of an owner's only version."""
        return int(self.rows[number, INFO]) & (HERE | CHAINED) == HERE

    # -- versions -----------------------------------------------------------------------------

    def put(self, number: int, row: Sequence[int]) -> None:
        """Write a whole line."""
        self.rows[number] = row

    def put_asked(self, held: Held, owner: int, row: Sequence[int]) -> None:
        """Write the line of a version of a chain; its own place and INFO's upper parts are kept elsewhere."""
        place = self._asked.add(owner, self._asked.logs.spot(place_of(held.op.pos)), held.op.known_ms)
        self.rows[held.number] = row
        self.rows[held.number, AT] = place
        self.rows[held.number, INFO] |= ASK | HERE
        self._asked.update(place, held)

    def _ask(self, number: int, owner: int) -> None:
        """A line that said everything does so no more."""
        row = self._asked.add(owner, self.spot(number), self.known_ms(number))
        self.rows[number, AT] = row
        self.rows[number, INFO] = int(self.rows[number, INFO]) & (1 << LOG) - 1 | ASK

    def update(self, held: Held) -> None:
        """What closed a version, or emptied its table, has changed."""
        if held.number >= 0:
            self._asked.update(int(self.rows[held.number, AT]), held)

    def spot(self, number: int) -> Spot:
        """Where a plain line's version stands."""
        return Spot(int(self.rows[number, INFO]) >> LOG & LOGS, int(self.rows[number, AT]))

    def known_ms(self, number: int) -> int:
        """When a plain line's version became known."""
        return int(self.rows[number, TIME_MS]) + (int(self.rows[number, INFO]) >> LATER)

    def pos(self, number: int) -> str:
        """A version's position."""
        if not self.rows[number, INFO] & ASK:
            return self._asked.logs.token(self.spot(number))
        items = self.chains[self.owner(number)].items
        return next(held.op.pos for held in items if held.number == number)

    def holds(self, owner: str, pos: str) -> bool:
        """Whether a version or deletion of that position is here."""
        number = self.names.find(owner)
        if number < 0:
            return False
        if self.is_plain(number):
            return self.pos(number) == pos
        chain = self.chains.get(number)
        return chain is not None and chain.holds(pos)

    def clear(self, number: int) -> None:
        """Empty a version's line; a number that is no owner's is free then."""
        if self.rows[number, INFO] & ASK:
            self._asked.free(int(self.rows[number, AT]))
        self.rows[number, INFO] = int(self.rows[number, INFO]) & CHAINED
        if not self.names.is_named(number):
            self.names.free(number)

    def empty(self, owner: int) -> bool:
        """Whether nothing of an owner is here."""
        return int(self.rows[owner, INFO]) == 0
