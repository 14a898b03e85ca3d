"""The desk: what is scored when, what its score says, and what may be acknowledged."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from graph.mirror import Mirror
from graph.model import Caps, EdgeUpsert, Event
from graph.store import StoreUnavailable
from ingest.events import Transient
from scoring.engine import RuleEngine
from scoring.online.clock import Clock
from scoring.online.desk import Desk, DeskSettings, Item, Outlet, Scored
from scoring.online.duty import Duty
from scoring.online.settled import Held
from scoring.score import Score
from scoring.scorer import EventScorer

SETTINGS = DeskSettings(batch=8, within_s=0.001, patience_s=0.05, give_up_s=0.6, most=20)


def pos(n: int) -> str:
    return f"bank/0001.1.00000001.{n:016x}.000000"


def event(n: int, account: str = "Account:1") -> Event:
    return Event(f"transfers:{n}:transfer", "new", pos(n), n, "TRANSFER", account, "Account:2", n, {"amount": n})


class Stream:
    """How far the graph is, as a test says."""

    def __init__(self, through: int = 10_000) -> None:
        self.far = through
        self.missing: set[str] = set()
        self.fault: Exception | None = None
        self.away = 0  # times the graph gives no answer

    @property
    def through(self) -> str:
        return pos(self.far)

    def absent(self, events: Sequence[Event]) -> list[Event]:
        if self.away > 0:
            self.away -= 1
            raise StoreUnavailable("Neo4j gave no answer")
        return [event for event in events if event.id in self.missing]

    def check(self) -> None:
        if self.fault is not None:
            raise self.fault


class Office:
    """A desk with what went out of it."""

    def __init__(self, stream: Stream, settings: DeskSettings = SETTINGS, **models: RuleEngine) -> None:
        self.sent: list[Score] = []
        self.compared: list[Score] = []
        self.settled: list[str] = []
        self.models: dict[str, Any] = {"main": RuleEngine(), **models}
        self.duty = Duty(self.models.get)
        self.mirror = Mirror()
        outlet = Outlet(
            self._into(self.sent), lambda held: self.settled.append(held.record.id), self._into(self.compared)
        )
        self.desk = Desk(settings, lambda engine: EventScorer(engine, self.mirror), self.duty, (stream, stream), outlet)

    @staticmethod
    def _into(where: list[Score]) -> Callable[[Scored], None]:
        return lambda scored: where.extend(score for score, _ in scored)

    async def put(self, events: Sequence[Event], behind_s: float = 0.0) -> None:
        for each in events:
            await self.desk.put(Item(each, {}, Held(each, 0), time.time() - behind_s))

    async def until(self, holds: Callable[[], bool], limit_s: float = 10.0) -> None:
        working = asyncio.ensure_future(self.desk.work())
        try:
            deadline = time.monotonic() + limit_s
            while not holds():
                if working.done():
                    working.result()
                assert time.monotonic() < deadline, "not in time"
                await asyncio.sleep(0.005)
        finally:
            working.cancel()


def test_an_account_s_events_are_scored_in_their_order_and_all_are_settled() -> None:
    async def run() -> None:
        office = Office(Stream(), DeskSettings(batch=8, within_s=0.001))
        events = [event(n, f"Account:{n % 3}") for n in range(100)]
        await office.put(events)
        await office.until(lambda: len(office.settled) == 100)
        for account in range(3):
            own = [score.event.time_ms for score in office.sent if score.event.src == f"Account:{account}"]
            assert own == sorted(own) and len(own) > 30

    asyncio.run(run())


def test_one_event_is_scored_at_once_and_what_comes_within_a_beat_together() -> None:
    class Asked(Stream):
        def absent(self, events: Sequence[Event]) -> list[Event]:
            looks.append(len(events))
            return super().absent(events)

    async def some(office: Office) -> None:
        while not office.sent:
            await asyncio.sleep(0.001)
        for n in (2, 3, 4):
            await office.put([event(n)])
            await asyncio.sleep(0.005)

    async def run() -> None:
        office = Office(Asked(), DeskSettings(batch=8, within_s=1.0))
        await office.put([event(1)])
        putting = asyncio.ensure_future(some(office))
        await office.until(lambda: len(office.sent) == 4)
        await putting

    looks: list[int] = []
    asyncio.run(run())
    assert looks == [1, 3]


def test_one_event_whose_change_comes_a_little_later_waits_for_no_beat() -> None:
    """A beat lies between two batches that were scored; looking in vain is none."""

    async def run() -> None:
        stream = Stream()
        stream.missing = {event(1).id}
        office = Office(stream, DeskSettings(batch=8, within_s=3_600.0))
        await office.put([event(1)])
        asyncio.get_running_loop().call_later(0.05, stream.missing.clear)
        await office.until(lambda: len(office.sent) == 1)
        assert office.sent[0].remarks == ()

    asyncio.run(run())


def test_what_the_stream_has_not_passed_is_provisional_and_scored_once_more() -> None:
    """Not settled before that, and nobody else waits for it."""

    async def run() -> None:
        stream = Stream(through=5)
        office = Office(stream)
        await office.put([event(9), event(3, "Account:7")])
        await office.until(lambda: len(office.sent) == 2)
        assert {(s.event.time_ms, s.revision, s.provisional) for s in office.sent} == {(9, 1, True), (3, 1, False)}
        assert office.settled == ["transfers:3:transfer"]
        stream.far = 9
        await office.until(lambda: len(office.sent) == 3)
        last = office.sent[-1]
        assert (last.event.time_ms, last.revision, last.provisional, last.read_at) == (9, 2, False, pos(9))
        assert office.settled == ["transfers:3:transfer", "transfers:9:transfer"]

    asyncio.run(run())


def test_an_event_whose_own_change_never_comes_is_scored_all_the_same_and_says_so() -> None:
    """After a while, and another account's events do not wait for it."""

    async def run() -> None:
        stream = Stream()
        stream.missing = {"transfers:1:transfer"}
        office = Office(stream)
        await office.put([event(1), event(2, "Account:7")])
        await office.until(lambda: len(office.settled) == 2)
        assert [(score.event.time_ms, score.remarks) for score in office.sent] == [(2, ()), (1, ("unseen",))]

    asyncio.run(run())


