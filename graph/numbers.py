"""Small whole numbers for things that arrays speak of: freed numbers are used again."""

from __future__ import annotations

from array import array

import numpy as np
from numpy.typing import NDArray


class Numbers:
    """Numbers for nothing but themselves: the ones freed last come first."""

    def __init__(self) -> None:
        """None is taken."""
        self.size = 0  # above every number that was ever taken
        self._free = array("i")

    @property
    def taken(self) -> int:
        """How many are taken."""
        return self.size - len(self._free)

    def take(self) -> int:
        """A number nobody has."""
        return int(self.take_all(1)[0])

    def take_all(self, many: int) -> NDArray[np.int32]:
        """So many numbers nobody has."""
        used = min(many, len(self._free))
        again = self._free[len(self._free) - used :]
        del self._free[len(self._free) - used :]
        first, self.size = self.size, self.size + many - used
        if not used:
            return np.arange(first, self.size, dtype=np.int32)
        return np.concatenate([np.array(again, np.int32), np.arange(first, self.size, dtype=np.int32)])

    def free(self, number: int) -> None:
        """Nobody has it any more."""
        self._free.append(number)

    def free_all(self, numbers: NDArray[np.int32]) -> None:
        """Nobody has these any more; numbers above all others are as if they had never been taken."""
        first = self.size - len(numbers)
        if np.array_equal(numbers, np.arange(first, self.size)):
            self.size = first
        else:
            self._free.extend(numbers.tolist())
