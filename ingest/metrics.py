"""What Prometheus reads of an ingest process. One registry per worker, never the global one.

`topic` and `partition` name where a record stood (Debezium: one topic a table); both come from the consumer
group's subscription, at most `PLACES` of them, what comes after counts as `other`. Numbers of one moment are
worked out when they are read, so that a worker which stands still does not look as it last did.
"""

from __future__ import annotations

import threading
import time
from collections import Counter as Count
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, Summary
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from ingest.buckets import Buckets
from ingest.deadletter import DeadLetter
from ingest.events import Op, Position
from ingest.lag import Lag
from ingest.listener import Place
from ingest.records import Record
from ingest.sink import Item

PLACES = 1_000
LATENCY_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
WRITE_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
BATCH_BUCKETS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000)
REAL_TIME_MS = 3_600_000  # a commit further than this from its capture ran on another clock, or the connector was away
AT = ("topic", "partition")
OTHER = ("other", "other")
KINDS = ("refused", "unreadable")  # of dead letters
OPS = {op: op.name.lower() for op in Op}
PARTS = ("epoch", "stream", "file", "offset", "row")  # of a Position
_order = attrgetter("epoch", "stream", "file", "offset", "row")


class Metrics:
    """A `Listener` that counts. A collector too: it registers itself."""

    def __init__(self, registry: CollectorRegistry | None = None, clock: Callable[[], float] = time.time) -> None:
        """`clock` is the wall's, in seconds."""
        self.registry = registry or CollectorRegistry()
        self._clock, self._lock = clock, threading.Lock()
        self._lag, self._known, self._last = Lag(), set[Place](), dict[Place, Position]()
        self._started = self._turn = clock()
        self._counters()
        self._histograms()
        self._paused = Gauge(
            "ringwatch_ingest_paused", "1 while partitions are paused until what is in hand is written",
            registry=self.registry,
        )  # fmt: skip
        self._incomplete = Gauge(
            "ringwatch_ingest_incomplete_rows", "Rows that wait for a record of theirs that was refused",
            registry=self.registry,
        )  # fmt: skip
        self._seen = Gauge(
            "ringwatch_ingest_last_record_timestamp_seconds",
            "When the last record was dealt with, or the partition taken; time() less this is how long nothing came",
            AT, registry=self.registry,
        )  # fmt: skip
        self._position = Gauge(
            "ringwatch_ingest_position",
            "The highest position written, in parts: epoch, stream (0 snapshot), file, offset (or LSN), row",
            (*AT, "part"), registry=self.registry,
        )  # fmt: skip
        ProcessCollector(registry=self.registry)  # memory, CPU, open files, start
        self.registry.register(self)

    def _counters(self) -> None:
        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(f"ringwatch_ingest_{name}", what, labels, registry=self.registry)

        self._records = counter("records", "Records dealt with: written, put aside or passed over", *AT)
        self._changes = counter("changes", "Changes in the graph, by Debezium's operation", *AT, "op")
        self._letters = counter(
            "dead_letters", "Records put aside: unreadable (no position could be read), or refused", *AT, "kind"
        )
        self._retries = counter("retries", "Steps tried again, by step and the error's class", "step", "error")
        self._dropped = counter("dropped", "Changes older than the purge horizon, no longer taken")
        self._apart = counter(
            "clock_apart",
            "Changes captured over an hour from their commit: another clock, or a connector that was away",
            *AT,
        )

    def _histograms(self) -> None:
        def histogram(name: str, what: str, buckets: Sequence[float]) -> Histogram:
            return Histogram(f"ringwatch_ingest_{name}", what, buckets=buckets, registry=self.registry)

        self._batch = histogram("batch_changes", "Changes in a batch", BATCH_BUCKETS)
        self._write = histogram("write_seconds", "Time to write a batch, retries included", WRITE_BUCKETS_S)
        self._captured = Buckets(
            "ringwatch_capture_to_graph_seconds",
            "From the moment the connector saw a streamed change to the graph, by this machine's clock",
            LATENCY_BUCKETS_S,
        )
        self._committed = Buckets(
            "ringwatch_commit_to_graph_seconds",
            "From the bank's commit to the graph, by the bank's clock (MariaDB: whole seconds, so up to 1 s too long)",
            LATENCY_BUCKETS_S,
        )
        self._share = Summary(
            "ringwatch_ingest_batch_share", "A partition's changes in the batches it was part of", AT,
            registry=self.registry,
        )  # fmt: skip

    # -- what the worker tells ------------------------------------------------------------------

    def polled(self, records: int) -> None:
        """See Listener.polled."""
        with self._lock:
            self._turn = self._clock()

    def written(self, items: Sequence[Item], seconds: float) -> None:
        """See Listener.written."""
        if not items:
            return
        self._batch.observe(len(items))
        self._write.observe(seconds)
        by_place: dict[Place, list[Item]] = defaultdict(list)
        for item in items:
            by_place[_place(item.record)].append(item)
        now_s = self._clock()
        with self._lock:
            for place, group in by_place.items():
                self._wrote(place, group, now_s)

    def done(self, records: Sequence[Record], letters: Sequence[DeadLetter]) -> None:
        """See Listener.done."""
        now_s = self._clock()
        with self._lock:
            for place, number in Count(map(_place, records)).items():
                at = self._at(place)
                self._records.labels(*at).inc(number)
                self._seen.labels(*at).set(now_s)
            for letter in letters:
                kind = KINDS[0 if letter.position else 1]
                self._letters.labels(*self._at((letter.topic, letter.partition)), kind).inc()

    def advanced(self) -> None:
        """See Listener.advanced: nothing to count."""

    def retrying(self, step: str, error: Exception) -> None:
        """See Listener.retrying."""
        self._retries.labels(step, type(error).__name__).inc()

    def lag(self, behind: Mapping[Place, int]) -> None:
        """See Listener.lag. What went to another process is forgotten: its gauges would stand still here."""
        with self._lock:
            now_s = self._clock()
            for place in behind.keys() - self._lag.records().keys():
                self._take(place, now_s)
            for place in self._lag.told(behind, now_s):
                self._forget(place)

    def paused(self, yes: bool) -> None:
        """See Listener.paused."""
        self._paused.set(yes)

    def dropped(self, changes: int) -> None:
        """See Listener.dropped."""
        self._dropped.inc(changes)

    def incomplete(self, rows: int) -> None:
        """See Listener.incomplete."""
        self._incomplete.set(rows)

    # -- what it makes of it --------------------------------------------------------------------

    def _wrote(self, place: Place, items: Sequence[Item], now_s: float) -> None:
        at = self._at(place)
        self._share.labels(*at).observe(len(items))
        ops = [item.change.op for item in items]
        for op, said in OPS.items():
            if number := ops.count(op):
                self._changes.labels(*at, said).inc(number)
        self._lag.wrote(place, max([item.trace.captured_ms for item in items]) / 1e3)
        self._move(place, max([item.change.position for item in items], key=_order))
        # What a snapshot reads was committed nobody knows when. The clocks are milliseconds, so many are the same.
        clocks = Count([(i.trace.captured_ms, i.trace.committed_ms) for i in items if i.change.op is not Op.READ])
        self._time(at, clocks, now_s)

    def _time(self, at: tuple[str, str], clocks: Mapping[tuple[int, int], int], now_s: float) -> None:
        self._captured.observe(at, ((max(0.0, now_s - seen / 1e3), times) for (seen, _), times in clocks.items()))
        real = {both: times for both, times in clocks.items() if abs(both[0] - both[1]) <= REAL_TIME_MS}
        self._committed.observe(at, ((max(0.0, now_s - at_ms / 1e3), times) for (_, at_ms), times in real.items()))
        if apart := sum(clocks.values()) - sum(real.values()):
            self._apart.labels(*at).inc(apart)

    def _move(self, place: Place, to: Position) -> None:
        """Redelivered changes do not move it back; another source's log starts anew."""
        last = self._last.get(place)
        if last is not None and last.source == to.source and to < last:
            return
        self._last[place] = to
        for part in PARTS:
            self._position.labels(*self._at(place), part).set(getattr(to, part))

    def _at(self, place: Place) -> tuple[str, str]:
        """A place's labels."""
        if place not in self._known:
            if len(self._known) >= PLACES:
                return OTHER
            self._known.add(place)
        return place[0], str(place[1])

    def _take(self, place: Place, now_s: float) -> None:
        """It is ours: what alerts ask for is there before the first record. A counter that began with 1 has no rise."""
        at = self._at(place)
        self._seen.labels(*at).set(now_s)
        for kind in KINDS:
            self._letters.labels(*at, kind)

    def _forget(self, place: Place) -> None:
        self._last.pop(place, None)
        if place in self._known:
            self._seen.remove(*self._at(place))
            for part in PARTS:
                self._position.remove(*self._at(place), part)

    def collect(self) -> Iterator[Metric]:
        """For the registry: what depends on the time of reading."""
        with self._lock:
            now_s = self._clock()
            behind, behind_s, turn_s = self._lag.records(), self._lag.seconds(now_s), now_s - self._turn
            captured, committed = self._captured.family(), self._committed.family()
        yield GaugeMetricFamily(
            "ringwatch_ingest_turn_age_seconds",
            "How long ago the loop came round",
            turn_s,
        )
        yield GaugeMetricFamily("ringwatch_ingest_partitions", "Partitions assigned to this process", len(behind))
        records = GaugeMetricFamily("ringwatch_ingest_lag_records", "Records a partition still holds", labels=AT)
        seconds = GaugeMetricFamily(
            "ringwatch_ingest_lag_seconds",
            "How old what was written last is, by the connector's capture; 0 where nothing more is held", labels=AT,
        )  # fmt: skip
        for place in list(behind)[:PLACES]:
            records.add_metric((place[0], str(place[1])), behind[place])
            seconds.add_metric((place[0], str(place[1])), behind_s[place])
        yield from (records, seconds, captured, committed)


def _place(record: Record) -> Place:
    return record.topic, record.partition