def test_a_second_score_that_never_comes_is_given_up() -> None:
    """The provisional one stays, and the log goes on."""

    async def run() -> None:
        office = Office(Stream(through=0))
        await office.put([event(1)])
        await office.until(lambda: office.settled == ["transfers:1:transfer"])
        assert [(score.revision, score.provisional) for score in office.sent] == [(1, True)]

    asyncio.run(run())


def test_behind_less_is_read_and_the_score_says_so_until_it_has_caught_up() -> None:
    async def run() -> None:
        office = Office(Stream())
        office.mirror.apply(
            [EdgeUpsert(f"t:{n}:t", pos(n), n, "TRANSFER", "Account:1", "Account:3", n, {}) for n in range(9)]
        )
        await office.put([event(100)], behind_s=3.0)
        await office.until(lambda: len(office.sent) == 1)
        assert office.sent[0].remarks == ("smaller",) and office.desk.load.level == 1
        await office.put([event(101)])
        await office.until(lambda: len(office.sent) == 2)
        assert office.sent[1].remarks == () and office.desk.load.level == 0

    asyncio.run(run())


def test_a_clock_that_is_put_forward_makes_it_read_no_less() -> None:
    """The events are as young as before."""

    async def run() -> None:
        office, hour_s = Office(Stream()), 3_600.0
        now_s = time.time()
        office.desk._clock = Clock(wall=lambda: now_s)
        now_s += hour_s
        await office.put([event(100)])
        await office.until(lambda: len(office.sent) == 1)
        assert office.sent[0].remarks == () and office.desk.load.level == 0

    asyncio.run(run())


