"""What became of scores: labels meet what was said of their events, and calibration is followed over time.

Labels come late, and of most events none ever comes: the frauds a model expected (the sum of its probabilities) are
counted beside those reported, of the same events; calibration error is that of the events that have a label.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Iterable

import numpy as np
from river.drift import ADWIN

from graph.model import LabelUpsert
from scoring.score import Score

KEPT = 200_000  # events whose label is still recognised
WINDOW = 2_000  # labelled events that calibration is measured on
BINS = 10


class Feedback:
    """Scores and labels of the same events. Safe for the scoring thread and the feed's."""

    def __init__(self) -> None:
        """Nothing was said yet."""
        self._lock = threading.Lock()
        self._said: OrderedDict[str, float] = OrderedDict()
        self._labelled: dict[str, bool] = {}
        self._pairs: deque[tuple[float, bool]] = deque(maxlen=WINDOW)
        self._scores, self._errors = ADWIN(), ADWIN()  # type: ignore[no-untyped-call]  # river has none
        self.expected, self.reported, self.labels = 0.0, 0, 0
        self.score_shifts, self.error_shifts = 0, 0

    def scored(self, scores: Iterable[Score]) -> None:
        """These went out. A second score of an event replaces the first."""
        with self._lock:
            for score in scores:
                if score.event.kind == "withdrawn":
                    continue
                before = self._said.pop(score.event.id, None)
                self._said[score.event.id] = score.probability
                self.expected += score.probability - (before or 0.0)
                if before is None:
                    self._scores.update(score.probability)  # type: ignore[no-untyped-call]  # river has none
                    self.score_shifts += self._scores.drift_detected
                if len(self._said) > KEPT:
                    gone, _ = self._said.popitem(last=False)
                    self._labelled.pop(gone, None)

    def heard(self, label: LabelUpsert) -> None:
        """This came into the graph (`Mirror.listen`): an event's first label counts, and what corrects it."""
        with self._lock:
            said, before = self._said.get(label.event), self._labelled.get(label.event)
            if said is None or before == label.fraud:
                return
            self._labelled[label.event] = label.fraud
            self.reported += label.fraud - bool(before)
            self.labels += before is None
            self._pairs.append((said, label.fraud))
            self._errors.update(abs(label.fraud - said))  # type: ignore[no-untyped-call]  # river has none
            self.error_shifts += self._errors.drift_detected

    @property
    def calibration_error(self) -> float | None:
        """Of the newest labelled events: the mean distance of what was said from what came, by bins (ECE); None
        below 100 of them.
        """
        with self._lock:
            pairs = np.array(self._pairs, np.float64).reshape(-1, 2)
        if len(pairs) < 100:
            return None
        at = np.minimum((pairs[:, 0] * BINS).astype(int), BINS - 1)
        said, came = (np.bincount(at, pairs[:, column], BINS) for column in (0, 1))
        return float(np.abs(said - came).sum() / len(pairs))
