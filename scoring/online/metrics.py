"""What Prometheus reads of a scorer process. One registry per process, never the global one.

Numbers of one moment are worked out when they are read, so that a scorer which stands still does not look as it last
did.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

import msgspec
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from ingest.records import Trace
from scoring.engine import Scorer
from scoring.online.desk import Desk, Item
from scoring.online.duty import Duty
from scoring.online.guard import Guard
from scoring.online.monitor import Monitor
from scoring.score import Score

LATENCY_S = (0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 1, 2, 5, 10, 30, 60, 300)
BATCH_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
WORST = 10  # features whose drift is shown: the farthest; more would be hundreds of series
_trace = msgspec.json.Decoder(Trace)


class ScorerMetrics:
    """Counts what goes out (`tell`), and shows how the desk, the models and the monitor stand. A collector too."""

    def __init__(
        self, registry: CollectorRegistry, duty: Duty, monitor: Monitor, mirrored: Callable[[], int],
        clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        """`mirrored` tells how many rows' edges are in the mirror; `clock` is the wall's, in seconds."""
        self.registry = registry
        self.desk: Desk | None = None
        self._duty, self._monitor, self._mirrored, self._clock = duty, monitor, mirrored, clock
        self._scores = self._counter("scores", "Scores that went out, provisional ones and second ones apart", "kind")
        self._remarks = self._counter("remarks", "Scores out of the ordinary, by what is", "remark")
        self._due = self._counter("alerts_due", "Scores at or above their threshold, or that a rule asks an alert for")
        self._took = self._histogram("batch_seconds", "Time to score a micro-batch", BATCH_S)
        self._latency = self._histogram(
            "captured_to_score_seconds", "From the moment the connector saw a change to its score", LATENCY_S
        )
        ProcessCollector(registry=self.registry)
        self.registry.register(self)

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(f"ringwatch_scorer_{name}", what, labels, registry=self.registry)

    def _histogram(self, name: str, what: str, buckets: Sequence[float]) -> Histogram:
        return Histogram(f"ringwatch_scorer_{name}", what, buckets=buckets, registry=self.registry)

    def tell(self, scores: Sequence[Score], items: Sequence[Item], took_s: float) -> None:
        """See Outlet.tell."""
        self._took.observe(took_s)
        self._monitor.scored(scores)
        now_s = self._clock()
        for score, item in zip(scores, items, strict=True):
            kind = "provisional" if score.provisional else "second" if score.revision > 1 else "final"
            self._scores.labels(kind).inc()
            for remark in score.remarks:
                self._remarks.labels(remark).inc()
            self._due.inc(score.asks)
            if score.revision == 1 and (trace := item.headers.get("trace")):
                self._latency.observe(max(0.0, now_s - _trace.decode(trace).captured_ms / 1e3))

    # -- prometheus_client's Collector --------------------------------------------------------

    def describe(self) -> Iterable[Metric]:
        """Nothing ahead: names are known when they are collected."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """How it stands now."""
        main, shadow = self._duty.now()
        yield _models(main, shadow)
        yield _gauge("mirror_owners", "Rows whose edges or labels are in the mirror", self._mirrored())
        refused = self._duty.refused is not None
        yield _gauge("promotion_refused", "1 while a model that was promoted can't be loaded", refused)
        if isinstance(main, Guard):
            yield _gauge("fallen_back", "1 while the model's trees score, not its network", main.fallen_back)
            yield _gauge("network_failures", "Times the network failed since it is on duty", main.failures)
        if self.desk is not None:
            waiting, second, load = len(self.desk.waiting), len(self.desk.provisional), self.desk.load
            yield _gauge("waiting_events", "Events that wait for their score", waiting)
            yield _gauge("provisional_events", "Events that wait for their second score", second)
            yield _gauge("behind_seconds", "How long the oldest waiting event has been in its topic", load.behind_s)
            yield _gauge("load_level", "0: whole neighbourhoods; each further level halves them", load.level)
        yield from self._drift()

    def _drift(self) -> Iterable[Metric]:
        feedback, shift = self._monitor.feedback, self._monitor.shift
        yield _gauge("expected_frauds", "Sum of the probabilities of events since the start", feedback.expected)
        yield _gauge("reported_frauds", "Of the same events, those reported as fraud", feedback.reported)
        yield _gauge("labelled_events", "Of the same events, those a label came for", feedback.labels)
        yield _gauge("score_shifts", "Changes of the scores' mean that ADWIN found", feedback.score_shifts)
        yield _gauge("error_shifts", "Changes of the labelled events' error that ADWIN found", feedback.error_shifts)
        if (error := feedback.calibration_error) is not None:
            yield _gauge("calibration_error", "Of the newest labelled events (ECE)", error)
        if shift is not None:
            yield _gauge("score_psi", "Population stability index of the scores", shift.score)
            psi = GaugeMetricFamily(
                "ringwatch_scorer_feature_psi", f"The same of features, the {WORST} farthest", labels=["feature"]
            )
            for name, value in shift.worst[:WORST]:
                psi.add_metric([name], value)
            yield psi


def _gauge(name: str, what: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"ringwatch_scorer_{name}", what, float(value))


def _models(main: Scorer, shadow: Scorer | None) -> GaugeMetricFamily:
    found = GaugeMetricFamily("ringwatch_scorer_model", "The models on duty", labels=["role", "model"])
    found.add_metric(["main", main.model], 1.0)
    if shadow is not None:
        found.add_metric(["shadow", shadow.model], 1.0)
    return found
