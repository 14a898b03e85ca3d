"""Watches the model on duty: how far its input and scores have drifted, and when its trees are to score instead."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import structlog

from scoring.baseline import Matrix
from scoring.columns import Floats
from scoring.online.drift import LARGE, Recent, Shift
from scoring.online.feedback import Feedback
from scoring.online.guard import Guard
from scoring.reference import Reference
from scoring.score import Score

log = structlog.get_logger("scorer")

EVERY_S = 10.0
BACK = 0.5  # the network scores again below this share of the limit
NAMED = 5  # features that an alarm names


class Monitor(threading.Thread):
    """Looks every few seconds until `stopping` is set. `shift` is what it found last, None while nothing is known."""

    def __init__(self, limit: float, every_s: float = EVERY_S) -> None:
        """From a PSI of the score of `limit` on the trees score; 0: never."""
        super().__init__(name="monitor", daemon=True)
        self.stopping, self.feedback = threading.Event(), Feedback()
        self.shift: Shift | None = None
        self.limit, self._every_s = limit, every_s
        self._guard: Guard | None = None
        self._recent, self._alarmed = Recent(), False
        self._reference: Reference | None = None
        self._names: Sequence[str] = ()
        self._lock = threading.Lock()

    def follow(self, guard: Guard, reference: Reference | None, names: Sequence[str]) -> None:
        """This model is on duty from now on; without a reference its first events are one."""
        with self._lock:
            if self._guard is not None:
                self._guard.engine.watched = None
            self._guard, self._reference, self._names = guard, reference, names
            self._recent, self.shift, self._alarmed = Recent(), None, False
            guard.engine.watched = self._watched

    def leave(self) -> None:
        """Rules are on duty: there is nothing to watch."""
        with self._lock:
            if self._guard is not None:
                self._guard.engine.watched = None
            self._guard, self._reference, self.shift = None, None, None

    def _watched(self, rows: Callable[[], Matrix], probability: Floats) -> None:
        made = rows()
        with self._lock:
            self._recent.add(made, probability)

    def scored(self, scores: Sequence[Score]) -> None:
        """These went out."""
        self.feedback.scored(scores)

    def run(self) -> None:
        """Look again and again."""
        while not self.stopping.wait(self._every_s):
            self.look()

    def look(self) -> None:
        """Measure, and let the trees score, or the network again, if it is due."""
        with self._lock:
            guard = self._guard
            if guard is None:
                return
            if self._reference is None:
                self._reference = self._recent.reference(self._names)
                return
            self.shift = self._recent.shift(self._names, self._reference)
        if self.shift is not None:
            self._alarm(guard, self.shift)
            self._decide(guard, self.shift)

    def _alarm(self, guard: Guard, shift: Shift) -> None:
        large = [(name, round(psi, 2)) for name, psi in shift.worst if psi >= LARGE]
        alarmed = shift.score >= LARGE or bool(large)
        if alarmed and not self._alarmed:
            log.warning(
                "drift: what comes is unlike what the model was made on; train anew if it lasts",
                model=guard.model, score_psi=round(shift.score, 3), features=large[:NAMED], events=shift.events,
            )  # fmt: skip
        self._alarmed = alarmed

    def _decide(self, guard: Guard, shift: Shift) -> None:
        if not self.limit:
            return
        if not guard.drifted and shift.score >= self.limit:
            guard.drifted = True
            log.error("the network's scores have drifted past the limit: its trees score",
                      model=guard.model, psi=round(shift.score, 3), limit=self.limit)  # fmt: skip
        elif guard.drifted and shift.score < self.limit * BACK:
            guard.drifted = False
            log.warning("the network scores again", model=guard.model, psi=round(shift.score, 3))
