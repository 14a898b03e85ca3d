"""A histogram that is filled a batch at a time: prometheus_client's own takes 2 µs and a lock for each value."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from prometheus_client.metrics_core import HistogramMetricFamily

At = tuple[str, str]  # topic, partition


class _Held:
    __slots__ = ("counts", "total")

    def __init__(self, buckets: int) -> None:
        self.counts, self.total = [0] * (buckets + 1), 0.0


class Buckets:
    """Counts of values by upper bound, per topic and partition. Its owner holds a lock."""

    def __init__(self, name: str, what: str, bounds: Sequence[float]) -> None:
        """`bounds` rise; what is above the last is counted too."""
        self._name, self._what, self._bounds = name, what, bounds
        self._held: dict[At, _Held] = {}

    def observe(self, at: At, counted: Iterable[tuple[float, int]]) -> None:
        """Add values, each with how often it came."""
        held = self._held.get(at) or self._held.setdefault(at, _Held(len(self._bounds)))
        for value, times in counted:
            held.counts[bisect_left(self._bounds, value)] += times
            held.total += value * times

    def family(self) -> HistogramMetricFamily:
        """As Prometheus reads it: cumulative counts."""
        family = HistogramMetricFamily(self._name, self._what, labels=("topic", "partition"))
        for at, held in self._held.items():
            below, buckets = 0, []
            for bound, count in zip((*map(str, map(float, self._bounds)), "+Inf"), held.counts, strict=True):
                below += count
                buckets.append((bound, below))
            family.add_metric(at, buckets, held.total)
        return family
