"""Events that wait for their score, and which come next.

An account's events are scored in the order they came, whatever else: what is said of the second counts on the first
having been looked at. Who comes first among accounts matters only when more wait than fit into a batch. Then half of
the places go to those that waited longest, so that nobody waits for ever, and half to the accounts that were scored
highest before, the newest of them first: what was stolen a moment ago may still be stopped.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from itertools import count
from operator import itemgetter
from typing import Generic, TypeVar

T = TypeVar("T")
REMEMBERED = 100_000  # accounts whose last score is known
EACH = 4  # places in a batch that one account has for its risk


@dataclass(slots=True, eq=False)
class _Line(Generic[T]):
    """What waits of one account, oldest first, each with its number."""

    account: Hashable
    items: deque[tuple[int, T]] = field(default_factory=deque)


class Waiting(Generic[T]):
    """A bounded queue of events, by account."""

    def __init__(self, limit: int, account: Callable[[T], Hashable]) -> None:
        """At most `limit` wait; `account` says whose an event is."""
        self.limit, self._account = limit, account
        self._lines: dict[Hashable, _Line[T]] = {}
        self._numbers, self._size = count(), 0
        self._risk: OrderedDict[Hashable, float] = OrderedDict()

    def __len__(self) -> int:
        """How many wait."""
        return self._size

    @property
    def full(self) -> bool:
        """Whether no further one may be put."""
        return self._size >= self.limit

    def put(self, item: T) -> None:
        """One more waits, behind those of its account.

        Raises:
            OverflowError: it is full; wait for `take` first.
        """
        if self.full:
            raise OverflowError(f"{self.limit} events wait already")
        account = self._account(item)
        self._lines.setdefault(account, _Line(account)).items.append((next(self._numbers), item))
        self._size += 1

    def oldest(self) -> T | None:
        """What has waited longest."""
        return min((line.items[0] for line in self._lines.values()), key=itemgetter(0), default=(0, None))[1]

    def scored(self, account: Hashable, probability: float) -> None:
        """What was said of an account's event just now."""
        self._risk[account] = probability
        self._risk.move_to_end(account)
        if len(self._risk) > REMEMBERED:
            self._risk.popitem(last=False)

    def take(self, most: int, ready: Callable[[T], bool]) -> list[T]:
        """The next ones, at most so many; an event that is not ready holds up its account's, and nobody else's."""
        if self._size <= most:
            return self._longest(most, ready)
        first = self._longest(most - most // 2, ready)
        return first + self._urgent(most - len(first), ready)

    def _longest(self, most: int, ready: Callable[[T], bool]) -> list[T]:
        """Those that waited longest, in the order they came."""
        heads = [(line.items[0][0], line.account) for line in self._lines.values()]
        heapify(heads)
        taken = list[T]()
        while heads and len(taken) < most:
            line = self._lines[heappop(heads)[1]]
            if ready(line.items[0][1]):
                taken.append(self._next(line))
                if line.items:
                    heappush(heads, (line.items[0][0], line.account))
        return taken

    def _urgent(self, most: int, ready: Callable[[T], bool]) -> list[T]:
        """Those of the accounts that were scored highest before, the one with the newest event first among equals."""
        lines = sorted(self._lines.values(), key=lambda line: (-self._risk.get(line.account, 0.0), -line.items[-1][0]))
        taken = list[T]()
        for line in lines:
            for _ in range(min(EACH, most - len(taken), len(line.items))):
                if not ready(line.items[0][1]):
                    break
                taken.append(self._next(line))
            if len(taken) == most:
                break
        return taken

    def _next(self, line: _Line[T]) -> T:
        item = line.items.popleft()[1]
        self._size -= 1
        if not line.items:
            del self._lines[line.account]
        return item
