"""reported: the accounts, the device or the person behind the event stand on events known to be fraud."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from scoring.rules import words
from scoring.rules.fields import Count, Length, Names
from scoring.rules.finding import Finding
from scoring.rules.rule import BUSY, Rule, asked_of
from scoring.rules.view import View


class Reported(Rule):
    """Known frauds at the event's ends and at who acts.

    One of them has half the rule's strength, each further one half of what is left. A counterpart that deals with
    everybody (a shop) is left out: some of its customers are always reported.
    """

    PLACES: ClassVar[frozenset[str]] = frozenset({"count", "events", "nodes", "ago"})
    SAYS: ClassVar[str] = "{events} of {nodes}, the newest {ago}"

    kind: Literal["reported"]
    within_ms: Length | None = Field(default=None, alias="within")
    at_least: Annotated[int, Field(ge=1, le=1_000)] = 1
    busy: Count = BUSY

    def find(self, view: View) -> Finding | None:
        """See Rule."""
        frauds = [edge for edge in view.edges if edge.label]
        if self.within_ms is not None:
            frauds = [edge for edge in frauds if view.age_ms(edge) <= self.within_ms]
        if not frauds:
            return None
        both = dict.fromkeys((view.event.src, view.event.dst))
        ends = dict.fromkeys([*(end for end in both if not view.busy(end, self.busy)), *view.users])
        bad = [edge for edge in frauds if edge.src in ends or edge.dst in ends]
        if not bad or len(bad) < self.at_least:
            return None
        on = [end for end in ends if any(end in (edge.src, edge.dst) for edge in bad)]
        return self.found(1 - 0.5 ** len(bad), {
            "count": str(len(bad)), "events": words.counted(len(bad), "reported event"),
            "nodes": words.listing([words.node(end) for end in on]),
            "ago": words.ago(min(view.age_ms(edge) for edge in bad)),
        })  # fmt: skip

    @property
    def reads(self) -> frozenset[str] | None:
        """See Rule: who is busy shows only in everything."""
        return frozenset()

    def told(self, names: Names) -> str:
        """See Rule."""
        when = f" within {words.span(self.within_ms)}" if self.within_ms else ""
        return (
            f"of {asked_of(self.events, names)}: at least {words.counted(self.at_least, 'event')} of its ends or of "
            f"who acts known to be fraud{when}"
        )
