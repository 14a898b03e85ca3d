"""The scorer's desk: events wait here, are scored in small batches, and are settled once their scores are out.

An event waits until the reader has its own change, and a while until the stream has passed its position; then it is
scored, provisionally if the stream has not, and once more when it has. Each is settled only when nothing of it is left
to do, so that whoever acknowledges behind `settle` never passes unfinished work. Knows no Kafka.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, TypeVar

import structlog

from graph.model import Event
from ingest.events import Transient
from ingest.worker import BACKOFF_S
from scoring.engine import Scorer
from scoring.online.clock import Clock
from scoring.online.duty import Duty
from scoring.online.load import Load
from scoring.online.settled import Held
from scoring.online.waiting import Waiting
from scoring.score import Remark, Score
from scoring.scorer import Asked, EventScorer

log = structlog.get_logger("scorer")

LONGEST_NAP_S = 0.01
ASKED = 8  # batches of events whose own change is asked for at once
T = TypeVar("T")
Headers = dict[str, bytes]
Scored = list[tuple[Score, Headers]]


class Following(Protocol):
    """The stream that keeps the graph."""

    @property
    def through(self) -> str:
        """The position it has passed on every partition; empty while unknown."""
        ...

    def check(self) -> None:
        """Raise what ended it, if it has ended."""
        ...


class Arrivals(Protocol):
    """The graph that events are scored by: a mirror, or Neo4j itself."""

    def absent(self, events: Sequence[Event]) -> list[Event]:
        """Of these events those whose own change is not there (yet), and will be.

        Raises:
            Transient: no answer; ask again.
        """
        ...


@dataclass(frozen=True, slots=True)
class DeskSettings:
    """How events wait. Times in seconds.

    Attributes:
        batch: events in a micro-batch at most; until as many wait, there are `within_s` from one to the next.
        patience_s: how long an event waits for the stream to pass its position before it is scored
            provisionally; `give_up_s` how long for its own change, and for the final score.
        outage_s: how long the graph may give no answer before the process ends, to be started again.
        most: events in hand, waiting or provisional; beyond it no more are taken.
    """

    batch: int = 64
    within_s: float = 0.02
    patience_s: float = 0.5
    give_up_s: float = 30.0
    outage_s: float = 300.0
    most: int = 2_048


@dataclass(slots=True, eq=False)
class Item:
    """An event in hand. `written_s` is the wall clock of the log's record, `came_s` the monotonic one of taking it."""

    event: Event
    headers: Headers
    held: Held[Any]
    written_s: float
    came_s: float = field(default_factory=time.monotonic)
    revision: int = 1
    arrived: bool = False  # its own change is in the graph

    @property
    def account(self) -> str:
        """Whose events are scored in their order."""
        return self.event.src


@dataclass(frozen=True, slots=True)
class Outlet:
    """Where things go from the desk. `send` and `compare` return when the log has the scores, or raise Transient; they
    are called in a thread of their own.

    Attributes:
        send: takes the scores that count.
        compare: takes those of the model that is only compared.
        settle: is told that nothing of an event is left to do.
        tell: is told of scores that went out, and how long each event had been on its way, for figures.
        passing: is told each step as it is passed, for tests that end the process there.
    """

    send: Callable[[Scored], None]
    settle: Callable[[Held[Any]], None]
    compare: Callable[[Scored], None] | None = None
    tell: Callable[[Sequence[Score], Sequence[Item], float], None] = lambda scores, items, took_s: None
    passing: Callable[[str], None] = lambda step: None


