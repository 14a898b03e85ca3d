"""The loop: write, publish, commit; what may fail in between, and what is never lost."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import neo4j
import pytest
from envelopes import body, record, transfer
from fakes import Crash, Faults, FaultySink, LogSource, MemoryPublisher
from histories import KEY, canonical, demo_mapping
from histories import MAPPING as MAPPING_FILE

import graph.neo4j_keep
import ingest.reading
import ingest.worker
from graph.mapping import Mapping
from graph.mirror import Mirror
from graph.model import EdgeUpsert, Horizon, Incomplete
from graph.neo4j_store import Neo4jStore
from graph.sink import GraphSink
from ingest.events import Halt, Transient
from ingest.records import CHANGES, DEAD_LETTERS, EVENTS, LABELS, Record
from ingest.worker import Item, Worker

MAPPING = demo_mapping()


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest.worker, "BACKOFF_S", (0.0,))


def row(offset: int, op: str, before: Any, after: Any, partition: int = 0, pos: int | None = None) -> Record:
    """A change of a transfer at a place in the log (by default its offset's)."""
    id = (after or before)["id"]
    return record(body(op, before, after, pos=pos or 100 + offset), {"id": id}, offset, partition=partition)


def log() -> list[Record]:
    """Creates, an update that counts and one that doesn't, a delete, a tombstone, and two bad rows; two partitions."""
    one, two, three = transfer(1), transfer(2), transfer(3)
    return [
        row(0, "c", None, one), row(1, "c", None, two, partition=1),
        row(2, "u", one, transfer(1, amount="13.00")), row(3, "c", None, three | {"amount": "much"}, partition=1),
        record(b"\xff", {"id": 9}, 4),
        row(5, "u", two, transfer(2, status="done"), partition=1),
        row(6, "u", three | {"amount": "much"}, three, partition=1),
        row(7, "d", transfer(1, amount="13.00"), None), record(None, {"id": 1}, 8),
    ]  # fmt: skip


class World:
    """A worker over fakes; `restart` makes a new one over the same log, graph and topics."""

    def __init__(self, records: list[Record], refuses: Callable[[Item], bool] = lambda item: False, limit: int = 100):
        self.faults, self.mirror, self.limit = Faults(), Mirror(), limit
        self.source = LogSource(records, self.faults)
        self.sink = FaultySink(MAPPING, self.mirror, self.faults, refuses)
        self.publisher = MemoryPublisher(self.faults)
        self.restart()

    def restart(self) -> None:
        self.source.reopen()
        self.worker = Worker(self.source, self.sink, self.publisher, self.limit, poll_s=0)

    def drain(self) -> None:
        while self.worker.step():
            pass

    def run(self) -> None:
        """As in life, until there is nothing left."""
        self.source.when_empty = self.worker.stopping.set
        self.worker.run()

    def ends(self) -> tuple[list[str], set[str], set[str], set[str]]:
        """The graph, and what was published, each once: upserts, events, dead letters by place."""
        changes = {str(m) for m in self.publisher.of(CHANGES) if m["type"] not in ("watermark", "incomplete")}
        events = {str(m) for m in self.publisher.of(EVENTS)}
        letters = {m.key.decode() for m in self.publisher.messages if m.topic == DEAD_LETTERS}
        return canonical(self.mirror.dump()), changes, events, letters

    def marks(self) -> list[str]:
        return [str(m["pos"]) for m in self.publisher.of(CHANGES) if m["type"] == "watermark"]


def token(offset: int) -> str:
    return f"bank/0001.1.00000003.{100 + offset:016x}.000000"


def test_a_batch_is_written_then_published_then_committed() -> None:
    """In this order, each step once."""
    world = World([row(0, "c", None, transfer())])
    world.worker.step()
    assert world.faults.steps == ["poll", "write", "publish", "commit"]


def test_nothing_polled_does_nothing() -> None:
    """An idle bank costs no writes."""
    world = World([])
    assert world.worker.step() == 0 and world.faults.steps == ["poll"]


def test_every_record_is_accounted_for() -> None:
    """Written, dead-lettered or passed over: the counters add up."""
    world = World(log(), limit=4)
    world.drain()
    counted = world.worker.counters
    assert (counted.records, counted.written, counted.dead_letters, counted.skipped) == (9, 6, 2, 1)


@pytest.mark.parametrize("step", ["write", "publish", "commit"])
@pytest.mark.parametrize("took_effect", [False, True], ids=["refused", "took effect unheard"])
def test_a_transient_fault_is_tried_again(step: str, took_effect: bool) -> None:
    """Never dead-lettered; the source is told meanwhile that we live."""
    smooth, world = World(log()), World(log())
    smooth.drain()
    (world.faults.after if took_effect else world.faults.before)(step, Transient("away"), Transient("away"))
    world.drain()
    assert world.ends() == smooth.ends()
    assert world.source.alive == 2 and world.worker.counters.retries == 2


@pytest.mark.parametrize("step", ["poll", "write", "publish", "commit"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("limit", [1, 2, 100])
@pytest.mark.parametrize("nth", [1, 2, 4])
def test_a_crash_anywhere_ends_in_the_same(step: str, after: bool, limit: int, nth: int) -> None:
    """A new process reads on from what was committed: same graph, same messages, nothing lost."""
    smooth, world = World(log(), limit=limit), World(log(), limit=limit)
    smooth.drain()
    for _ in range(nth - 1):
        world.worker.step()
    (world.faults.after if after else world.faults.before)(step, Crash())
    try:
        world.drain()
    except Crash:
        world.restart()
        world.drain()
    assert world.ends() == smooth.ends()


@pytest.mark.parametrize("step", ["poll", "write", "publish", "commit"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("limit", [1, 2])
@pytest.mark.parametrize("refused", [False, True], ids=["all good", "one refused"])
def test_reading_ahead_ends_in_the_same(step: str, after: bool, limit: int, refused: bool) -> None:
    """The next batch is read while one is written; a crash, or a row the store refuses, changes no end."""
    refuses = (lambda item: item.record.offset == 2) if refused else (lambda item: False)
    smooth, world = World(log(), refuses, limit), World(log(), refuses, limit)
    smooth.drain()
    (world.faults.after if after else world.faults.before)(step, Crash())
    with contextlib.suppress(Crash):
        world.run()
    world.restart()
    world.run()
    assert world.ends() == smooth.ends()
    assert world.source.committed == smooth.source.committed


def test_offsets_of_what_was_read_ahead_are_not_committed_with_the_batch_before() -> None:
    """Only what is written and published is given up."""
    world = World([row(n, "c", None, transfer(n + 1)) for n in range(6)], limit=2)
    world.faults.before("publish", *[Transient("away")] * 3)
    world.run()
    assert world.source.commits == [2, 4, 6]


def test_a_bad_record_is_put_aside_alone() -> None:
    """One that can't be decoded, one that can't be mapped: the others are in the graph."""
    world = World(log())
    world.drain()
    letters = {m["offset"]: m for m in world.publisher.of(DEAD_LETTERS)}
    assert sorted(letters) == [3, 4]
    assert "amount" in str(letters[3]["reason"]) and letters[3]["position"] == token(3)
    assert "not JSON" in str(letters[4]["reason"]) and letters[4]["value"] == "/w==" and letters[4]["position"] == ""
    assert {m["id"] for m in world.publisher.of(EVENTS)} == {f"transfers:{n}:transfer" for n in (1, 2, 3)}


def test_what_the_store_refuses_is_found_one_by_one() -> None:
    """The batch is refused as a whole; the rest of it is written all the same."""
    world = World([row(n, "c", None, transfer(n + 1)) for n in range(5)], lambda item: item.record.offset == 2)
    world.drain()
    assert [m["offset"] for m in world.publisher.of(DEAD_LETTERS)] == [2]
    assert {m["id"] for m in world.publisher.of(EVENTS)} == {f"transfers:{n}:transfer" for n in (1, 2, 4, 5)}
    assert world.mirror.owners == 4


def test_a_transient_fault_while_looking_for_the_refused_one_is_tried_again() -> None:
    """It is nobody's fault."""
    world = World([row(n, "c", None, transfer(n + 1)) for n in range(3)], lambda item: item.record.offset == 1)
    world.faults.before("write", Transient("away"))
    world.drain()
    assert [m["offset"] for m in world.publisher.of(DEAD_LETTERS)] == [1] and world.mirror.owners == 2


@pytest.mark.parametrize("limit", [1, 10], ids=["in the next batch", "in the same batch"])
def test_the_row_after_a_refused_one_is_written_whole(limit: int) -> None:
    """It changes nothing that is mapped, yet has to bring what the refused one would have brought."""
    records = [row(0, "c", None, transfer()), row(1, "u", transfer(), transfer(status="done"))]
    world = World(records, lambda item: item.record.offset == 0, limit)
    world.drain()
    edges = [upsert for upsert in world.mirror.dump() if isinstance(upsert, EdgeUpsert)]
    assert [edge.owner for edge in edges] == ["transfers:1:transfer"]
    assert world.mirror.incomplete(["transfers:1"]) == set()


def test_only_the_next_row_is_written_whole() -> None:
    """Then the graph has it."""
    rows = [transfer(status=str(n)) for n in range(4)]
    records = [row(n, "u", rows[n - 1], rows[n]) for n in range(1, 4)]
    world = World([record(b"{", {"id": 1}, 0), *records])
    world.drain()
    assert [whole for _, whole in world.sink.planned] == [True, False, False]


def test_more_refused_keys_than_are_remembered_lose_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the limit each row is written whole: dearer, never wrong."""
    monkeypatch.setattr(ingest.reading, "INCOMPLETE_LIMIT", 1)
    bad = [record(b"{", {"id": n}, n) for n in (1, 2)]
    world = World([*bad, row(3, "u", transfer(2), transfer(2, status="x"))])
    world.drain()
    assert world.mirror.owners == 1


@pytest.mark.parametrize("restarted", [False, True])
def test_an_older_row_does_not_supersede_a_refused_one(restarted: bool) -> None:
    """One of two letters of a key is replayed, or the connector starts over: what came before the refused row does
    not stand for it. The next one after it does, and is written whole.
    """
    bad, mended = transfer(amount="much"), transfer(amount="13.00")
    older = [row(0, "c", None, transfer()), row(1, "u", transfer(), bad), row(2, "c", None, transfer(), pos=100)]
    newer = row(3, "u", mended, mended)
    world = World([*older, newer], limit=3)
    world.worker.step()
    assert world.mirror.incomplete(["transfers:1"]) == {"transfers:1"}
    if restarted:
        world.restart()
    world.drain()
    newest = max((u for u in world.mirror.dump() if isinstance(u, EdgeUpsert)), key=lambda u: u.pos)
    assert world.mirror.incomplete(["transfers:1"]) == set() and newest.attributes["amount"] == 1_300


@pytest.mark.parametrize("again", [0, 1], ids=["the older first", "the newer first"])
def test_of_two_refused_rows_the_newer_one_has_to_be_superseded(again: int) -> None:
    """Whichever was refused last: replayed letters come in any order."""
    bad = transfer(amount="much")
    refused = [row(n, "u", transfer(), bad, pos=200 + (n + again) % 2) for n in (0, 1)]
    good = [row(2, "u", transfer(), transfer(amount="1.00"), pos=200), row(3, "u", transfer(), transfer(), pos=201)]
    world = World([*refused, *good], limit=3)
    world.worker.step()
    assert world.mirror.incomplete(["transfers:1"]) == {"transfers:1"}
    world.drain()
    assert world.mirror.incomplete(["transfers:1"]) == set()


def test_every_mark_is_taken_away_once_its_row_is_superseded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of those beyond what is remembered: a broken mapping refuses millions, which are replayed later."""
    monkeypatch.setattr(ingest.reading, "INCOMPLETE_LIMIT", 2)
    refused = [record(b"{", {"id": n}, n) for n in range(1, 6)]
    mended = [row(n + 5, "c", None, transfer(n)) for n in range(1, 6)]
    world = World([*refused, *mended], limit=3)
    world.drain()
    assert world.mirror.owners == 5 and world.mirror.marked(9) == {}
    world.restart()
    assert world.worker.reading.incomplete == 0


def test_no_more_marks_are_asked_for_than_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken mapping may have left millions."""
    monkeypatch.setattr(ingest.reading, "INCOMPLETE_LIMIT", 2)
    world = World([row(9, "u", transfer(5), transfer(5))])
    world.mirror.apply([Incomplete(f"transfers:{n}", 0, True) for n in range(1, 6)])
    world.drain()
    assert world.worker.reading.incomplete <= 2 and world.mirror.owners == 1
    assert world.mirror.incomplete(["transfers:5"]) == set()


def test_a_dead_letter_is_named_by_its_place_and_bounded() -> None:
    """Put aside twice it is one; a reason of a megabyte would not fit the topic."""
    world = World([row(0, "c", None, transfer()), record(body("c", None, {"x" * 900_000: 1}), {"id": 1}, 1)])
    world.drain()
    letter = next(m for m in world.publisher.messages if m.topic == DEAD_LETTERS)
    assert letter.key == b"bank.bank.transfers[0]@1" and len(world.publisher.of(DEAD_LETTERS)[0]["reason"]) < 1_100  # type: ignore[arg-type]


def test_what_fails_as_a_whole_is_tried_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that never fits a transaction's time would be tried for ever."""
    monkeypatch.setattr(ingest.worker, "LEAST_PART", 1)
    world = World([row(n, "c", None, transfer(n + 1)) for n in range(8)])
    sizes: list[int] = []
    monkeypatch.setattr(world.sink, "write", lambda items, marks: sizes.append(len(items)) or _slow(items))
    world.worker.step()
    assert sizes == [8, 4, 2, 2, 2, 2] and world.source.commits == [8]


def _slow(items: Sequence[Item]) -> None:
    if len(items) > 2:
        raise Transient("it took too long")


def test_stopping_while_retrying_leaves_the_batch_uncommitted() -> None:
    """It comes again to whoever is next."""
    world = World([row(0, "c", None, transfer())])
    world.faults.before("publish", Transient("away"))
    world.worker.stopping.set()
    with pytest.raises(Transient):
        world.worker.step()
    assert "commit" not in world.faults.steps and not any(world.source.committed.values())


def test_nothing_behind_a_batch_that_was_not_published_is_committed() -> None:
    """The next one is written by then. At the end the first is tried once more, and nothing without it."""
    world = World([row(n, "c", None, transfer(n + 1)) for n in range(4)], limit=2)
    world.faults.before("publish", Transient("away"))
    world.faults.run = _overlapping(world, world.faults.run)  # type: ignore[method-assign]
    with pytest.raises(Transient):
        world.run()
    assert world.faults.steps.count("write") == 2 and world.source.commits == [2, 4]


def _one_by_one(world: World, beat_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run, where a poll gives one record, and batches have so long to grow."""
    poll = world.source.poll
    monkeypatch.setattr(ingest.worker, "BEAT_S", beat_s)
    monkeypatch.setattr(world.source, "poll", lambda limit, wait_s: poll(1, wait_s))
    world.run()


def test_what_comes_within_a_beat_is_written_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first at once, then all that came one by one until the worker is told to stop."""
    world = World([row(n, "c", None, transfer(n + 1)) for n in range(6)])
    _one_by_one(world, 600.0, monkeypatch)
    assert world.faults.steps.count("write") == 2 and world.source.committed["bank.bank.transfers", 0] == 6


def test_a_batch_that_is_full_waits_for_no_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World([row(n, "c", None, transfer(n + 1)) for n in range(6)], limit=2)
    _one_by_one(world, 600.0, monkeypatch)
    assert world.faults.steps.count("write") == 4  # one, two, two, and the last when the worker is told to stop


def _overlapping(world: World, run: Callable[..., None]) -> Callable[..., None]:
    """The first write takes until the second batch is read, the first publishing until the second write is done
    and the worker is told to stop.
    """
    read, written = threading.Event(), threading.Event()

    def step(name: str, effect: Callable[[], None]) -> None:
        if name in ("write", "publish"):
            assert (read if name == "write" else written).wait(10)
        run(name, effect)
        if world.faults.steps.count("poll") == 2:
            read.set()
        if world.faults.steps.count("write") == 2:
            world.worker.stopping.set()
            written.set()

    return step


@pytest.mark.parametrize("carry_on", [World.run, World.drain])
@pytest.mark.parametrize("limit", [1, 100])
def test_what_came_before_a_halt_is_finished(tmp_path: Path, carry_on: Callable[[World], None], limit: int) -> None:
    """In the graph, published and committed; what stops it comes first the next time, and no watermark passes it."""
    path = tmp_path / "mapping.toml"
    text = MAPPING_FILE.read_text(encoding="utf-8")
    path.write_text(text.replace("[tables.transfers]", '[tables.transfers]\nmissing = "stop"'), encoding="utf-8")
    lacking = {name: value for name, value in transfer(2).items() if name != "amount"}
    rows = (transfer(1), lacking, transfer(3))
    world = World([row(n, "c", None, after) for n, after in enumerate(rows)], limit=limit)
    world.sink._mapping = Mapping.load(path, KEY)
    with pytest.raises(Halt, match="'amount' is missing"):
        carry_on(world)
    assert world.source.commits == [1] and world.mirror.owners == 1
    assert [m["id"] for m in world.publisher.of(EVENTS)] == ["transfers:1:transfer"]
    assert all(mark <= token(0) for mark in world.marks())


def test_stopping_ends_the_loop() -> None:
    """After the batch in hand."""
    world = World(log(), limit=1)
    thread = threading.Thread(target=world.worker.run)
    thread.start()
    world.worker.stopping.set()
    thread.join(10)
    assert not thread.is_alive() and world.worker.counters.records == sum(world.source._taken.values())


# -- the watermark ------------------------------------------------------------------------------


def test_the_watermark_waits_for_the_partition_that_still_holds_records() -> None:
    """Partition 1 is further on in the log, but partition 0 has more to come."""
    first = [row(n, "c", None, transfer(n + 1), pos=110 + n) for n in range(4)]
    second = [row(0, "c", None, transfer(9), partition=1, pos=500)]
    world = World([*first, *second], limit=2)
    world.worker.step()
    assert world.worker.through == token(10)
    world.worker.step()
    assert world.worker.through == token(12)
    world.worker.step()
    assert world.worker.through == token(400)


def test_the_watermark_waits_for_a_partition_not_read_yet() -> None:
    """Nothing is known of how far back it is."""
    second = [row(0, "c", None, transfer(9), partition=1)]
    world = World([row(0, "c", None, transfer()), *second], limit=1)
    world.worker.step()
    assert world.worker.through == "" and world.marks() == []


def test_the_watermark_never_moves_back() -> None:
    """The connector restarted and sends what it had sent."""
    again = [row(n, "c", None, transfer(n + 1), pos=100 + pos) for n, pos in enumerate((5, 6, 7, 5, 6, 7, 8))]
    world = World(again, limit=1)
    world.drain()
    assert world.marks() == sorted(world.marks()) and world.marks()[-1] == token(8)


def test_of_two_partitions_behind_the_slower_decides() -> None:
    """Whatever the faster has reached."""
    slow = [row(n, "c", None, transfer(n + 1)) for n in range(3)]
    fast = [row(n, "c", None, transfer(n + 5), partition=1, pos=500 + n) for n in range(3)]
    world = World([*slow, *fast], limit=2)
    world.worker.step()
    assert world.worker.through == token(0)


def test_a_partition_that_wakes_up_does_not_turn_the_watermark_back() -> None:
    """It was passed while it held nothing."""
    world = World([row(0, "c", None, transfer(1)), row(0, "c", None, transfer(2), partition=1, pos=500)])
    world.drain()
    place = ("bank.bank.transfers", 0)
    world.source.log[place] += [row(n, "c", None, transfer(n + 2), pos=600 + n) for n in (1, 2, 3)]
    world.worker._pace.limit = 2
    for _ in range(2):
        world.worker.step()
    assert world.marks() == sorted(world.marks()) == [token(400), token(502), token(503)]


def test_a_refused_batch_of_a_woken_partition_keeps_the_watermark() -> None:
    """Nothing new is known of it, so what was said stays said."""
    world = World([row(0, "c", None, transfer(1)), row(0, "c", None, transfer(2), partition=1, pos=500)], limit=2)
    world.drain()
    world.source.log["bank.bank.transfers", 0] += [record(b"{", {"id": n}, n) for n in range(1, 5)]
    world.drain()
    assert set(world.marks()) == {token(400)}


def test_dead_letters_do_not_hold_the_watermark() -> None:
    """A partition of nothing but refused rows: their positions are known, and they are dealt with."""
    bad = [record(body("c", None, {"id": n}, table="nowhere", pos=100 + n), {"id": n}, n, topic="b.b.nowhere")
           for n in range(9)]  # fmt: skip
    world = World([row(0, "c", None, transfer(), pos=300), *bad], limit=2)
    world.worker.step()
    assert world.worker.through == token(0)
    world.worker.step()
    assert world.worker.through == token(2)


def test_decisions_leave_the_watermark_alone() -> None:
    """They have no place in the bank's log."""
    decision = {"event": "transfers:1:transfer", "fraud": True, "decided_at": 5, "alert": 5, "decision": 9}
    decisions = [record(decision | {"decision": n}, None, n, topic=LABELS) for n in range(5)]
    world = World([row(0, "c", None, transfer()), *decisions], limit=2)
    world.drain()
    assert set(world.marks()) == {token(0)} and world.mirror.owners == 2


def test_a_dead_decision_leaves_the_watermark_alone() -> None:
    """Nor has a refused one."""
    decision = {"event": "nowhere:1:x", "fraud": True, "decided_at": 5, "alert": 5, "decision": 9}
    world = World([record(decision, None, 0, topic=LABELS)])
    world.drain()
    assert world.marks() == [] and world.worker.counters.dead_letters == 1


def test_what_was_refused_before_the_start_is_written_whole() -> None:
    """Another process dead-lettered the row; an update that changes nothing of the edge brings it in."""
    update = row(1, "u", transfer(1), transfer(1))
    fresh, told = World([update]), World([update])
    told.mirror.apply([Incomplete("transfers:1", 0, True)])
    fresh.drain()
    told.drain()
    assert (fresh.mirror.owners, told.mirror.owners) == (0, 1)


@pytest.mark.stack
def test_a_worker_that_was_idle_takes_nothing_that_a_purge_made_too_old(
    neo4j_driver: neo4j.Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The purge was another process's, and its marker is gone: the edge would be there for good."""
    monkeypatch.setattr(graph.neo4j_keep, "FRESH_S", 0.0)
    neo4j_driver.execute_query("MATCH (n) DETACH DELETE n")
    ours, other = Neo4jStore(neo4j_driver, MAPPING.schema), Neo4jStore(neo4j_driver, MAPPING.schema)
    ours.init()
    ours.apply([])
    other.apply([Horizon("purge", 1_800_000_000_000)])
    source, faults = LogSource([row(0, "c", None, transfer())], Faults()), Faults()
    worker = Worker(source, GraphSink(MAPPING, ours, "w1", ours.purged_before_ms), MemoryPublisher(faults))
    worker.step()
    assert (worker.counters.too_old, worker.counters.written) == (1, 0)
