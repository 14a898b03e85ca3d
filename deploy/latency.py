"""Latencies of a run: counts and percentiles, safe to add to from any thread."""

from __future__ import annotations

from collections import deque
from threading import Lock

import numpy as np

from deploy.figures import Figure, figure

KEPT = 20_000  # the newest; enough for a p99 that rests on 200 samples


class Latencies:
    """The newest samples of one stage, in ms."""

    def __init__(self) -> None:
        self._samples: deque[float] = deque(maxlen=KEPT)
        self._lock = Lock()
        self.count = 0

    def add(self, *samples_ms: float) -> None:
        """Keep these."""
        with self._lock:
            self._samples.extend(samples_ms)
            self.count += len(samples_ms)

    def percentile(self, q: float) -> float | None:
        """The q-th percentile in ms (0 to 100); None without samples."""
        with self._lock:
            kept = np.fromiter(self._samples, float)
        return float(np.percentile(kept, q)) if len(kept) else None

    def figures(self, stage: str, per_s: float, p99_bar_ms: float | None = None) -> list[Figure]:
        """`commit_to_STAGE_pQ_ms@RATE`; nothing without samples."""
        found = [(q, self.percentile(q)) for q in (50, 95, 99)]
        return [
            figure(f"commit_to_{stage}_p{q}_ms@{per_s:g}", value, "ms", p99_bar_ms if q == 99 else None)
            for q, value in found
            if value is not None
        ]
