"""fan: several accounts pay in, and soon the money leaves again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from scoring.rules import words
from scoring.rules.fields import Length, Names
from scoring.rules.finding import Finding
from scoring.rules.rule import AtOneEnd
from scoring.rules.view import Edge, View


class Fan(AtOneEnd):
    """From `at_least` senders on, where the event and what left before it is at least `share` of what came in."""

    PLACES: ClassVar[frozenset[str]] = frozenset({"count", "senders", "node", "came", "left", "within"})
    SAYS: ClassVar[str] = "{senders} sent {came} to {node} within {within}, and {left} leaves it again"

    kind: Literal["fan"]
    within_ms: Length = Field(alias="within")
    share: Annotated[float, Field(gt=0, le=10)] = 0.5

    def find(self, view: View) -> Finding | None:
        """See Rule."""
        event = view.event
        if event.relation != self.relation:
            return None
        came = view.at(self.relation, event.src, "in", self.within_ms)
        senders = {edge.src for edge in came}
        part = self.graded(len(senders))
        if not part:
            return None
        left: list[Edge] = [event, *view.at(self.relation, event.src, "out", self.within_ms)]
        sent, leaves = sum(map(view.amount, came)), sum(map(view.amount, left))
        if leaves < self.share * sent:
            return None
        return self.found(part, {
            "count": str(len(senders)), "senders": words.counted(len(senders), words.label(min(senders))),
            "node": words.node(event.src), "came": view.money(sent, came), "left": view.money(leaves, left),
            "within": words.span(self.within_ms),
        })  # fmt: skip

    def told(self, names: Names) -> str:
        """See Rule."""
        what = words.event(names.word(self.relation))
        return (
            f"of {words.plural(what)}: at least {words.counted(self.at_least, 'sender')} paid its source within "
            f"{words.span(self.within_ms)}, and {self.share:.0%} of that leaves again"
        )

    def sums(self) -> Iterator[str]:
        """See Rule."""
        return iter([self.relation])
