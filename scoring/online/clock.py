"""How old a record of the log is, by a wall clock that may be put forward or back meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable


class Clock:
    """Tells ages. A clock that is put forward makes nothing older, so that nobody believes to be behind who is not.

    Two clocks are looked at: the wall's, and the one that the wall's would be had nobody touched it since the start.
    The younger of both ages counts: one that was wrong at the start may be put right later.
    """

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic) -> None:
        """Both in seconds; `steady` is never put forward or back."""
        self._wall, self._steady = wall, steady
        self._start = wall() - steady()

    def age_s(self, written_s: float) -> float:
        """Since the wall clock stood there; 0 where it has not yet."""
        return max(0.0, min(self._wall(), self._start + self._steady()) - written_s)
