"""Embedded mode's publisher: what ingest publishes is scored and taken in on the spot, in this process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from alerts.errors import DatabaseAway
from alerts.service import Intake
from deploy.latency import Latencies
from graph.model import Event
from ingest.events import Transient
from ingest.records import DEAD_LETTERS, EVENTS, Message, Trace
from scoring.engine import Scorer
from scoring.explaining.local import LocalExplanations
from scoring.online.duty import Duty
from scoring.scorer import EventScorer

BATCH = 64  # subgraphs in one forward pass
TAKEN_IN_S = 60.0
_event = msgspec.json.Decoder(Event)
_trace = msgspec.json.Decoder(Trace)


class Stages:
    """Latency from the capture of a change to each later stage."""

    def __init__(self) -> None:
        self.graph, self.score, self.alert = Latencies(), Latencies(), Latencies()


class LocalPublisher:
    """A Publisher (see ingest.records) that hands events to the scorer and scores to the intake.

    `graph.changes` needs no sending: the mirror is the store. Dead letters go to a file, a line each.
    """

    def __init__(
        self,
        duty: Duty,
        scorer: Callable[[Scorer], EventScorer],
        intake: Intake,
        loop: asyncio.AbstractEventLoop,
        letters: Path,
        stages: Stages,
        explanations: LocalExplanations | None = None,
    ) -> None:
        """`scorer` makes what scores with the model on duty; `loop` runs the intake, this the ingest thread; what was
        taken in is offered to `explanations`.
        """
        self._duty, self._make, self._intake, self._loop, self._letters = duty, scorer, intake, loop, letters
        self._scorer = scorer(duty.now()[0])
        self.stages, self._explanations = stages, explanations
        self.scored = 0

    def publish(self, messages: Sequence[Message]) -> None:
        """See Publisher.publish."""
        if letters := [message.value for message in messages if message.topic == DEAD_LETTERS and message.value]:
            with self._letters.open("ab") as file:
                file.writelines(value + b"\n" for value in letters)
        events = [message for message in messages if message.topic == EVENTS]
        captured = [_captured_ms(message) for message in events]
        self._note(self.stages.graph, captured)
        for at in range(0, len(events), BATCH):
            part = [_event.decode(message.value or b"") for message in events[at : at + BATCH]]
            main, _ = self._duty.take()
            if main is not self._scorer.engine:
                self._scorer = self._make(main)
            scores = self._scorer.score(part)
            self._note(self.stages.score, captured[at : at + BATCH])
            self.scored += len(scores)
            taken = asyncio.run_coroutine_threadsafe(self._intake.accept(scores), self._loop)
            try:
                taken.result(TAKEN_IN_S)
            except (DatabaseAway, TimeoutError) as error:
                raise Transient(f"the alert tables did not take the scores: {error}") from error
            self._note(self.stages.alert, captured[at : at + BATCH])
            if self._explanations is not None:
                self._explanations.offer(scores)

    @staticmethod
    def _note(stage: Latencies, captured_ms: list[int]) -> None:
        now_ms = time.time() * 1000
        stage.add(*(max(0.0, now_ms - at) for at in captured_ms))


def _captured_ms(message: Message) -> int:
    return next(_trace.decode(value).captured_ms for name, value in message.headers if name == "trace")
