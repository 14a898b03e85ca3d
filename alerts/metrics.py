"""What Prometheus reads of this package. One registry per set of services, never the global one."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

LATENCY_BUCKETS_S = (0.05, 0.1, 0.2, 0.3, 0.5, 1, 1.5, 2, 3, 5, 10, 30, 60)


class Metrics:
    """Counters of intake, decisions, streams and sign-ins."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self.scores = Counter(
            "ringwatch_alert_scores", "Scores taken in, by what the policy made of them", ["action"],
            registry=self.registry,
        )  # fmt: skip
        self.explanations = Counter(
            "ringwatch_alert_explanations", "Explanations taken in: shown on an alert, or early and kept for its score",
            ["outcome"], registry=self.registry,
        )  # fmt: skip
        self.commit_to_alert_s = Histogram(
            "ringwatch_commit_to_alert_seconds", "From the bank's commit to the alert's commit",
            buckets=LATENCY_BUCKETS_S, registry=self.registry,
        )  # fmt: skip
        self.decisions = Counter(
            "ringwatch_decisions", "Decisions of analysts, by verdict", ["verdict"], registry=self.registry
        )
        self.streams = Gauge("ringwatch_streams", "Open event streams", registry=self.registry)
        self.refused = Counter(
            "ringwatch_refused_requests", "Requests refused, by reason", ["reason"], registry=self.registry
        )
        self.outbox = Counter("ringwatch_outbox_sent", "Messages sent from the outbox", registry=self.registry)
