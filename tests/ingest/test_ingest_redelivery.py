"""A Kafka offset is no Position: what the connector sends again, it sends under new offsets."""

from __future__ import annotations

import random
from typing import Any

import pytest
from envelopes import body, record, transfer
from fakes import Faults, FaultySink, LogSource, MemoryPublisher
from histories import canonical, demo_mapping
from hypothesis import given
from hypothesis import strategies as st

from graph.mirror import Mirror
from graph.model import EdgeUpsert
from ingest.records import EVENTS, Record
from ingest.worker import Worker

MAPPING = demo_mapping()
Sent = tuple[Any, Any]  # value, key


def fed(sent: list[Sent]) -> tuple[Mirror, set[str]]:
    """The graph, and the events that went out, each once."""
    faults, mirror = Faults(), Mirror()
    source = LogSource([record(value, key, n) for n, (value, key) in enumerate(sent)], faults)
    publisher = MemoryPublisher(faults)
    worker = Worker(source, FaultySink(MAPPING, mirror, faults, lambda _: False), publisher)
    while any(source.lag().values()):
        worker.step()
    return mirror, {str(event) for event in publisher.of(EVENTS)}


def change(op: str, before: Any, after: Any, pos: int, **source: Any) -> Sent:
    return body(op, before, after, pos=pos, **source), {"id": (after or before)["id"]}


def history() -> list[Sent]:
    """A transfer is created, changed twice within one second, deleted; another stays."""
    rows = [transfer(1, amount=f"{n}.00") for n in (1, 2, 3)]
    return [
        change("c", None, rows[0], 100),
        change("u", rows[0], rows[1], 200),
        change("u", rows[1], rows[2], 300),
        change("c", None, transfer(2), 400),
        change("d", rows[2], None, 500),
    ]


@given(st.integers(0, 5), st.integers(0, 5), st.integers(1, 3))
def test_what_is_sent_again_changes_nothing(back: int, upto: int, times: int) -> None:
    """From any place of the log, as often as it likes: same graph, same events."""
    once, events = fed(history())
    again, events_again = fed(history()[:upto] + history()[:back] * times + history())
    assert canonical(again.dump()) == canonical(once.dump()) and events_again == events


@given(st.randoms(use_true_random=False))
def test_changes_of_one_second_are_told_apart_by_their_place(order: random.Random) -> None:
    """All carry one ts_ms: as a version it would lose updates."""
    shuffled = order.sample(history(), k=5)
    assert canonical(fed(shuffled)[0].dump()) == canonical(fed(history())[0].dump())


def newest(mirror: Mirror, owner: str) -> EdgeUpsert:
    return max((u for u in mirror.dump() if isinstance(u, EdgeUpsert) and u.owner == owner), key=lambda u: u.pos)


@pytest.mark.parametrize("snapshot_first", [True, False])
def test_a_snapshot_row_never_beats_a_streamed_one(snapshot_first: bool) -> None:
    """Taken again in the same epoch it stands below the stream, wherever in the log it was read."""
    streamed = change("c", None, transfer(1, amount="2.00"), 100)
    read = change("r", None, transfer(1, amount="1.00"), 900, snapshot="true")
    mirror, _ = fed([read, streamed] if snapshot_first else [streamed, read])
    assert newest(mirror, "transfers:1:transfer").attributes["amount"] == 200


@pytest.mark.parametrize("new_first", [True, False])
def test_a_new_epoch_beats_the_old_whatever_its_log_is_called(new_first: bool) -> None:
    """After a switch to a replica file 1 comes after file 9."""
    old = record(*change("u", transfer(1), transfer(1, amount="1.00"), 100, file="binlog.000009"), 0)
    new = record(*change("u", transfer(1), transfer(1, amount="2.00"), 100, file="binlog.000001"), 1,
                 headers=(("epoch", b"2"),))  # fmt: skip
    faults, mirror = Faults(), Mirror()
    order: list[Record] = [new, old] if new_first else [old, new]
    source = LogSource(order, faults)
    worker = Worker(source, FaultySink(MAPPING, mirror, faults, lambda _: False), MemoryPublisher(faults))
    while any(source.lag().values()):
        worker.step()
    assert newest(mirror, "transfers:1:transfer").attributes["amount"] == 200
