"""One request, from its bytes to its answer: read, remembered, scored, and out before its deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import structlog

from scoring.deciding.decision import Answer, Deadline, Moment, Policy, Watermark, Why, decided, fallen_back
from scoring.deciding.memory import Entry, Memory, fingerprint_of, key_of
from scoring.deciding.metrics import Metrics
from scoring.deciding.remarks import BEFORE_WINDOW, Remark, stale
from scoring.deciding.request import Question, Requests
from scoring.deciding.shared_memory import SharedMemory
from scoring.deciding.ticket import Overloaded, Scoring

log = structlog.get_logger("decide")

SHARED_S = 0.01  # an answer waits so long to be shared with replicas; it is a millisecond's work


@dataclass(frozen=True, slots=True)
class GraphState:
    """How the graph stands.

    Attributes:
        ready: None, or why nothing can be scored yet.
        position, silent_s: see `decision.Watermark`; None where nothing was heard so far, or nothing has to be.
        window_ms: events before it have been forgotten.
    """

    ready: str | None = None
    position: str = ""
    silent_s: float | None = None
    window_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A body to send, and whether it was sent before."""

    body: bytes
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question with its key, and when it has to be answered."""

    question: Question
    key: str
    fingerprint: bytes
    deadline: Deadline

    @property
    def left_s(self) -> float:
        return self.deadline.answer_by_s - time.monotonic()


@dataclass(slots=True)
class Parts:
    """What a decider is made of.

    Attributes:
        scoring: None until there is a graph and a model to score with.
        stale_s: from how long a silence on the graph is worth a remark; 0: never.
    """

    requests: Requests
    policy: Policy
    graph: Callable[[], GraphState]
    memory: Memory
    metrics: Metrics
    scoring: Scoring | None = None
    shared: SharedMemory | None = None
    stale_s: float = 0.0


class Decider:
    """Answers requests, in one loop."""

    def __init__(self, parts: Parts) -> None:
        """What scores may join later (`parts.scoring`)."""
        self.parts = parts
        self._keeping: set[asyncio.Task[None]] = set()

    async def answer(self, body: bytes, key: str | None, arrived_s: float) -> Reply:
        """Answer a body. `key` is the Idempotency-Key header, `arrived_s` (monotonic) when the request began to come.

        Raises:
            Problem: it can't be taken.
        """
        question = self.parts.requests.read(body)
        asked = _Asked(
            question, key_of(key, question.event.id), fingerprint_of(body), Deadline(arrived_s, question.deadline_ms)
        )
        entry, mine = self.parts.memory.claim(asked.key, asked.fingerprint)
        with self.parts.metrics.in_flight.track_inprogress():
            reply = await (self._first(asked, entry) if mine else self._again(asked, entry))
        self.parts.metrics.took_s.observe(time.monotonic() - arrived_s)
        if reply.replayed:
            self.parts.metrics.replays.inc()
        return reply

    async def close(self) -> None:
        """Wait for what is still to be kept, and close what was opened."""
        await asyncio.gather(*self._keeping, return_exceptions=True)
        if self.parts.scoring is not None:
            self.parts.scoring.stop()
        if self.parts.shared is not None:
            await self.parts.shared.close()

    # -- the first time, and again ----------------------------------------------------------------

    async def _again(self, asked: _Asked, entry: Entry) -> Reply:
        """The first answer, as soon as there is one."""
        if (known := await entry.settled(asked.left_s)) is not None:
            return Reply(known, True)
        return Reply(self._encoded(self._fallback(asked, "deadline")))  # not kept: the first answer counts

    async def _first(self, asked: _Asked, entry: Entry) -> Reply:
        """Decide, unless another replica has; whatever happens, nobody waits for this entry in vain."""
        memory, shared = self.parts.memory, self.parts.shared
        try:
            if shared is not None:
                known = await shared.claim(asked.key, asked.fingerprint, asked.left_s)
                if known is not None:
                    entry.settle(known)
                    return Reply(known, True)
            body = self._encoded(await self._decide(asked))
            entry.settle(body)
        except TimeoutError:  # another replica is at it still: its answer counts, this one is not kept
            return Reply(self._encoded(self._fallback(asked, "deadline")))
        finally:
            if entry.answer is None:
                memory.release(asked.key, entry)
        if shared is not None:
            await self._share(shared, asked, body)
        return Reply(body)

    async def _share(self, shared: SharedMemory, asked: _Asked, body: bytes) -> None:
        """Before the answer leaves where that is soon done, so that a retry elsewhere finds it; else beside."""
        task = asyncio.create_task(shared.keep(asked.key, asked.fingerprint, body))
        self._keeping.add(task)
        task.add_done_callback(self._keeping.discard)
        await asyncio.wait([task], timeout=max(0.0, min(asked.left_s, SHARED_S)))

    # -- deciding ---------------------------------------------------------------------------------

    async def _decide(self, asked: _Asked) -> Answer:
        parts, question = self.parts, asked.question
        if parts.scoring is None or parts.graph().ready is not None:
            return self._fallback(asked, "not ready")
        try:
            ticket = parts.scoring.ask(question.event, asked.deadline.answer_by_s)
        except Overloaded:
            return self._fallback(asked, "overloaded")
        await asyncio.wait([ticket.done], timeout=max(0.0, asked.left_s))
        ticket.left = True
        if ticket.score is None:
            return self._fallback(asked, "model failed" if ticket.failed else "deadline")
        return decided(question, ticket.score, ticket.reasons, parts.policy, self._moment(asked))

    def _fallback(self, asked: _Asked, why: Why) -> Answer:
        return fallen_back(asked.question, why, self.parts.policy, self._moment(asked))

    def _moment(self, asked: _Asked) -> Moment:
        """What the answer says of now."""
        graph, remarks = self.parts.graph(), list[Remark]()
        silent_s = graph.silent_s
        if self.parts.stale_s and silent_s is not None and silent_s > self.parts.stale_s:
            remarks.append(stale(silent_s))
        if graph.window_ms is not None and asked.question.event.time_ms < graph.window_ms:
            remarks.append(BEFORE_WINDOW)
        watermark = Watermark(graph.position, None if silent_s is None else round(1000 * silent_s))
        return Moment(asked.deadline.took_ms(time.monotonic()), watermark, tuple(remarks))

    def _encoded(self, answer: Answer) -> bytes:
        """The bytes, counted and told: nothing personal, no reasons."""
        metrics = self.parts.metrics
        metrics.verdicts.labels(answer.verdict).inc()
        if answer.fallback is not None:
            metrics.fallbacks.labels(answer.fallback).inc()
        for remark in answer.remarks:
            metrics.remarks.labels(remark.code).inc()
        log.info(
            "decided", id=answer.id, verdict=answer.verdict, probability=answer.probability, took_ms=answer.took_ms,
            fallback=answer.fallback,
        )  # fmt: skip
        return msgspec.json.encode(answer)
