"""Which versions and deletions are old: kept by time in small bins, so that the oldest are found without a search."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush

from graph.versions import Held

WIDTH_MS = 1 << 16  # about a minute: few bins for years of history, few to look through at the horizon's edge


class Ages:
    """Things with a time, oldest bins first. A bin costs 200 bytes, a thing in it 8."""

    def __init__(self, time_ms: Callable[[Held], int]) -> None:
        """`time_ms` says how old a thing is; it must not change while the thing is here."""
        self._time_ms = time_ms
        self._bins: dict[int, list[Held]] = {}
        self._order: list[int] = []  # a heap of the bins' starts

    def __len__(self) -> int:
        """How many things are here; counts them."""
        return sum(map(len, self._bins.values()))

    def add(self, held: Held) -> None:
        """Keep it until it is taken."""
        start = self._time_ms(held) // WIDTH_MS * WIDTH_MS
        if start not in self._bins:
            self._bins[start] = []
            heappush(self._order, start)
        self._bins[start].append(held)

    def take(self, before_ms: int, limit: int) -> list[Held]:
        """Up to `limit` things from before a time, which are here no longer."""
        taken: list[Held] = []
        while self._order and self._order[0] < before_ms and len(taken) < limit:
            start, room = self._order[0], limit - len(taken)
            behind = [held for held in self._bins[start] if self._time_ms(held) < before_ms][:room]
            if not behind:
                break  # the bin the horizon goes through
            taken += behind
            out = set(map(id, behind))
            left = [held for held in self._bins[start] if id(held) not in out]
            if left:
                self._bins[start] = left
            else:
                del self._bins[start]
                heappop(self._order)
        return taken
