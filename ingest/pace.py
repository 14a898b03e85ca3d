"""How large a batch may grow: small while writes are slow (latency), large while they are quick (throughput)."""

from __future__ import annotations

FIRST = 1_000  # records; in a quarter of a second each takes part of the fixed cost of a transaction
LEAST = 100
QUICK_S, SLOW_S = 0.35, 1.0
BYTES = 8_000_000  # of one batch as read; decoded and planned it takes about eight times that


class Pace:
    """The limit of the next batch. What is there is taken, so an idle bank's batch is one record anyway."""

    def __init__(self, most: int, first: int = FIRST) -> None:
        """`most` records at any time, `first` to begin with."""
        self.limit = min(first, most)
        self._most = most

    def room(self, records: int, size: int) -> int:
        """How many records more may join a batch that holds this many, `size` bytes in all."""
        return 0 if size >= BYTES else max(0, self.limit - records)

    def took(self, records: int, seconds: float) -> None:
        """A batch is written: the next may be larger if it was full and quick, has to be smaller if it was slow."""
        if seconds > SLOW_S:
            self.limit = max(min(LEAST, self._most), self.limit // 2)
        elif records >= self.limit and seconds < QUICK_S:
            self.limit = min(self._most, self.limit * 2)
