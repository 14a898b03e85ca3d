"""When the retention horizon moves, and when what lies behind it is worth a sweep. Pure."""

from __future__ import annotations

from graph.model import Horizon

DAY_MS = 86_400_000
MOVES_EVERY_S = 60.0
SWEEP_SHARE = 100  # a sweep for each hundredth of the window: readers see nothing behind the horizon anyway
AHEAD_MS = DAY_MS  # a commit time further ahead of this machine's clock is a fault, not the present


class Retention:
    """The horizon of one window, moved by the bank's own clock: the newest commit time seen.

    So a bank that stands still loses nothing, and a replayed one forgets by the time it replays. A commit
    time from the future would take the whole graph with it, so it counts up to a day ahead only.
    """

    def __init__(self, window_ms: int) -> None:
        """Raises ValueError: the window is not longer than nothing."""
        if window_ms <= 0:
            raise ValueError(f"a retention window of {window_ms} ms keeps nothing")
        self._window_ms = window_ms
        self._before_ms: int | None = None
        self._swept_ms: int | None = None
        self._next_s = float("-inf")

    def next(self, newest_ms: int, now_ms: int, now_s: float) -> Horizon | None:
        """The horizon to be applied now, if it moves: never back, and once a minute at most.

        `newest_ms` is the newest commit seen (0: none yet), `now_ms` this machine's clock, `now_s` a
        monotonic one.
        """
        before_ms = min(newest_ms, now_ms + AHEAD_MS) - self._window_ms
        if not newest_ms or now_s < self._next_s or (self._before_ms is not None and before_ms <= self._before_ms):
            return None
        self._before_ms, self._next_s = before_ms, now_s + MOVES_EVERY_S
        return Horizon("retention", before_ms)

    def undo(self, now_s: float) -> None:
        """The horizon given last could not be applied: give one again, a minute later."""
        self._before_ms, self._next_s = None, now_s + MOVES_EVERY_S

    @property
    def due(self) -> bool:
        """Whether enough has come to lie behind the horizon since the last whole sweep."""
        if self._before_ms is None:
            return False
        return self._swept_ms is None or self._before_ms - self._swept_ms >= self._window_ms // SWEEP_SHARE

    def swept(self) -> None:
        """A whole sweep has begun."""
        self._swept_ms = self._before_ms


class Chunk:
    """How many things one transaction of a sweep removes, so that it stays short: writers wait for its locks."""

    LEAST, MOST, AIM_S = 10, 2_000, 0.05

    def __init__(self) -> None:
        """Begins small."""
        self.size = 100

    def took(self, seconds: float) -> None:
        """Halved where it took longer than it may, a quarter larger where it took less than half."""
        if seconds > self.AIM_S:
            self.size = max(self.LEAST, self.size // 2)
        elif seconds < self.AIM_S / 2:
            self.size = min(self.MOST, self.size + self.size // 4)