class Desk:
    """Takes events (`put`) and works them off (`work`, one task)."""

    def __init__(
        self,
        settings: DeskSettings,
        scorer: Callable[[Scorer], EventScorer],
        duty: Duty,
        graph: tuple[Arrivals, Following],
        outlet: Outlet,
        clock: Clock | None = None,
    ) -> None:
        """`scorer` makes what scores with an engine; `graph` is what by, and the stream that keeps it."""
        self.settings, self._scorer, self._duty = settings, scorer, duty
        (self._graph, self._following), self._outlet = graph, outlet
        self.waiting = Waiting[Item](settings.most, lambda item: item.account)
        self.provisional: dict[Item, None] = {}  # in the order they were scored first
        self._absent: dict[Item, None] = {}  # not known to be in the graph
        self.load, self._clock = Load(), clock or Clock()
        self._some, self._room = asyncio.Event(), asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "scorer")  # an engine is for one thread
        self._outgoing = ThreadPoolExecutor(1, "outgoing")
        self._made: dict[str, tuple[Scorer, EventScorer]] = {}
        self._taken = 0  # events of the batch that is scored at the moment
        self.turned_s = time.monotonic()  # when it last came round, or had nothing to do

    @property
    def in_hand(self) -> int:
        """Events that are not settled yet."""
        return len(self.waiting) + self._taken + len(self.provisional)

    @property
    def busy(self) -> bool:
        """Whether more wait than fit into a batch."""
        return len(self.waiting) > self.settings.batch

    async def put(self, item: Item) -> None:
        """Take an event, once there is room."""
        while self.in_hand >= self.settings.most:
            self._room.clear()
            await self._room.wait()
        self.waiting.put(item)
        self._absent[item] = None
        self._some.set()

    async def work(self) -> None:
        """Score what is ready, for ever. Whatever goes wrong is raised: nothing unfinished was settled."""
        nap_s, due_s = 0.0005, 0.0
        while True:
            if not self.in_hand:
                self._some.clear()
                await self._some.wait()
            if len(self.waiting) < self.settings.batch and (left_s := due_s - time.monotonic()) > 0:
                await asyncio.sleep(left_s)
            self.turned_s = began_s = time.monotonic()
            self._following.check()
            if await self._round():
                nap_s, due_s = 0.0005, began_s + self.settings.within_s
                continue
            await asyncio.sleep(nap_s)
            nap_s = min(nap_s * 1.5, LONGEST_NAP_S)

    async def _round(self) -> bool:
        """One micro-batch of each kind; whether there was any."""
        await self._look()
        through, now_s = self._following.through, time.monotonic()
        oldest = self.waiting.oldest()
        self.load.observe(self._clock.age_s(oldest.written_s) if oldest else 0.0)
        taken = self.waiting.take(self.settings.batch, lambda item: self._ready(item, through, now_s))
        due = [item for item in self.provisional if item.event.pos <= through][: self.settings.batch]
        self._taken = len(taken)
        for items in (*self._kinds(taken, through), due):
            if items:
                await self._score(items, through)
        self._taken = 0
        self._give_up(now_s)
        if taken or due:
            self._room.set()
        return bool(taken or due)

    async def _look(self) -> None:
        """See which events' own changes have come, of those that are next."""
        asked = list(self._absent)[: ASKED * self.settings.batch]
        if not asked:
            return
        absent = await self._patiently(self._thread, partial(self._graph.absent, [item.event for item in asked]))
        missing = {(event.id, event.pos) for event in absent}
        for item in asked:
            del self._absent[item]
            item.arrived = (item.event.id, item.event.pos) not in missing
            if not item.arrived:
                self._absent[item] = None  # behind those that were not asked for

    async def publish(self, send: Callable[[], None]) -> None:
        """Have it sent to the log, again after a while where that gives no answer.

        Raises:
            Transient: the outage lasts.
        """
        await self._patiently(self._outgoing, send)

    async def _patiently(self, thread: ThreadPoolExecutor, ask: Callable[[], T]) -> T:
        """What the graph or the log says, asked in that thread; where it gives no answer, asked again after a while.

        Raises:
            Transient: the outage lasts. Nothing unfinished was settled, so it all comes again.
        """
        first_s, attempt = time.monotonic(), 0
        asked = "the log" if thread is self._outgoing else "the graph"
        while True:
            try:
                found = await asyncio.get_running_loop().run_in_executor(thread, ask)
            except Transient as error:
                if time.monotonic() - first_s > self.settings.outage_s:
                    raise
                wait_s = BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)]
                attempt += 1
                log.warning(f"{asked} gives no answer, trying again", in_s=wait_s, error=str(error)[:300])
                await asyncio.sleep(wait_s)
                continue
            if attempt:
                self._excuse(time.monotonic() - first_s)
            return found

    def _excuse(self, outage_s: float) -> None:
        """What an outage took is none of the time that events have."""
        for item in (*self._absent, *self.provisional):
            item.came_s += outage_s

    def _ready(self, item: Item, through: str, now_s: float) -> bool:
        waited_s = now_s - item.came_s
        if not item.arrived:
            return waited_s >= self.settings.give_up_s
        return item.event.pos <= through or waited_s >= self.settings.patience_s

    def _kinds(self, items: Sequence[Item], through: str) -> list[list[Item]]:
        """Final ones and provisional ones, and both of those whose own change never came."""
        kinds: tuple[list[Item], ...] = ([], [], [], [])
        for item in items:
            kinds[(item.event.pos > through) + 2 * (not item.arrived)].append(item)
        if unseen := len(kinds[2]) + len(kinds[3]):
            log.warning("scoring without the events' own changes: they are not in the graph", events=unseen)
        return list(kinds)

    async def _score(self, items: list[Item], through: str) -> None:
        main, shadow = self._duty.take()
        asked, events = self._asked(items, main, through), [item.event for item in items]
        self._outlet.passing("taken")
        started = time.perf_counter()
        scores = await self._ask("main", main, events, asked)
        took_s = time.perf_counter() - started
        self._outlet.passing("scored")
        await self.publish(partial(self._outlet.send, _with_headers(scores, items)))
        self._outlet.passing("sent")
        self._outlet.tell(scores, items, took_s)
        self._settle(items, scores)
        if shadow is not None and self._outlet.compare is not None and not self.load.level:
            plain = Asked(asked.revision, asked.provisional, asked.read_at, asked.remarks, None, evidence=False)
            beside = await self._ask("shadow", shadow, events, plain)
            await self.publish(partial(self._outlet.compare, _with_headers(beside, items)))

    def _asked(self, items: Sequence[Item], main: Scorer, through: str) -> Asked:
        """How a batch of one kind is scored."""
        remarks: tuple[Remark, ...] = () if items[0].arrived else ("unseen",)
        caps = self.load.caps(main.caps) if self.load.level else None
        if caps is not None and caps != main.caps:
            remarks = (*remarks, "smaller")
        return Asked(items[0].revision, items[0].event.pos > through, through, remarks, caps)

    async def _ask(self, role: str, engine: Scorer, events: list[Event], asked: Asked) -> list[Score]:
        made = self._made.get(role)
        if made is None or made[0] is not engine:
            made = self._made[role] = (engine, self._scorer(engine))
        return await self._patiently(self._thread, partial(made[1].score, events, asked))

    def _settle(self, items: Sequence[Item], scores: Sequence[Score]) -> None:
        """Final ones are done; provisional ones wait for their second score."""
        for item, score in zip(items, scores, strict=True):
            self.waiting.scored(item.account, score.probability)
            self._absent.pop(item, None)
            if score.provisional:
                item.revision = 2
                self.provisional[item] = None
                continue
            if item.revision > 1:
                del self.provisional[item]
            self._outlet.settle(item.held)
        self._outlet.passing("settled")

    def _give_up(self, now_s: float) -> None:
        """Provisional scores whose second one never comes stay what they are."""
        late = [item for item in self.provisional if now_s - item.came_s >= self.settings.give_up_s]
        for item in late:
            del self.provisional[item]
            self._outlet.settle(item.held)
        if late:
            farthest = max(item.event.pos for item in late)
            log.warning("scores stay provisional: the stream does not pass them", events=len(late), pos=farthest)
            self._room.set()


def _with_headers(scores: Sequence[Score], items: Sequence[Item]) -> Scored:
    return [(score, item.headers) for score, item in zip(scores, items, strict=True)]
