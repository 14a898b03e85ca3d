"""What the deciding thread asks: probabilities first, of all that wait; then reasons, of the few that need them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from graph.model import Event
from scoring.engine import Engine, Scorer
from scoring.online.guard import Guard
from scoring.score import Score
from scoring.scorer import Asked, EventScorer, Reader, told

PLAIN = Asked(evidence=False, demands=True)


class Judge(Protocol):
    """Scores events. Each of the two is asked by one thread alone, and they may be asked at the same time."""

    def scores(self, events: Sequence[Event]) -> list[Score]:
        """One Score per event in their order, without evidence."""
        ...

    def reasons(self, event: Event) -> tuple[str, ...]:
        """Why, in sentences, strongest first. Takes four times as long as a score."""
        ...


@dataclass(frozen=True, slots=True)
class Models:
    """Where a judge has its models from.

    Attributes:
        on_duty: the one that scores the next batch.
        again: loads that model once more.
        scorer: makes what asks a model, and has it read from where that reads.
    """

    on_duty: Callable[[], Scorer]
    again: Callable[[], Scorer]
    scorer: Callable[[Scorer], EventScorer]


class EventJudge:
    """The model on duty, through its `EventScorer`: the same that scores the stream.

    An engine serves one thread. So reasons come from another one of the same model, loaded beside; until that is
    there, after a promotion, there are none.
    """

    def __init__(self, reader: Reader, models: Models) -> None:
        """Asks these models about what `reader` reads."""
        self._reader, self._models = reader, models
        self._now: EventScorer | None = None
        self._explains: tuple[str, Scorer] | None = None  # the model it was loaded for, and it

    def scores(self, events: Sequence[Event]) -> list[Score]:
        """See Judge. A model that was promoted meanwhile takes over between two batches."""
        model = self._models.on_duty()
        if self._now is None or self._now.engine is not model:
            self._now = self._models.scorer(model)
        return self._now.score(events, PLAIN)

    def reasons(self, event: Event) -> tuple[str, ...]:
        """See Judge: what the stream's scores say, of the graph as of the same moment."""
        engine = self._explaining()
        (subgraph,) = self._reader.subgraphs([event], engine.caps)
        found = engine.weigh_events([event]) if isinstance(engine, Engine | Guard) else None
        return told(engine, subgraph, (found or engine.explain([subgraph]))[0])

    def _explaining(self) -> Scorer:
        wanted = self._models.on_duty().model
        if self._explains is None or self._explains[0] != wanted:
            self._explains = wanted, self._models.scorer(self._models.again()).engine
        return self._explains[1]


def warm(judge: Judge, event: Event) -> None:
    """Have everything compiled that a first request would else wait for."""
    judge.scores([event])
    judge.reasons(event)
