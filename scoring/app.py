"""The Faust worker: `graph.events` in, `fraud.scores` out, at least once, one batch at a time.

Concurrency stays 1: above it an agent may commit past unfinished events (faust-streaming issue 606).
Faust acknowledges in `finally`, also when the handler raised, so the handler never raises: whatever
goes wrong ends the process before the acknowledgement, and the batch comes again after the restart.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import faust
import msgspec
import structlog

from graph.mirror import Mirror
from graph.model import Event
from ingest.deadletter import DeadLetter
from ingest.records import DEAD_LETTERS, EVENTS, SCORES, Record
from scoring.feed import MirrorFeed
from scoring.score import Score
from scoring.scorer import EventScorer

log = structlog.get_logger("scorer")

LARGEST = 16_000_000  # bytes: a dead letter holds its record in base64; the topics have limits of their own
CRASHED = 70  # exit status EX_SOFTWARE: start me again
_decoder = msgspec.json.Decoder(Event)
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class ScorerSettings:
    """How the worker reads its topics. Times in seconds.

    Attributes:
        batch: events in a micro-batch at most, `within_s` how long to wait for more than one.
        patience_s: how long an event waits for the stream to pass its position before it is scored
            provisionally; `give_up_s` how long for its own change, and for the final score.
    """

    bootstrap: str
    group: str = "scorer"
    batch: int = 64
    within_s: float = 0.005
    patience_s: float = 0.5
    give_up_s: float = 30.0
    datadir: str = "."
    broker_options: dict[str, Any] = field(default_factory=dict)


def build(settings: ScorerSettings, scorer: EventScorer, mirror: Mirror, feed: MirrorFeed) -> faust.App:
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
    handler = _Handler(settings, scorer, mirror, feed, scores, letters)

    @app.agent(events, concurrency=1)
    async def score(stream: Any) -> None:  # a faust.Stream; its type lacks take_events
        async for batch in stream.take_events(settings.batch, within=settings.within_s):
            await handler.handle(batch)

    return app


class _Handler:
    """One batch: wait for the mirror, score, publish, and wait for the broker's word."""

    def __init__(
        self, settings: ScorerSettings, scorer: EventScorer, mirror: Mirror, feed: MirrorFeed, scores: Any, letters: Any
    ) -> None:
        self._settings, self._scorer, self._mirror, self._feed = settings, scorer, mirror, feed
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
        if not await self._until(lambda: all(self._arrived(event) for event, _ in batch), self._settings.give_up_s):
            log.warning("scoring without the events' own changes: they are not in the mirror", events=len(batch))
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

    def _arrived(self, event: Event) -> bool:
        return self._mirror.holds(event.id, event.pos) or self._mirror.forgot(event.id, event.time_ms)

    async def _until(self, holds: object, limit_s: float) -> bool:
        assert callable(holds)
        deadline, wait_s = time.monotonic() + limit_s, 0.0005
        while not holds():
            if self._feed.failed is not None:
                raise RuntimeError("the mirror stopped") from self._feed.failed
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 1.5, 0.01)
        return True

    async def _send(self, batch: list[tuple[Event, dict[str, bytes]]], revision: int, provisional: bool) -> None:
        read_at = self._feed.through
        events = [event for event, _ in batch]
        scored: list[Score] = await asyncio.to_thread(self._scorer.score, events, revision, provisional, read_at)
        sent = [
            await self._scores.send(key=score.event.id.encode(), value=_encode(score), headers=headers)
            for score, (_, headers) in zip(scored, batch, strict=True)
        ]
        await asyncio.gather(*sent)
