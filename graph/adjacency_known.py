"""What one walk has met already: a small table with a number for each thing, of which nothing need be cleared.

Open addressing, in one array that stays in the processor's caches, where a mark beside each of ten million edges would
not. An entry is a stamp above the thing's own number; what has an older stamp than the walk is empty.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

STAMP = 1 << 32  # stamps stand above numbers of 31 bits
LAST = (1 << 31) - 1  # the highest stamp
SPREAD = 2_654_435_769  # 2**32 divided by the golden ratio (Knuth, The Art of Computer Programming, 6.4)


class Known:
    """The table and the stamps that were used."""

    def __init__(self, room: int = 4_096) -> None:
        """Nothing was met; `room` is a power of two."""
        self.clear(room)

    def clear(self, room: int) -> None:
        """Begin again, with so much room."""
        self.keys: NDArray[np.int64] = np.zeros(room, np.int64)
        self.numbers: NDArray[np.int32] = np.zeros(room, np.int32)
        self._stamp = 1

    def stamps(self, many: int) -> int:
        """The first of so many stamps nobody has had."""
        if self._stamp + many > LAST:
            self.clear(len(self.keys))
        self._stamp += many
        return self._stamp - many


@njit(cache=True)
def number(keys, numbers, oldest, key, fresh):  # type: ignore[no-untyped-def]
    """The number a key has, and `fresh` if it is new: then it has that from now on.

    `key` is `stamp * STAMP + thing`; entries below `oldest` are empty. The table must have an empty one.
    """
    mask = len(keys) - 1
    at = ((key & (STAMP - 1)) * SPREAD >> 16) & mask
    while keys[at] != key:
        if keys[at] < oldest:
            keys[at], numbers[at] = key, fresh
            return fresh
        at = (at + 1) & mask
    return numbers[at]
