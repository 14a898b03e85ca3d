"""Demands: which events a rule makes an alert of by itself. Asked of every event, so it reads as little as it can."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from graph.mirror import Mirror
from graph.model import Caps, Event, Subgraph
from scoring.rules.finding import demanded
from scoring.rules.glimpse import Glimpses
from scoring.rules.rule_set import RuleSet


class Reader(Protocol):
    """Whatever reads subgraphs: a mirror, what a mirror shows of some relations, or Neo4j."""

    def subgraphs(self, events: Sequence[Event], caps: Caps) -> list[Subgraph]:
        """See graph.store.GraphStore.subgraphs."""
        ...


class Demands:
    """The rules with `alert = true` of a set, and how their events are read: of a mirror first only the edges they
    need, and everything only where a rule fired on those.
    """

    def __init__(self, rules: RuleSet, reader: Reader, caps: Caps) -> None:
        """Read as far as the rules look, at most these caps."""
        self._rules = RuleSet(rules.names, tuple(rule for rule in rules.rules if rule.alert))
        self._caps = self._rules.caps(caps)
        self._reader, relations = reader, self._rules.reads
        self._first: Reader = reader
        if isinstance(reader, Mirror) and relations is not None and self._rules.rules:
            self._first = Glimpses(reader, relations)

    def of(self, events: Sequence[Event], seen: Sequence[Subgraph] | None = None) -> list[str | None]:
        """For each event the rule that asks for an alert, whatever the model says; None: none does.

        `seen` are their subgraphs, where somebody read them already.
        """
        if not self._rules.rules:
            return [None] * len(events)
        if seen is not None:
            return [demanded(self._rules.findings(subgraph)) for subgraph in seen]
        asked = [event for event in events if event.kind != "withdrawn" and self._rules.asks(event)]
        found = self._found(self._first, asked)
        if self._first is not self._reader:
            found = self._found(self._reader, [event for event in asked if _key(event) in found])
        return [found.get(_key(event)) for event in events]

    def _found(self, reader: Reader, events: Sequence[Event]) -> dict[tuple[str, str], str]:
        subgraphs = reader.subgraphs(events, self._caps) if events else []
        named = ((_key(each.event), demanded(self._rules.findings(each))) for each in subgraphs)
        return {key: rule for key, rule in named if rule is not None}


def _key(event: Event) -> tuple[str, str]:
    return event.id, event.pos
