"""Events that wait for their score, and which come next.

An account's events are scored in the order they came, whatever else: what is said of the second counts on the first
having been looked at. Who comes first among accounts matters only when more wait than fit into a batch. Then half of
the places go to those that waited longest, so that nobody waits for ever, and half to the accounts that were scored
highest before, the newest of them first: what was stolen a moment ago may still be stopped.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Generic, TypeVar

T = TypeVar("T")
REMEMBERED = 100_000  # accounts whose last score is known
EACH = 4  # places in a batch that one account has for its risk
_Rank = tuple[float, int, Hashable]  # of an account, least first: its risk and its newest event, both negative


class Waiting(Generic[T]):
    """A bounded queue of events, by account."""

    def __init__(self, limit: int, account: Callable[[T], Hashable]) -> None:
        """At most `limit` wait; `account` says whose an event is."""
        self.limit, self._account = limit, account
        self._numbers = count()
        self._order: dict[int, T] = {}  # all that wait, in the order they came
        self._lines: dict[Hashable, deque[int]] = {}  # the same by account
        self._risk: OrderedDict[Hashable, float] = OrderedDict()
        self._riskiest: list[_Rank] = []  # a heap; an account's rank counts if it is the one it has now

    def __len__(self) -> int:
        """How many wait."""
        return len(self._order)

    @property
    def full(self) -> bool:
        """Whether no further one may be put."""
        return len(self._order) >= self.limit

    def put(self, item: T) -> None:
        """One more waits, behind those of its account.

        Raises:
            OverflowError: it is full; wait for `take` first.
        """
        if self.full:
            raise OverflowError(f"{self.limit} events wait already")
        account, number = self._account(item), next(self._numbers)
        self._order[number] = item
        self._lines.setdefault(account, deque()).append(number)
        self._rank(account)

    def oldest(self) -> T | None:
        """What has waited longest."""
        return next(iter(self._order.values()), None)

    def scored(self, account: Hashable, probability: float) -> None:
        """What was said of an account's event just now."""
        self._risk[account] = probability
        self._risk.move_to_end(account)
        if len(self._risk) > REMEMBERED:
            self._risk.popitem(last=False)
        if account in self._lines:
            self._rank(account)

    def take(self, most: int, ready: Callable[[T], bool]) -> list[T]:
        """The next ones, at most so many; an event that is not ready holds up its account's, and nobody else's."""
        if len(self._order) <= most:
            return self._longest(most, ready)
        first = self._longest(most - most // 2, ready)
        return first + self._urgent(most - len(first), ready)

    def _longest(self, most: int, ready: Callable[[T], bool]) -> list[T]:
        """Those that waited longest, in the order they came."""
        held_up, chosen = set[Hashable](), list[Hashable]()
        for item in self._order.values():
            if len(chosen) == most:
                break
            account = self._account(item)
            if account in held_up:
                continue
            if ready(item):
                chosen.append(account)
            else:
                held_up.add(account)
        return [self._next(account) for account in chosen]

    def _urgent(self, most: int, ready: Callable[[T], bool]) -> list[T]:
        """Those of the accounts that were scored highest before, the one with the newest event first among equals."""
        taken, asked = list[T](), dict[Hashable, None]()
        while self._riskiest and len(taken) < most:
            rank = heappop(self._riskiest)
            account = rank[-1]
            if account in asked or account not in self._lines or rank != self._ranked(account):
                continue
            asked[account] = None
            line = self._lines[account]
            for _ in range(min(EACH, most - len(taken), len(line))):
                if not ready(self._order[line[0]]):
                    break
                taken.append(self._next(account))
        for account in asked:
            if account in self._lines:
                heappush(self._riskiest, self._ranked(account))
        return taken

    def _ranked(self, account: Hashable) -> _Rank:
        return -self._risk.get(account, 0.0), -self._lines[account][-1], account

    def _rank(self, account: Hashable) -> None:
        heappush(self._riskiest, self._ranked(account))
        if len(self._riskiest) > 4 * self.limit:  # most of them ranks that accounts have no more
            self._riskiest = [self._ranked(each) for each in self._lines]
            heapify(self._riskiest)

    def _next(self, account: Hashable) -> T:
        line = self._lines[account]
        item = self._order.pop(line.popleft())
        if not line:
            del self._lines[account]
        return item
