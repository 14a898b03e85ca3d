"""Which records of a log may be acknowledged: those below which nothing is unfinished."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

R = TypeVar("R")


@dataclass(slots=True, eq=False)
class Held(Generic[R]):
    """A record in hand, and whether it is dealt with."""

    record: R
    place: Hashable
    done: bool = False


class Settled(Generic[R]):
    """Records in hand, partition by partition in their order.

    Work ends in any order, and an offset says of all before it that they are dealt with: so a record is given free
    only once all that came before it in its partition are dealt with.
    """

    def __init__(self) -> None:
        """Nothing is in hand."""
        self._held: dict[Hashable, deque[Held[R]]] = {}

    def __len__(self) -> int:
        """How many are in hand."""
        return sum(map(len, self._held.values()))

    def take(self, place: Hashable, record: R) -> Held[R]:
        """A record was read of the partition `place`, behind those before it."""
        held = Held(record, place)
        self._held.setdefault(place, deque()).append(held)
        return held

    def finish(self, held: Held[R]) -> list[R]:
        """It is dealt with: the records that may be acknowledged now, in their order."""
        held.done = True
        line, free = self._held.get(held.place, deque()), list[R]()
        while line and line[0].done:
            free.append(line.popleft().record)
        if not line:
            self._held.pop(held.place, None)
        return free
