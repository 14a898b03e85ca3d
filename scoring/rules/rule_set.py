"""RuleSet: the rules of a file, under the bank's own names, asked of subgraphs."""

from __future__ import annotations

from dataclasses import dataclass

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

    def findings(self, subgraph: Subgraph) -> tuple[Finding, ...]:
        """What the rules find, strongest first. Reads the subgraph alone."""
        view = View(subgraph, self.names)
        relation = view.event.relation
        asked = (rule for rule in self.rules if not rule.events or relation in rule.events)
        return ranked(finding for rule in asked if (finding := rule.find(view)) is not None)

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
        return any(not rule.events or event.relation in rule.events for rule in self.rules)

    def caps(self, caps: Caps) -> Caps:
        """As much of a neighbourhood as these rules look at: fewer hops where they look no further."""
        hops = max((rule.hops for rule in self.rules), default=0)
        return Caps(caps.per_hop[:hops]) if hops < caps.hops else caps
