"""Events in, Scores out: reads each event's neighbourhood as of its moment, and says what it thinks."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import msgspec

from graph.mirror import Mirror
from graph.model import Caps, Event, Look, Subgraph, row_of, split_key
from scoring.engine import Scored, Scorer
from scoring.score import Contribution, Score
from scoring.words import sentence


class Reader(Protocol):
    """Whatever reads subgraphs: a mirror."""

    def subgraphs(self, events: Sequence[Event], caps: Caps) -> list[Subgraph]:
        """See graph.store.GraphStore.subgraphs."""
        ...

    def incomplete(self, rows: Collection[str]) -> set[str]:
        """See graph.store.GraphStore.incomplete."""
        ...


@runtime_checkable
class Surroundings(Protocol):
    """Whatever has to fetch what a batch is scored by: Neo4j."""

    def around(self, events: Sequence[Event], look: Look) -> Mirror:
        """What is looked at around these events, in a mirror of its own, with the marks of its rows.

        Raises:
            StoreUnavailable: no answer in time; try again.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Found:
    """What an engine thinks of events, their subgraphs where it read some, and the ids and positions that are amiss."""

    scored: Sequence[Scored]
    subgraphs: Sequence[Subgraph] | None = None
    incomplete: Collection[tuple[str, str]] = ()


class EventScorer:
    """Scores events through a reader with an engine. A function of the event and the graph as of it.

    Whether a score is incomplete is no part of that: it says what is amiss at the moment of scoring.
    """

    def __init__(
        self, engine: Scorer, reader: Reader | Surroundings, tables: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        """The engine's caps decide how much of a neighbourhood is read; `tables` names, by label, those whose
        rows say something of its nodes (`GraphSchema.tables`).
        """
        self.engine, self._tables = engine, tables or {}
        self._fetched_from = reader if isinstance(reader, Surroundings) else None
        self._reader: Reader = Mirror() if isinstance(reader, Surroundings) else reader
        if isinstance(self._reader, Mirror):
            engine.read_from(self._reader)

    def score(
        self, events: Sequence[Event], revision: int = 1, provisional: bool = False, read_at: str = ""
    ) -> list[Score]:
        """One Score per event, in their order.

        Evidence (reasons, contributions, subgraph) is gathered only where the probability may raise
        an alert: it costs several times the score itself.

        Raises:
            StoreUnavailable: what the events are scored by could not be fetched in time; try again.
        """
        there = [event for event in events if event.kind != "withdrawn"]
        if there and self._fetched_from is not None:
            self._reader = fetched = self._fetched_from.around(there, self.engine.look)
            self.engine.read_from(fetched)
        found = self._found(there) if there else _Found([])
        evidence, each = self._evidence(there, found), iter(found.scored)
        scores = []
        for event in events:
            if event.kind == "withdrawn":
                probability, model = 0.0, self.engine.model
            else:
                scored = next(each)
                probability, model = scored.probability, scored.model
            amiss = (event.id, event.pos) in found.incomplete
            plain = Score(event, revision, provisional, probability, model, (), (), None, read_at, incomplete=amiss)
            if event.kind != "withdrawn" and self._shown(probability):
                subgraph, contributions = next(evidence)
                weighed = sentence(contributions, event)
                reasons = (*self.engine.reasons(subgraph), *([weighed] if weighed else []))
                plain = msgspec.structs.replace(
                    plain, reasons=reasons, contributions=contributions, subgraph=subgraph
                )
            scores.append(plain)
        return scores

    def _shown(self, probability: float) -> bool:
        return probability >= self.engine.thresholds.attach

    def _found(self, events: Sequence[Event]) -> _Found:
        """What is thought of events that are there.

        Where no row waits for anything, nobody has to know which rows are around an event, and the arrays of the
        mirror say the rest: no subgraph is made, which would take longer than the score.
        """
        if isinstance(self._reader, Mirror) and not self._reader.marked(1):
            quick = self.engine.score_events(events)
            if quick is not None:
                return _Found(quick)
        subgraphs = self._reader.subgraphs(events, self.engine.caps)
        return _Found(self.engine.score(subgraphs), subgraphs, self._incomplete(subgraphs))

    def _evidence(
        self, events: Sequence[Event], found: _Found
    ) -> Iterator[tuple[Subgraph, tuple[Contribution, ...]]]:
        """Subgraph and contributions of each event that somebody may look at."""
        shown = [at for at, scored in enumerate(found.scored) if self._shown(scored.probability)]
        if not shown:
            return iter(())
        if found.subgraphs is None:
            subgraphs = self._reader.subgraphs([events[at] for at in shown], self.engine.caps)
        else:
            subgraphs = [found.subgraphs[at] for at in shown]
        return zip(subgraphs, self.engine.explain(subgraphs), strict=True)

    def _incomplete(self, subgraphs: Sequence[Subgraph]) -> set[tuple[str, str]]:
        """The events, by id and position, in whose neighbourhood a row waits for a record that was refused."""
        rows = [set(self._rows(subgraph)) for subgraph in subgraphs]
        if not rows or not (marked := self._reader.incomplete(set().union(*rows))):
            return set()
        found = zip(subgraphs, rows, strict=True)
        return {(sub.event.id, sub.event.pos) for sub, its in found if not marked.isdisjoint(its)}

    def _rows(self, subgraph: Subgraph) -> Iterator[str]:
        """The event's row, those behind the edges, and those that may say something of the nodes."""
        yield row_of(subgraph.event.id)
        for edge in subgraph.edges:
            yield row_of(edge.owner)
        for node in subgraph.nodes:
            label, id = split_key(node)
            for table in self._tables.get(label, ()):
                yield f"{table}:{id}"
