"""Positions as two whole numbers: which part of which source's log, and where in that part.

Thousands of records share the part: it is kept once, and a position takes 12 bytes instead of 50. A part is a source,
a log and the high 24 of an offset's 64 bits (see `graph.place`); where in it, the other 40 above the row's 24. Both
numbers are exact: `token` gives the very text again.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from graph.adjacency_arrays import Array, aligned, wider
from graph.place import Place, place_of, token_of

SOURCE, LOG, HIGH = range(3)  # of a part's three words
LOW_BITS, ROW_BITS = 40, 24
BIAS = 1 << 63  # a number of 64 bits without a sign as one with it, in the same order
DIGITS = 16  # that `at` has, of an offset's last ten and the row's six


class Spot(NamedTuple):
    """A position: its part's number, and where in it."""

    log: int
    at: int


class Logs:
    """The parts of logs that were met, by number."""

    def __init__(self) -> None:
        """None was met."""
        self.rows: Array = aligned(64, "3i8")
        self._sources: dict[str, int] = {}
        self._names: list[str] = []
        self._heads: dict[str, int] = {}  # by the whole beginning of a token
        self._numbers: dict[tuple[int, int, int], int] = {}
        self._ranks = np.zeros(0, np.int32)

    @property
    def ranks(self) -> Array:
        """[sources] in the order of their names, as their tokens sort."""
        if len(self._ranks) != len(self._sources):
            names = np.array([f"{name}/" for name in self._names])
            self._ranks = np.argsort(np.argsort(names)).astype(np.int32)
        return self._ranks

    @property
    def nbytes(self) -> int:
        """Bytes its rows take; the names of parts are few."""
        return 24 * len(self._numbers)

    def plain(self, token: str) -> Spot | None:
        """Where a token stands; None if `token` would not give the same text again."""
        log = self._heads.get(token[:-17])
        if log is None:
            return self._met(token)
        at = _at(token)
        return None if at is None else Spot(log, at)

    def _met(self, token: str) -> Spot | None:
        """A part's first token."""
        try:
            place = place_of(token)
        except ValueError:
            return None
        if token_of(place) != token:
            return None
        found = self.spot(place)
        self._heads[token[:-17]] = found.log
        return found

    def spot(self, place: Place) -> Spot:
        """Where a place stands; its part gets a number."""
        source = self._sources.setdefault(place.source, len(self._sources))
        if source == len(self._names):
            self._names.append(place.source)
        high, at = _parted(place)
        key = (source, place.log, high)
        log = self._numbers.get(key)
        if log is None:
            log = self._numbers[key] = len(self._numbers)
            if log == len(self.rows):
                self.rows = wider(self.rows, 2 * log, "3i8")
            self.rows[log] = key
        return Spot(log, at)

    def cut(self, token: str) -> tuple[int, int, int, int, int] | None:
        """An event's source, log, high bits and `at`, and the number of its part (-1: nobody met it).

        None where nothing of its source was met: nothing compares with it.

        Raises:
            ValueError: the text is no token.
        """
        number = self._heads.get(token[:-17])
        if number is not None and (known := _at(token)) is not None:
            return (*self.rows[number].tolist(), known, number)
        place = place_of(token)
        source = self._sources.get(place.source)
        if source is None:
            return None
        high, at = _parted(place)
        return source, place.log, high, at, self._numbers.get((source, place.log, high), -1)

    def token(self, spot: Spot) -> str:
        """The text of a position that was plain."""
        source, log, high = self.rows[spot.log].tolist()
        low = spot.at + BIAS
        return token_of(Place(self._names[source], log, high << LOW_BITS | low >> ROW_BITS, low & (1 << ROW_BITS) - 1))


def _at(token: str) -> int | None:
    """Where in its part a token stands whose beginning is known; None where `token_of` would write it otherwise."""
    digits = token[-17:-7] + token[-6:]
    try:
        at = int(digits, 16)
    except ValueError:
        return None
    return at - BIAS if token[-7] == "." and f"{at:016x}" == digits else None


def _parted(place: Place) -> tuple[int, int]:
    low = (place.offset & (1 << LOW_BITS) - 1) << ROW_BITS | place.row
    return place.offset >> LOW_BITS, low - BIAS
