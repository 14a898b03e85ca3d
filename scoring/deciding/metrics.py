"""What Prometheus reads of the decision API. One registry for each server, never the global one."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

LATENCY_BUCKETS_S = (.001, .002, .003, .005, .0075, .01, .015, .02, .03, .05, .075, .1, .2, .5, 1)  # fmt: skip
BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """Latency, verdicts, fall-backs, what is in flight, what was refused, and whether replicas share their answers."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        own = self.registry
        self.took_s = Histogram(
            "ringwatch_decide_seconds",
            "From arrival to answer",
            buckets=LATENCY_BUCKETS_S,
            registry=own,
        )
        self.verdicts = Counter("ringwatch_decide_verdicts", "Answers, by verdict", ["verdict"], registry=own)
        self.fallbacks = Counter("ringwatch_decide_fallbacks", "Answers without a score, by why", ["why"], registry=own)
        self.remarks = Counter("ringwatch_decide_remarks", "Remarks in answers, by code", ["code"], registry=own)
        self.replays = Counter("ringwatch_decide_replays", "Answers given again to the same key", registry=own)
        self.refused = Counter("ringwatch_decide_refused", "Requests refused, by problem", ["problem"], registry=own)
        self.in_flight = Gauge("ringwatch_decide_in_flight", "Requests that wait for their answer", registry=own)
        self.batch = Histogram(
            "ringwatch_decide_batch_events", "Requests scored together", buckets=BATCH_BUCKETS, registry=own
        )
        self.shared = Gauge(
            "ringwatch_decide_redis_up", "1: replicas share answers; 0: Redis is away, or not set", registry=own
        )
        self.redis_failures = Counter("ringwatch_decide_redis_failures", "Times Redis did not answer", registry=own)
        self.silent_s = Gauge(
            "ringwatch_decide_graph_silent_seconds", "Since the bank's changes were last heard of", registry=own
        )

    def heard_redis(self, there: bool) -> None:
        """Whether Redis answered."""
        self.shared.set(1 if there else 0)
        if not there:
            self.redis_failures.inc()
