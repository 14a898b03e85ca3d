"""What Prometheus reads of an ingest worker, from Items as the worker makes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from envelopes import body, record, transfer
from histories import demo_mapping
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

import ingest.metrics
from graph.store import StoreUnavailable
from ingest.deadletter import DeadLetter
from ingest.debezium import decode
from ingest.metrics import Metrics
from ingest.records import Record, Trace
from ingest.worker import Item

MAPPING = demo_mapping()
TOPIC = "bank.bank.transfers"
AT = {"topic": TOPIC, "partition": "0"}
CAPTURED_S = 1_700_000_000.123  # of envelopes.body; its commit is 0.123 s before


class World:
    """Metrics over a clock that stands 0.2 s behind the capture of every row made by `row`."""

    def __init__(self) -> None:
        self.now_s = CAPTURED_S + 0.2
        self.metrics = Metrics(clock=lambda: self.now_s)

    def value(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"ringwatch_{name}", labels)

    def finish(self, records: Sequence[Record], letters: Sequence[DeadLetter] = ()) -> None:
        items = [item(each) for each in records]
        self.metrics.polled(len(records))
        self.metrics.written(items, 0.03)
        self.metrics.done(records, letters)


def row(offset: int, op: str = "c", partition: int = 0, topic: str = TOPIC, **source: Any) -> Record:
    images = {"c": (None, transfer(1)), "r": (None, transfer(1)), "d": (transfer(1), None)}[op]
    at = {"pos": 100 + offset} | source
    return record(body(op, *images, **at), {"id": 1}, offset, partition=partition, topic=topic)


def item(read: Record) -> Item:
    captured = decode(read)
    assert captured is not None
    change = captured.change
    trace = Trace.of(change.position.token, change.committed_ms, captured.captured_ms)
    return Item(read, change, MAPPING.plan(change), trace)


@pytest.fixture
def world() -> World:
    return World()


def test_records_and_changes_are_counted_where_they_stood(world: World) -> None:
    """Per topic and partition; changes by what they did."""
    world.finish([row(0), row(1), row(2, "d"), row(0, partition=1)])
    world.finish([row(3)])
    assert world.value("ingest_records_total", **AT) == 4
    assert world.value("ingest_records_total", topic=TOPIC, partition="1") == 1
    assert world.value("ingest_changes_total", **AT, op="create") == 3
    assert world.value("ingest_changes_total", **AT, op="delete") == 1


def test_batches_are_measured_whole_and_by_partition(world: World) -> None:
    """Their size, their share, and how long writing took."""
    world.finish([row(0), row(1), row(2), row(0, partition=1)])
    world.finish([row(3)])
    assert world.value("ingest_batch_changes_count") == 2 and world.value("ingest_batch_changes_sum") == 5
    assert world.value("ingest_batch_changes_bucket", le="2.0") == 1
    assert (world.value("ingest_batch_share_count", **AT), world.value("ingest_batch_share_sum", **AT)) == (2, 4)
    assert world.value("ingest_write_seconds_sum") == pytest.approx(0.06)


def test_a_batch_of_nothing_is_none(world: World) -> None:
    """All of it was refused or passed over."""
    world.metrics.written([], 0.1)
    assert world.value("ingest_batch_changes_count") == 0 and world.value("ingest_write_seconds_count") == 0


def test_latency_is_taken_on_both_clocks(world: World) -> None:
    """From the connector's capture, and from the bank's commit."""
    world.finish([row(0), row(1)])
    assert world.value("capture_to_graph_seconds_sum", **AT) == pytest.approx(0.4)
    assert world.value("commit_to_graph_seconds_sum", **AT) == pytest.approx(0.646)
    buckets = [world.value("capture_to_graph_seconds_bucket", **AT, le=le) for le in ("0.15", "0.25", "300.0", "+Inf")]
    assert buckets == [0, 2, 2, 2] == [*buckets[:3], world.value("capture_to_graph_seconds_count", **AT)]


def test_a_latency_beyond_the_last_bucket_is_counted_too(world: World) -> None:
    """A backlog of an hour."""
    world.now_s = CAPTURED_S + 3_000
    world.finish([row(0)])
    found = [world.value("capture_to_graph_seconds_bucket", **AT, le=le) for le in ("300.0", "+Inf")]
    assert found == [0, 1]


def test_a_simulated_commit_time_is_no_latency(world: World) -> None:
    """A replay's clock runs elsewhere: counted apart, and the capture is timed all the same."""
    world.finish([row(0, ts_ms=1_500_000_000_000), row(1, ts_ms=1_900_000_000_000)])
    assert world.value("ingest_clock_apart_total", **AT) == 2
    assert world.value("commit_to_graph_seconds_count", **AT) == 0
    assert world.value("capture_to_graph_seconds_count", **AT) == 2


def test_a_snapshot_row_has_no_latency(world: World) -> None:
    """When it was committed nobody can tell."""
    world.finish([row(0, "r", snapshot="true")])
    assert world.value("capture_to_graph_seconds_count", **AT) == 0
    assert world.value("ingest_changes_total", **AT, op="read") == 1


def test_dead_letters_are_counted_by_kind(world: World) -> None:
    """Those that could not be read, and those that were, but can't be used."""
    bad, refused = record(b"{", {"id": 1}, 4), row(5)
    letters = [DeadLetter.of(bad, "", "not JSON"), DeadLetter.of(refused, "bank/0001", "no amount")]
    world.metrics.done([bad, refused], letters)
    counted = [world.value("ingest_dead_letters_total", **AT, kind=kind) for kind in ("unreadable", "refused")]
    assert counted == [1, 1] and world.value("ingest_records_total", **AT) == 2


