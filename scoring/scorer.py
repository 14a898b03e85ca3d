"""Events in, Scores out: reads each event's neighbourhood as of its moment, and says what it thinks."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import msgspec

from graph.mirror import Mirror
from graph.model import Caps, Event, Look, Subgraph, row_of, split_key
from scoring.engine import Scored, Scorer
from scoring.rules.demands import Demands
from scoring.score import Contribution, Remark, Score, asks
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
class Asked:
    """How events are to be scored, and what their scores say of it.

    Attributes:
        revision, provisional, read_at, remarks: see `Score`.
        caps: how much of a neighbourhood is read, where that is not what the model asks for.
        evidence: whether reasons, contributions and subgraph are gathered for those somebody looks at.
        demands: whether rules that ask for an alert are asked where there is no evidence either.
    """

    revision: int = 1
    provisional: bool = False
    read_at: str = ""
    remarks: tuple[Remark, ...] = ()
    caps: Caps | None = None
    evidence: bool = True
    demands: bool = False


PLAINLY = Asked()


@dataclass(frozen=True, slots=True)
class _Found:
    """What an engine thinks of events, which rules ask for an alert, their subgraphs where it read some, and the ids
    and positions that are amiss.
    """

    scored: Sequence[Scored]
    demanded: Sequence[str | None]
    subgraphs: Sequence[Subgraph] | None = None
    incomplete: Collection[tuple[str, str]] = ()


class EventScorer:
    """Scores events through a reader with an engine. A function of the event and the graph as of it.

    Whether a score is incomplete is no part of that: it says what is amiss at the moment of scoring.
    """

    def __init__(
        self,
        engine: Scorer,
        reader: Reader | Surroundings,
        tables: Mapping[str, Sequence[str]] | None = None,
        threshold: float | None = None,
        near: bool = False,
    ) -> None:
        """The engine's caps decide how much of a neighbourhood is read.

        Args:
            engine: says what it thinks.
            reader: where neighbourhoods are read.
            tables: by label, those whose rows say something of its nodes (`GraphSchema.tables`).
            threshold: probability from which an event is an alert, where that is set; else the engine's own.
            near: gather subgraph and reasons of near misses too, from the engine's bar for them on (`attach`).
        """
        self.engine, self._tables, self._threshold, self._near = engine, tables or {}, threshold, near
        self._fetched_from = reader if isinstance(reader, Surroundings) else None
        self._read_from(Mirror() if isinstance(reader, Surroundings) else reader)

    def _read_from(self, reader: Reader) -> None:
        self._reader, self._demands = reader, Demands(self.engine.rules, reader, self.engine.caps)
        if isinstance(reader, Mirror):
            self.engine.read_from(reader)

    def score(self, events: Sequence[Event], asked: Asked = PLAINLY) -> list[Score]:
        """One Score per event, in their order.

        Evidence costs ten times the score itself, and is gathered only where somebody looks at it: where the score
        asks for an alert, and of near misses if they are wanted, without contributions.

        Raises:
            StoreUnavailable: what the events are scored by could not be fetched in time; try again.
        """
        there = [event for event in events if event.kind != "withdrawn"]
        if there and self._fetched_from is not None:
            look = msgspec.structs.replace(self.engine.look, caps=asked.caps or self.engine.caps)
            self._read_from(self._fetched_from.around(there, look))
        found = self._found(there, asked) if there else _Found([], [])
        evidence, each = self._evidence(there, found, asked), iter(zip(found.scored, found.demanded, strict=True))
        scores = []
        for event in events:
            gone = event.kind == "withdrawn"
            scored, rule = (Scored(0.0, self.engine.model), None) if gone else next(each)
            plain = self._plain(event, scored, (event.id, event.pos) in found.incomplete, asked)
            if rule is not None:
                plain = msgspec.structs.replace(plain, alert_by=rule)
            if not gone and self._shown(scored, rule, asked):
                plain = self._shown_with(plain, *next(evidence))
            scores.append(plain)
        return scores

    def _plain(self, event: Event, scored: Scored, amiss: bool, asked: Asked) -> Score:
        remarks = asked.remarks if scored.remark is None else (*asked.remarks, scored.remark)
        return Score(
            event, asked.revision, asked.provisional, scored.probability, scored.model, (), (), None, asked.read_at,
            amiss, self._alert_from(scored), None, remarks,
        )  # fmt: skip

    def _shown_with(self, score: Score, subgraph: Subgraph, contributions: tuple[Contribution, ...]) -> Score:
        reasons = told(self.engine, subgraph, contributions)
        return msgspec.structs.replace(score, reasons=reasons, contributions=contributions, subgraph=subgraph)

    def _alert_from(self, scored: Scored) -> float:
        if self._threshold is not None:
            return self._threshold
        return self.engine.thresholds.alert if scored.alert is None else scored.alert

    def _shown(self, scored: Scored, rule: str | None, asked: Asked) -> bool:
        if not asked.evidence:
            return False
        bar = self._alert_from(scored)
        if self._near:
            bar = min(bar, self.engine.thresholds.attach)
        return rule is not None or scored.probability >= bar

    def _found(self, events: Sequence[Event], asked: Asked) -> _Found:
        """What is thought of events that are there.

        Where no row waits for anything, nobody has to know which rows are around an event, and the arrays of the
        mirror say the rest: no subgraph is made, which would take longer than the score.
        """
        if isinstance(self._reader, Mirror) and not self._reader.marked(1):
            quick = self.engine.score_events(events, asked.caps)
            if quick is not None:
                return _Found(quick, self._demanded(events, None, asked))
        subgraphs = self._reader.subgraphs(events, asked.caps or self.engine.caps)
        demanded = self._demanded(events, subgraphs, asked)
        return _Found(self.engine.score(subgraphs), demanded, subgraphs, self._incomplete(subgraphs))

    def _demanded(
        self, events: Sequence[Event], subgraphs: Sequence[Subgraph] | None, asked: Asked
    ) -> Sequence[str | None]:
        """The rules that ask for an alert. They read the same however far behind the scorer is."""
        if not (asked.evidence or asked.demands):
            return [None] * len(events)
        return self._demands.of(events, subgraphs if asked.caps is None else None)

    def _evidence(
        self, events: Sequence[Event], found: _Found, asked: Asked
    ) -> Iterator[tuple[Subgraph, tuple[Contribution, ...]]]:
        """Subgraph of each event that somebody looks at, and contributions where it is an alert."""
        both = list(zip(found.scored, found.demanded, strict=True))
        shown = [at for at, (scored, rule) in enumerate(both) if self._shown(scored, rule, asked)]
        if not shown:
            return iter(())
        if found.subgraphs is None:
            subgraphs = self._reader.subgraphs([events[at] for at in shown], asked.caps or self.engine.caps)
        else:
            subgraphs = [found.subgraphs[at] for at in shown]
        alerts = [asks(both[at][0].probability, self._alert_from(both[at][0]), both[at][1]) for at in shown]
        explained = iter(self.engine.explain([sub for sub, alert in zip(subgraphs, alerts, strict=True) if alert]))
        return zip(subgraphs, [next(explained) if alert else () for alert in alerts], strict=True)

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


def told(engine: Scorer, subgraph: Subgraph, contributions: Sequence[Contribution]) -> tuple[str, ...]:
    """Why, in sentences: what the rules say, and behind that what the model weighed."""
    weighed = sentence(contributions, subgraph.event)
    return (*engine.reasons(subgraph), *([weighed] if weighed else []))
