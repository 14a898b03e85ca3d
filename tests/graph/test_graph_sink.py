"""What ingest feeds and what it publishes."""

from __future__ import annotations

import msgspec
from histories import demo_mapping

from graph.mapping import Plan
from graph.mirror import Mirror
from graph.model import EdgeUpsert, Event, Floor, Gone, Horizon, Incomplete, LabelUpsert, NodeUpsert, Upsert, Watermark
from graph.sink import GraphSink
from graph.wire import PACK, unpacked
from ingest.events import Change, Op, Position
from ingest.labels import DECISIONS
from ingest.records import CHANGES, EVENTS, Record, Trace
from ingest.worker import Item

POS = Position("bank", 1, True, 1, 100)
EDGE = EdgeUpsert("transfers:7:transfer", POS.token, 5, "TRANSFER", "Account:1", "Account:2", 4, {})
EVENT = Event(EDGE.owner, "new", POS.token, 5, "TRANSFER", "Account:1", "Account:2", 4, {})
NODE = NodeUpsert("User", "3", "users", POS.token, 5, {})
GONE = Gone("logins:1:login", POS.token, 5, "LOGIN")
LABEL = LabelUpsert("fraud_reports:1:label", POS.token, 5, EDGE.owner, True)
FLOOR = Floor("logins", POS.token, 5)


def item(
    *upserts: Upsert, events: tuple[Event, ...] = (), table: str = "transfers", op: Op = Op.CREATE, ms: int = 5
) -> Item:
    change = Change(table, {"id": 7}, op, None, {}, POS, ms)
    return Item(Record("t", 0, 0, None, None), change, Plan(upserts, events), Trace.of(POS.token, 5, 6))


def sink(*store: Mirror) -> GraphSink:
    return GraphSink(demo_mapping(), *(store or (Mirror(),)), "w1")


def test_upserts_then_the_watermark_then_the_events() -> None:
    """What waits stands behind what it waits for."""
    sent = sink().messages([item(EDGE, events=(EVENT,)), item(NODE, LABEL)], [], POS.token)
    assert [message.topic for message in sent] == [CHANGES, CHANGES, EVENTS]
    assert unpacked(sent[0].value or b"") == [EDGE, NODE, LABEL]
    assert unpacked(sent[1].value or b"") == Watermark("w1", POS.token)
    assert msgspec.json.decode(sent[2].value or b"", type=Event) == EVENT


def test_each_message_is_keyed_by_what_it_is_about() -> None:
    """Changes by the first of those that share a record, which come in any order; an event by its id."""
    sent = sink().messages([item(NODE, EDGE, GONE, LABEL, events=(EVENT,))], [], None)
    assert [message.key for message in sent] == [b"User:3", b"transfers:7:transfer"]


def test_floors_and_watermarks_go_everywhere() -> None:
    """They speak of every partition."""
    sent = sink().messages([item(EDGE, FLOOR)], [], POS.token)
    assert [(message.everywhere, unpacked(message.value or b"")) for message in sent] == [
        (False, [EDGE]), (True, [FLOOR]), (True, Watermark("w1", POS.token)),
    ]  # fmt: skip


def test_without_a_watermark_none_is_sent() -> None:
    """Nothing is known yet."""
    assert sink().messages([], [], None) == []


def test_an_event_and_what_was_written_of_it_carry_its_trace() -> None:
    """The same for each delivery, so that latencies join."""
    sent = sink().messages([item(EDGE, events=(EVENT,))], [], POS.token)
    assert [len(message.headers) for message in sent] == [1, 0, 1]
    trace = msgspec.json.decode(sent[0].headers[0][1], type=Trace)
    assert (trace.committed_ms, trace.captured_ms) == (5, 6) and sent[0].headers == sent[2].headers
    assert trace == Trace.of(POS.token, 5, 6)


def test_what_is_written_is_what_was_planned() -> None:
    """In one batch; nothing planned writes nothing."""
    store = Mirror()
    sink(store).write([item(NODE, EDGE), item(LABEL), item()], [])
    assert sorted(type(u).__name__ for u in store.dump()) == ["EdgeUpsert", "LabelUpsert", "NodeUpsert"]


def test_the_bank_s_clock_is_its_newest_commit() -> None:
    """Not when a snapshot read a row, nor when an analyst decided: a replayed bank lives at another time."""
    writing = sink(Mirror())
    assert writing.newest_ms == 0
    writing.write([item(EDGE, ms=70), item(ms=60), item(op=Op.READ, ms=900), item(table=DECISIONS, ms=901)], [])
    assert writing.newest_ms == 70
    writing.write([item(ms=65)], [])
    assert writing.newest_ms == 70


def test_horizons_go_to_every_partition_and_marks_to_one() -> None:
    """A mirror reads all."""
    mark, horizon = Incomplete("users:1", 7, True), Horizon("retention", 5)
    sent = sink().messages([item(horizon)], [mark], None)
    assert [(m.key, m.everywhere, unpacked(m.value or b"")) for m in sent] == [
        (b"retention", True, [horizon]), (b"users:1", False, [mark]),
    ]  # fmt: skip


def test_marks_share_records_as_upserts_do() -> None:
    """A poll of garbage brings tens of thousands: more than Kafka takes as one."""
    marks = [Incomplete(f"users:{n}", n, True) for n in range(PACK + 1)]
    sent = sink().messages([], marks, None)
    assert [unpacked(m.value or b"") for m in sent] == [marks[:PACK], marks[PACK:]]
