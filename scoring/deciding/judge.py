"""What the deciding thread asks: probabilities first, of all that wait; then reasons, of the few that need them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from graph.model import Event
from scoring.engine import Scorer
from scoring.score import Score
from scoring.scorer import Asked, EventScorer, Reader
from scoring.words import sentence

PLAIN = Asked(evidence=False)


class Judge(Protocol):
    """Scores events. Asked by one thread alone."""

    def scores(self, events: Sequence[Event]) -> list[Score]:
        """One Score per event in their order, without evidence."""
        ...

    def reasons(self, event: Event) -> tuple[str, ...]:
        """Why, in sentences, strongest first. Takes four times as long as a score."""
        ...


class EventJudge:
    """The model on duty, through its `EventScorer`: the same that scores the stream."""

    def __init__(self, on_duty: Callable[[], Scorer], scorer: Callable[[Scorer], EventScorer], reader: Reader) -> None:
        """`on_duty` tells the model of the next batch, `scorer` makes what asks it, through `reader`."""
        self._on_duty, self._scorer, self._reader = on_duty, scorer, reader
        self._now: EventScorer | None = None

    def scores(self, events: Sequence[Event]) -> list[Score]:
        """See Judge. A model that was promoted meanwhile takes over between two batches."""
        return self._on_duty_now().score(events, PLAIN)

    def reasons(self, event: Event) -> tuple[str, ...]:
        """See Judge: what the stream's scores say, of the graph as of the same moment."""
        engine = (self._now or self._on_duty_now()).engine
        (subgraph,) = self._reader.subgraphs([event], engine.caps)
        weighed = sentence(engine.explain([subgraph])[0], event)
        return (*engine.reasons(subgraph), *([weighed] if weighed else []))

    def _on_duty_now(self) -> EventScorer:
        model = self._on_duty()
        if self._now is None or self._now.engine is not model:
            self._now = self._scorer(model)
        return self._now


def warm(judge: Judge, event: Event) -> None:
    """Have everything compiled that a first request would else wait for."""
    judge.scores([event])
    judge.reasons(event)
