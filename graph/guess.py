"""Whether a batch is worth trying as one of new rows only."""

from __future__ import annotations

SKIPPED = 64  # batches that are not tried, at most, before one is again


class Guess:
    """Each time a batch was none, twice as many are not tried: a bank that mostly changes rows pays for few."""

    def __init__(self) -> None:
        self._skip, self._next = 0, 1

    def worth(self) -> bool:
        """Asked once a batch."""
        self._skip = max(0, self._skip - 1)
        return self._skip == 0

    def found(self, new: bool) -> None:
        """How one that was tried turned out."""
        self._next = 1 if new else min(2 * self._next, SKIPPED)
        self._skip = 0 if new else self._next
