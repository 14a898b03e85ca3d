"""RuleSet: the rules of a file, under the bank's own names, asked of subgraphs."""

from __future__ import annotations

from dataclasses import dataclass, field

from graph.model import Caps, Event, Subgraph
from scoring.rules.fields import Names
from scoring.rules.finding import Finding, ranked
from scoring.rules.rule import Rule
from scoring.rules.view import View


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Rules whose relations are called as the bank calls them."""

    names: Names
    rules: tuple[Rule, ...]
    _asked: dict[str, tuple[Rule, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def findings(self, subgraph: Subgraph) -> tuple[Finding, ...]:
        """What the rules find, strongest first. Reads the subgraph alone."""
        view = View(subgraph, self.names)
        found = (rule.find(view) for rule in self.of(view.event.relation))
        return ranked(finding for finding in found if finding is not None)

    def of(self, relation: str) -> tuple[Rule, ...]:
        """The rules that are asked of such events."""
        asked = self._asked.get(relation)
        if asked is None:
            asked = tuple(rule for rule in self.rules if not rule.events or relation in rule.events)
            self._asked[relation] = asked
        return asked

    @property
    def demanding(self) -> RuleSet | None:
        """Only the rules that raise an alert by themselves; None where there are none."""
        rules = tuple(rule for rule in self.rules if rule.alert)
        return RuleSet(self.names, rules) if rules else None

    @property
    def reads(self) -> frozenset[str] | None:
        """The relations these rules look at first, beside known frauds; None: any (see `Rule.reads`)."""
        each = [rule.reads for rule in self.rules]
        if any(relations is None for relations in each):
            return None
        return frozenset((self.names.owns,)).union(*(relations for relations in each if relations is not None))

    def asks(self, event: Event) -> bool:
        """Whether a rule is asked of such events at all."""
        return bool(self.of(event.relation))

    def caps(self, caps: Caps) -> Caps:
        """As much of a neighbourhood as these rules look at: fewer hops where they look no further."""
        hops = max((rule.hops for rule in self.rules), default=0)
        return Caps(caps.per_hop[:hops]) if hops < caps.hops else caps