def test_it_takes_no_more_than_it_has_room_for() -> None:
    """Whoever brings events waits; provisional ones take room as well."""

    async def run() -> None:
        stream = Stream(through=0)
        office = Office(stream, DeskSettings(batch=8, within_s=0.001, patience_s=0.0, give_up_s=30.0, most=20))
        bringing = asyncio.ensure_future(office.put([event(n) for n in range(1, 41)]))
        await office.until(lambda: len(office.sent) == 20)
        assert not bringing.done() and office.desk.in_hand <= 20
        stream.far = 100
        await office.until(lambda: len(office.settled) == 40)
        assert bringing.done()

    asyncio.run(run())


def test_a_model_that_is_compared_scores_the_same_events_without_evidence() -> None:
    """And not while the scorer is behind."""

    async def run() -> None:
        beside = RuleEngine(Caps((4, 2)))
        beside.model = "beside@1"
        office = Office(Stream(), shadow=beside)
        await office.put([event(n) for n in range(10)])
        await office.until(lambda: len(office.compared) == 10)
        assert {score.model for score in office.sent} == {"rules"} and {s.model for s in office.compared} == {
            "beside@1"
        }
        assert all(score.subgraph is None for score in office.compared)
        await office.put([event(50)], behind_s=5.0)
        await office.until(lambda: len(office.sent) == 11)
        assert len(office.compared) == 10

    asyncio.run(run())


def test_a_fault_of_the_stream_ends_it_with_nothing_settled() -> None:
    async def run() -> None:
        stream = Stream()
        office = Office(stream)
        stream.fault = RuntimeError("the mirror stopped")
        await office.put([event(1)])
        with pytest.raises(RuntimeError, match="the mirror stopped"):
            await office.until(lambda: False)
        assert office.settled == [] and office.sent == []

    asyncio.run(run())


def test_scores_that_could_not_be_sent_settle_nothing() -> None:
    async def run() -> None:
        office = Office(Stream())

        def broken(scored: Scored) -> None:
            raise OSError("the broker is away")

        office.desk._outlet = Outlet(broken, lambda held: office.settled.append(held.record.id))
        await office.put([event(1)])
        with pytest.raises(OSError, match="away"):
            await office.until(lambda: False)
        assert office.settled == []

    asyncio.run(run())


def test_a_log_that_is_away_for_a_moment_is_waited_for() -> None:
    """Nothing is settled before it has the scores."""

    async def run() -> None:
        office, tries = Office(Stream()), 0

        def away(scored: Scored) -> None:
            nonlocal tries
            tries += 1
            if tries < 3:
                raise Transient("Kafka did not confirm 1 of 1 messages")
            assert office.settled == []

        office.desk._outlet = Outlet(away, lambda held: office.settled.append(held.record.id))
        await office.put([event(1)])
        await office.until(lambda: office.settled == ["transfers:1:transfer"])
        assert tries == 3

    asyncio.run(run())


def test_an_outage_of_the_graph_takes_nothing_from_what_an_event_waits() -> None:
    """Longer than it has for its own change: it is scored as ever once the graph answers."""

    async def run() -> None:
        stream = Stream()
        stream.away = 3  # with the pauses between, over a second
        office = Office(stream, DeskSettings(batch=8, within_s=0.001, give_up_s=0.3))
        await office.put([event(1)])
        await office.until(lambda: len(office.settled) == 1)
        assert [(score.remarks, score.provisional) for score in office.sent] == [((), False)]

    asyncio.run(run())


def test_an_outage_that_lasts_ends_it_with_nothing_settled() -> None:
    async def run() -> None:
        stream = Stream()
        stream.away = 1_000
        office = Office(stream, DeskSettings(batch=8, within_s=0.001, outage_s=0.3))
        await office.put([event(1)])
        with pytest.raises(StoreUnavailable):
            await office.until(lambda: False)
        assert office.settled == [] and office.sent == []

    asyncio.run(run())
