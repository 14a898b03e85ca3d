"""The Faust worker: `graph.events` in, `fraud.scores` out, at least once.

Concurrency stays 1: above it an agent may commit past unfinished events (faust-streaming issue 606). Faust would
acknowledge in `finally`, also when the handler raised, so it is told not to: events are acknowledged by us, partition
by partition in their order (`scoring.online.settled`), once their scores are with the broker. Scores go out
by librdkafka, which costs a fraction of what Faust's producer does. Whatever goes wrong ends the process before that,
and what was in hand comes again after the restart, under the same score ids.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import faust
import msgspec
import structlog

from graph.model import Event
from ingest.deadletter import DeadLetter
from ingest.records import EVENTS, SCORES, SHADOW, Message, Publisher, Record
from scoring.engine import Scorer
from scoring.faust_reader import Reader, Silent
from scoring.online.desk import Arrivals, Desk, DeskSettings, Following, Headers, Item, Outlet, Scored
from scoring.online.duty import Duty
from scoring.online.settled import Held, Settled
from scoring.score import Score
from scoring.scorer import EventScorer

log = structlog.get_logger("scorer")

LARGEST_EVENT = 4_000_000  # bytes of a record: twice that, as a score repeats it, fits into the topic
LARGEST_SCORE = 8_000_000  # bytes of a score: beyond it goes without its evidence
SILENT_S = 10.0  # a worker that is not heard of for so long loses its partitions (Faust: 60 s without a score)
CRASHED = 70  # exit status EX_SOFTWARE: start me again
_decoder = msgspec.json.Decoder(Event)
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """How the worker reads its topics."""

    bootstrap: str
    group: str = "scorer"
    datadir: str = "."
    desk: DeskSettings = field(default_factory=DeskSettings)
    broker_options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Work:
    """What a worker works with.

    Attributes:
        scorer: makes what scores with an engine.
        duty: who scores.
        graph: what events are scored by, and the stream that keeps it.
        publisher: takes scores and dead letters.
        tell, passing: see `Outlet`.
        began: is handed the desk once there is one, for whoever watches it.
    """

    scorer: Callable[[Scorer], EventScorer]
    duty: Duty
    graph: tuple[Arrivals, Following]
    publisher: Publisher
    tell: Callable[[Sequence[Score], Sequence[Item], float], None] = lambda scores, items, took_s: None
    passing: Callable[[str], None] = lambda step: None
    began: Callable[[Desk], None] = lambda desk: None


def build(settings: WorkerSettings, work: Work) -> faust.App:
    """The app, ready for a `faust.Worker`. Its topics must exist (Faust ignores one that does not)."""
    app = faust.App(
        settings.group,
        broker=f"kafka://{settings.bootstrap}",
        store="memory://",
        datadir=settings.datadir,
        web_enabled=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        broker_commit_interval=1.0,
        broker_session_timeout=SILENT_S,
        broker_heartbeat_interval=SILENT_S / 3,
        broker_rebalance_timeout=SILENT_S,
        stream_wait_empty=False,
        Monitor=Silent,
        **settings.broker_options,
    )
    app.transport.Consumer = Reader  # type: ignore[misc]  # of this app's transport alone
    raw: dict[str, Any] = {
        "key_type": bytes, "key_serializer": "raw", "value_type": bytes, "value_serializer": "raw"
    }  # fmt: skip
    worker = _Worker(settings, work)

    @app.agent(app.topic(EVENTS, **raw), concurrency=1)
    async def score(stream: Any) -> None:  # a faust.Stream; its type lacks events
        stream.enable_acks = False
        await worker.follow(stream.events())

    return app


class _Worker:
    """Between Faust and the desk: reads events, publishes scores, acknowledges."""

    def __init__(self, settings: WorkerSettings, work: Work) -> None:
        self._work = work
        self._settled = Settled[Any]()
        outlet = Outlet(self._sender(SCORES), self._settle, self._sender(SHADOW), work.tell, work.passing)
        self._desk = Desk(settings.desk, work.scorer, work.duty, work.graph, outlet)
        work.began(self._desk)

    async def follow(self, events: Any) -> None:
        """Take events until the process is told to end; a fault ends it at once, with nothing acknowledged."""
        working = asyncio.ensure_future(self._dying(self._desk.work()))
        try:
            await self._dying(self._take(events))
        finally:
            working.cancel()

    @staticmethod
    async def _dying(work: Any) -> None:
        try:
            await work
        except asyncio.CancelledError:
            raise
        except BaseException:
            traceback.print_exc(file=sys.stderr)
            sys.stderr.flush()
            os._exit(CRASHED)

    async def _take(self, events: Any) -> None:
        async for event in events:
            held = self._settled.take(event.message.tp, event)
            read, headers = self._read(event), dict(event.headers or {})
            if isinstance(read, Event):
                await self._desk.put(Item(read, headers, held, event.message.timestamp or time.time()))
            else:
                await self._bury(event, headers, read)
                self._settle(held)
            self._work.passing("read")

    @staticmethod
    def _read(event: Any) -> Event | str:
        """The event, or why there is none: such a record goes to the dead letters, or it would come for ever."""
        if event.value is not None and len(event.value) > LARGEST_EVENT:
            return f"an event of {len(event.value):,} bytes, expected {LARGEST_EVENT:,} at most"
        try:
            return _decoder.decode(event.value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError) as error:
            return f"not an event: {error}"

    async def _bury(self, event: Any, headers: Headers, reason: str) -> None:
        message = event.message
        record = Record(message.topic, message.partition, message.offset, message.key, message.value,
                        tuple(headers.items()))  # fmt: skip
        letter = DeadLetter.of(record, "", reason).message()
        log.warning("dead letter", at=record.place, reason=reason)
        await self._desk.publish(lambda: self._work.publisher.publish([letter]))

    def _settle(self, held: Held[Any]) -> None:
        for event in self._settled.finish(held):
            event.ack()

    def _sender(self, topic: str) -> Callable[[Scored], None]:
        def send(scored: Scored) -> None:
            self._work.publisher.publish([
                Message(topic, score.event.id.encode(), encoded(score), tuple(headers.items()))
                for score, headers in scored
            ])  # fmt: skip

        return send


def encoded(score: Score) -> bytes:
    """The wire form; without the evidence where that would not fit into the topic."""
    value = _encode(score)
    if len(value) <= LARGEST_SCORE:
        return value
    log.warning("a score goes out without its evidence, which is too large", event=score.event.id, bytes=len(value))
    return _encode(msgspec.structs.replace(score, subgraph=None, contributions=()))
