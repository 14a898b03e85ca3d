"""How labels arrive: late, some never, a few wrong, a few of those taken back."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from random import Random

from deploy.demo.actions import Report
from deploy.demo.change import RowChange
from deploy.demo.rhythm import around
from deploy.demo.settings import DAY_MS, HOUR_MS

NEVER = 0.15
"""Share of fraud that nobody ever reports."""
MEDIAN_DAYS, SIGMA = 3.0, 0.9
INVESTIGATED = 0.8
"""Share of the logins and profile changes that the investigation of a report finds."""
WRONG = 0.053
"""False reports per right one: 5 % of all (0.053 / 1.053)."""
CLEARED = 0.10
"""Disputes per right report in which the bank finds, and reports, that it was no fraud."""


class Desk:
    """The fraud desk. Knows the truth only as a victim does: by being told of one event at a time."""

    def __init__(self, rng: Random) -> None:
        """Start without any report."""
        self.rng = rng
        self._found_ms: dict[tuple[str, int], int | None] = {}
        self._ordinary: deque[tuple[int, float]] = deque(maxlen=6_000)

    def ordinary(self, event: RowChange) -> None:
        """Remember a benign transfer: somebody may dispute it."""
        if event.table == "transfers" and event.after is not None:
            self._ordinary.append((event.row_id, float(event.after["amount"])))

    def fraud(self, event: RowChange, episode: str, party: int) -> Iterator[Report]:
        """Reports to come of a fraud event. One party's events of an episode come to light together."""
        found_ms = self._found(episode, party, event.at_ms)
        if found_ms is None:
            return
        if event.table == "transfers":
            late_ms = int(around(self.rng, 0.5 * HOUR_MS, 1.0))
        elif self.rng.random() < INVESTIGATED:
            late_ms = int(around(self.rng, 14 * HOUR_MS, 1.0))
        else:
            return
        at_ms = max(found_ms, event.at_ms + HOUR_MS) + late_ms
        yield Report(at_ms, event.table, event.row_id, True)
        if self.rng.random() < WRONG:
            yield from self._wrong(at_ms)
        if self.rng.random() < CLEARED:
            yield from self._cleared(at_ms)

    def _found(self, episode: str, party: int, at_ms: int) -> int | None:
        key = episode, party
        if key not in self._found_ms:
            days = min(around(self.rng, MEDIAN_DAYS, SIGMA), 45)
            self._found_ms[key] = None if self.rng.random() < NEVER else at_ms + int(days * DAY_MS)
            if len(self._found_ms) > 5_000:  # episodes this old have ended
                del self._found_ms[next(iter(self._found_ms))]
        return self._found_ms[key]

    def _disputed(self) -> int:
        """A benign transfer somebody takes for fraud: rather a large one."""
        return max(self.rng.choices(self._ordinary, k=4), key=lambda transfer: transfer[1])[0]

    def _wrong(self, at_ms: int) -> Iterator[Report]:
        if self._ordinary:
            taken_back = self.rng.random() < 0.5
            mend_ms = int(around(self.rng, 4 * DAY_MS, 0.6)) if taken_back else 0
            yield Report(at_ms, "transfers", self._disputed(), True, mend_ms, erase=self.rng.random() < 0.5)

    def _cleared(self, at_ms: int) -> Iterator[Report]:
        if self._ordinary:
            yield Report(at_ms + int(around(self.rng, DAY_MS, 0.5)), "transfers", self._disputed(), False)
