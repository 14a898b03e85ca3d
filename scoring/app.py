"""The Faust worker: `graph.events` in, `fraud.scores` out, at least once, one batch at a time.

Concurrency stays 1: above it an agent may commit past unfinished events (faust-streaming issue 606).
Faust acknowledges in `finally`, also when the handler raised, so the handler never raises: whatever
goes wrong ends the process before the acknowledgement, and the batch comes again after the restart.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, TypeVar

import faust
import msgspec
import structlog

from graph.model import Event
from ingest.deadletter import DeadLetter
from ingest.events import Transient
from ingest.records import DEAD_LETTERS, EVENTS, SCORES, Record
from ingest.worker import BACKOFF_S
from scoring.scorer import EventScorer

log = structlog.get_logger("scorer")

LARGEST = 16_000_000  # bytes: a dead letter holds its record in base64; the topics have limits of their own
CRASHED = 70  # exit status EX_SOFTWARE: start me again
_decoder = msgspec.json.Decoder(Event)
_encode = msgspec.json.Encoder().encode
T = TypeVar("T")


class Arrivals(Protocol):
    """The graph that events are scored by: a mirror, or Neo4j itself."""

    def absent(self, events: Sequence[Event]) -> list[Event]:
        """Of these events those whose own change is not there (yet), and will be.

        Raises:
            Transient: no answer; ask again.
        """
        ...


class Feed(Protocol):
    """How far the graph is: what reads `graph.changes`. If it fails, `failed` holds why."""

    ready: threading.Event
    failed: BaseException | None

    @property
    def through(self) -> str:
        """The position that everything before is in the graph; empty while unknown."""
        ...


@dataclass(frozen=True, slots=True)
class ScorerSettings:
    """How the worker reads its topics. Times in seconds.

    Attributes:
        batch: events in a micro-batch at most, `within_s` how long to wait for more than one.
        patience_s: how long an event waits for the stream to pass its position before it is scored
            provisionally; `give_up_s` how long for its own change, and for the final score.
        outage_s: how long the graph may give no answer before the process ends, to be started again.
    """

    bootstrap: str
    group: str = "scorer"
    batch: int = 64
    within_s: float = 0.005
    patience_s: float = 0.5
    give_up_s: float = 30.0
    outage_s: float = 300.0
    datadir: str = "."
    broker_options: dict[str, Any] = field(default_factory=dict)


def build(settings: ScorerSettings, scorer: EventScorer, graph: Arrivals, feed: Feed) -> faust.App:
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
        producer_acks=-1,
        producer_max_request_size=LARGEST,
        stream_wait_empty=False,
        **settings.broker_options,
    )
    raw: dict[str, Any] = {
        "key_type": bytes, "key_serializer": "raw", "value_type": bytes, "value_serializer": "raw"
    }  # fmt: skip
    events, scores, letters = (app.topic(name, **raw) for name in (EVENTS, SCORES, DEAD_LETTERS))
    handler = _Handler(settings, scorer, graph, feed, scores, letters)

    @app.agent(events, concurrency=1)
    async def score(stream: Any) -> None:  # a faust.Stream; its type lacks take_events
        async for batch in stream.take_events(settings.batch, within=settings.within_s):
            await handler.handle(batch)

    return app


class _Handler:
    """One batch: wait for the graph, score, publish, and wait for the broker's word."""

    def __init__(
        self, settings: ScorerSettings, scorer: EventScorer, graph: Arrivals, feed: Feed, scores: Any, letters: Any
    ) -> None:
        self._settings, self._scorer, self._graph, self._feed = settings, scorer, graph, feed
        self._scores, self._letters = scores, letters

    async def handle(self, batch: Sequence[Any]) -> None:
        try:
            if events := [read for event in batch if (read := await self._read(event)) is not None]:
                await self._handle(events)
        except asyncio.CancelledError:  # a shutdown: faust would acknowledge what it cancels
            os._exit(0)
        except BaseException:
            traceback.print_exc(file=sys.stderr)
            sys.stderr.flush()
            os._exit(CRASHED)

    async def _read(self, event: Any) -> tuple[Event, dict[str, bytes]] | None:
        """An event with its headers; what is none goes to the dead letters, or it would come for ever."""
        try:
            return _decoder.decode(event.value), dict(event.headers or {})
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError) as error:
            message = event.message
            headers = tuple(dict(event.headers or {}).items())
            record = Record(message.topic, message.partition, message.offset, message.key, message.value, headers)
            letter = DeadLetter.of(record, "", f"not an event: {error}").message()
            log.warning("dead letter", at=record.place, reason=str(error))
            await (await self._letters.send(key=letter.key, value=letter.value))
            return None

    async def _handle(self, batch: list[tuple[Event, dict[str, bytes]]]) -> None:
        started = time.perf_counter()
        await self._until(self._feed.ready.is_set, self._settings.give_up_s * 10)
        if absent := await self._absent([event for event, _ in batch]):
            log.warning("scoring without the events' own changes: they are not in the graph", events=len(absent))
        arrived = time.perf_counter()
        farthest = max(event.pos for event, _ in batch)
        final = await self._until(lambda: self._feed.through >= farthest, self._settings.patience_s)
        passed = time.perf_counter()
        await self._send(batch, revision=1, provisional=not final)
        log.debug(
            "batch",
            events=len(batch),
            final=final,
            arrival_ms=round((arrived - started) * 1000, 1),
            stream_ms=round((passed - arrived) * 1000, 1),
            score_ms=round((time.perf_counter() - passed) * 1000, 1),
        )
        if final:
            return
        if await self._until(lambda: self._feed.through >= farthest, self._settings.give_up_s):
            await self._send(batch, revision=2, provisional=False)
        else:
            log.warning("scores stay provisional: the stream does not pass their position", pos=farthest)

    async def _absent(self, events: Sequence[Event]) -> Sequence[Event]:
        """The events whose own changes did not come within the time they have. An outage of the graph is none of it."""
        waited_s, wait_s = 0.0, 0.0005
        while events := await self._patiently(partial(self._graph.absent, events)):
            if waited_s > self._settings.give_up_s:
                return events
            self._look_at_feed()
            await asyncio.sleep(wait_s)
            waited_s, wait_s = waited_s + wait_s, min(wait_s * 1.5, 0.01)
        return ()

    async def _patiently(self, ask: Callable[[], T]) -> T:
        """What the graph says, asked in a thread; where it gives no answer, asked again after a while.

        Raises:
            Transient: the outage lasts. The process ends, and the batch, which nobody acknowledged, comes again.
        """
        first_s, attempt = time.monotonic(), 0
        while True:
            try:
                return await asyncio.to_thread(ask)
            except Transient as error:
                if time.monotonic() - first_s > self._settings.outage_s:
                    raise
                wait_s = BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)]
                attempt += 1
                log.warning("the graph gives no answer, trying again", in_s=wait_s, error=str(error)[:300])
                await asyncio.sleep(wait_s)

    def _look_at_feed(self) -> None:
        if self._feed.failed is not None:
            raise RuntimeError("graph.changes can't be followed any more") from self._feed.failed

    async def _until(self, holds: Callable[[], bool], limit_s: float) -> bool:
        deadline, wait_s = time.monotonic() + limit_s, 0.0005
        while not holds():
            self._look_at_feed()
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 1.5, 0.01)
        return True

    async def _send(self, batch: list[tuple[Event, dict[str, bytes]]], revision: int, provisional: bool) -> None:
        read_at = self._feed.through
        events = [event for event, _ in batch]
        scored = await self._patiently(lambda: self._scorer.score(events, revision, provisional, read_at))
        sent = [
            await self._scores.send(key=score.event.id.encode(), value=_encode(score), headers=headers)
            for score, (_, headers) in zip(scored, batch, strict=True)
        ]
        await asyncio.gather(*sent)
