"""Events in, Scores out: reads each event's neighbourhood as of its moment, and says what it thinks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

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
        scored = self.engine.score(subgraphs) if subgraphs else []
        attach = self.engine.thresholds.attach
        shown = [sub for sub, found in zip(subgraphs, scored, strict=True) if found.probability >= attach]
        evidence = iter(zip(shown, self.engine.explain(shown) if shown else [], strict=True))
        found_of = iter(scored)
        scores = []
        for event in events:
            if event.kind == "withdrawn":
                probability, model = 0.0, self.engine.model
            else:
                found = next(found_of)
                probability, model = found.probability, found.model
            plain = Score(event, revision, provisional, probability, model, (), (), None, read_at)
            if event.kind != "withdrawn" and probability >= attach:
                subgraph, contributions = next(evidence)
                plain = msgspec.structs.replace(
                    plain, reasons=self.engine.reasons(subgraph), contributions=contributions, subgraph=subgraph
                )
            scores.append(plain)
        return scores