def test_retries_are_counted_by_step_and_error(world: World) -> None:
    """Of the error its class: its text would make a series of each."""
    for n in range(3):
        world.metrics.retrying("write", StoreUnavailable(f"try {n}"))
    assert world.value("ingest_retries_total", step="write", error="StoreUnavailable") == 3


def test_the_position_is_shown_in_parts(world: World) -> None:
    """Numbers: the token would be a new series for each change."""
    world.finish([row(7, file="binlog.000012"), row(3)])
    parts = {part: world.value("ingest_position", **AT, part=part) for part in ingest.metrics.PARTS}
    assert parts == {"epoch": 1, "stream": 1, "file": 12, "offset": 107, "row": 0}


def test_redelivery_does_not_turn_the_position_back(world: World) -> None:
    """The connector restarted; a new source starts anew."""
    world.finish([row(7)])
    world.finish([row(2)])
    assert world.value("ingest_position", **AT, part="offset") == 107
    world.finish([row(2, name="another")])
    assert world.value("ingest_position", **AT, part="offset") == 102


def test_lag_is_shown_in_records_and_seconds(world: World) -> None:
    """Worked out when it is read: it grows while the worker stands still."""
    world.metrics.lag({(TOPIC, 0): 5, (TOPIC, 1): 0})
    world.finish([row(0)])
    world.now_s += 60
    assert world.value("ingest_lag_records", **AT) == 5 and world.value("ingest_partitions") == 2
    assert world.value("ingest_lag_seconds", **AT) == pytest.approx(60.2)
    assert world.value("ingest_lag_seconds", topic=TOPIC, partition="1") == 0
    assert world.value("ingest_turn_age_seconds") == pytest.approx(60)


def test_a_partition_that_left_shows_no_more_gauges(world: World) -> None:
    """They would stand still here and alarm for ever; its counters stay."""
    world.metrics.lag({(TOPIC, 0): 5})
    world.finish([row(0)])
    world.metrics.lag({})
    gauges = ("ingest_lag_records", "ingest_lag_seconds", "ingest_last_record_timestamp_seconds")
    assert [world.value(name, **AT) for name in gauges] == [None] * 3
    assert world.value("ingest_position", **AT, part="file") is None
    assert world.value("ingest_records_total", **AT) == 1


def test_a_partition_that_comes_back_starts_from_where_it_is(world: World) -> None:
    """The other process may have gone further, or less far."""
    world.metrics.lag({(TOPIC, 0): 5})
    world.finish([row(7)])
    world.metrics.lag({})
    world.metrics.lag({(TOPIC, 0): 5})
    world.finish([row(3)])
    assert world.value("ingest_position", **AT, part="offset") == 103


def test_when_the_last_record_came_is_shown(world: World) -> None:
    """As a time: what reads it takes it from its own."""
    world.finish([row(0)])
    world.now_s += 50
    world.metrics.polled(0)
    assert world.value("ingest_last_record_timestamp_seconds", **AT) == pytest.approx(CAPTURED_S + 0.2)


def test_a_partition_that_never_gave_a_record_counts_from_when_it_was_taken(world: World) -> None:
    """Else nobody could tell that a worker which hangs in its first batch starves it."""
    world.metrics.lag({(TOPIC, 0): 5})
    world.now_s += 50
    world.metrics.lag({(TOPIC, 0): 5})
    assert world.value("ingest_last_record_timestamp_seconds", **AT) == pytest.approx(CAPTURED_S + 0.2)


@pytest.mark.parametrize("kind", ["refused", "unreadable"])
def test_dead_letters_are_none_before_the_first(world: World, kind: str) -> None:
    """Prometheus's increase() sees no step in a series that begins with one."""
    world.metrics.lag({(TOPIC, 0): 5})
    assert world.value("ingest_dead_letters_total", **AT, kind=kind) == 0


def test_pauses_incomplete_rows_and_what_was_too_old_are_shown(world: World) -> None:
    """As the worker tells them."""
    world.metrics.paused(True)
    world.metrics.incomplete(12)
    world.metrics.dropped(2)
    shown = (
        world.value("ingest_paused"),
        world.value("ingest_incomplete_rows"),
        world.value("ingest_dropped_total"),
    )
    assert shown == (1, 12, 2)
    world.metrics.paused(False)
    assert world.value("ingest_paused") == 0


def test_memory_is_shown(world: World) -> None:
    """Of this process."""
    assert (world.metrics.registry.get_sample_value("process_resident_memory_bytes") or 0) > 1e6


def test_topics_without_end_make_no_series_without_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pattern may match what somebody makes by the thousand."""
    monkeypatch.setattr(ingest.metrics, "PLACES", 3)
    for n in range(50):
        world.metrics.lag({(f"bank.bank.t{each}", 0): 1 for each in range(n + 1)})
        world.finish([row(0, topic=f"bank.bank.t{n}")], [DeadLetter.of(row(0, topic=f"bank.bank.t{n}"), "", "x")])
    topics = {
        sample.labels["topic"]
        for family in world.metrics.registry.collect()
        for sample in family.samples
        if "topic" in sample.labels
    }
    assert len(topics) == 4 and world.value("ingest_records_total", topic="other", partition="other") == 47


def test_what_is_shown_is_what_prometheus_reads(world: World) -> None:
    """Its own parser takes it, and every one of ours has a help text."""
    world.metrics.lag({(TOPIC, 0): 5})
    world.finish([row(0)])
    families = list(text_string_to_metric_families(generate_latest(world.metrics.registry).decode()))
    ours = [family for family in families if family.name.startswith("ringwatch_")]
    assert len(ours) >= 19 and all(family.documentation for family in ours)
