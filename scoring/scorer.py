"""Events in, Scores out: reads each event's neighbourhood as of its moment, and says what it thinks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from graph.model import Caps, Event, Subgraph
from scoring.engine import Scorer
from scoring.score import Score


class Reader(Protocol):
    """Whatever reads subgraphs: the mirror, or Neo4j itself."""

    def subgraphs(self, events: Sequence[Event], caps: Caps) -> list[Subgraph]:
        """See graph.store.GraphStore.subgraphs."""
        ...


class EventScorer:
    """Scores events through a reader with an engine. A function of the event and the graph as of it."""

    def __init__(self, engine: Scorer, reader: Reader) -> None:
        """The engine's caps decide how much of a neighbourhood is read."""
        self.engine, self._reader = engine, reader

    def score(
        self, events: Sequence[Event], revision: int = 1, provisional: bool = False, read_at: str = ""
    ) -> list[Score]:
        """One Score per event, in their order.

        Evidence (reasons, contributions, subgraph) is gathered only where the probability may raise
        an alert: it costs several times the score itself.
        """
        there = [event for event in events if event.kind != "withdrawn"]
        subgraphs = self._reader.subgraphs(there, self.engine.caps) if there else []
        scored = iter(zip(subgraphs, self.engine.score(subgraphs) if subgraphs else (), strict=True))
        scores = []
        for event in events:
            if event.kind == "withdrawn":
                scores.append(self._plain(event, 0.0, self.engine.model, revision, provisional, read_at))
                continue
            subgraph, found = next(scored)
            if found.probability < self.engine.thresholds.attach:
                scores.append(self._plain(event, found.probability, found.model, revision, provisional, read_at))
                continue
            scores.append(
                Score(
                    event, revision, provisional, found.probability, found.model,
                    self.engine.reasons(subgraph), self.engine.explain(subgraph), subgraph, read_at,
                )
            )  # fmt: skip
        return scores

    @staticmethod
    def _plain(event: Event, probability: float, model: str, revision: int, provisional: bool, read_at: str) -> Score:
        return Score(event, revision, provisional, probability, model, (), (), None, read_at)
