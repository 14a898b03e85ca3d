"""Which versions and deletions are old: kept by time in small bins, so that the oldest are found without a search."""

from __future__ import annotations

from collections.abc import Callable, MutableSequence
from heapq import heappop, heappush
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

WIDTH_MS = 1 << 16  # about a minute: few bins for years of history, few to look through at the horizon's edge
T = TypeVar("T")


class Ages(Generic[T]):
    """Things with a time, oldest bins first. A bin costs 200 bytes, a thing in it 4 where things are numbers."""

    def __init__(self, time_ms: Callable[[T], int], made: Callable[[], MutableSequence[T]]) -> None:
        """`time_ms` says how old a thing is; it must not change while the thing is here. `made`: an empty bin."""
        self._time_ms, self._made = time_ms, made
        self._bins: dict[int, MutableSequence[T]] = {}
        self._order: list[int] = []  # a heap of the bins' starts

    def __len__(self) -> int:
        """How many things are here; counts them."""
        return sum(map(len, self._bins.values()))

    def add(self, thing: T) -> None:
        """Keep it until it is taken."""
        self._bin(self._time_ms(thing) // WIDTH_MS).append(thing)

    def add_all(self, things: NDArray[np.int32], times_ms: NDArray[np.int64]) -> None:
        """Keep numbers, of which the times are known."""
        bins = times_ms // WIDTH_MS
        order = np.argsort(bins, kind="stable")
        numbers, starts, counts = np.unique(bins[order], return_index=True, return_counts=True)
        for number, first, many in zip(numbers.tolist(), starts.tolist(), counts.tolist(), strict=True):
            self._bin(number).extend(things[order[first : first + many]].tolist())

    def _bin(self, number: int) -> MutableSequence[T]:
        start = number * WIDTH_MS
        if start not in self._bins:
            self._bins[start] = self._made()
            heappush(self._order, start)
        return self._bins[start]

    def take(self, before_ms: int, limit: int) -> list[T]:
        """Up to `limit` things from before a time, which are here no longer."""
        taken: list[T] = []
        while self._order and self._order[0] < before_ms and len(taken) < limit:
            start, before = self._order[0], len(taken)
            left = self._made()
            for thing in self._bins[start]:
                if len(taken) < limit and self._time_ms(thing) < before_ms:
                    taken.append(thing)
                else:
                    left.append(thing)
            if len(taken) == before:
                break  # the bin the horizon goes through
            if left:
                self._bins[start] = left
            else:
                del self._bins[start]
                heappop(self._order)
        return taken
