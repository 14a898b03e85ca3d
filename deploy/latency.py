"""Latencies of a run: counts and percentiles, safe to add to from any thread."""

from __future__ import annotations

from collections import deque
from threading import Lock

import numpy as np

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
