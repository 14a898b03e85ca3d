"""Step: one of the things that have to happen, in this order, for a sequence to be odd."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, field_validator

from scoring.rules import words
from scoring.rules.fields import Count, Length, Name, Part, Strength, Text, Way, misplaced
from scoring.rules.view import Edge, View


class Step(Part):
    """An edge of who acts, or of one of his accounts; `first`: with an end never seen there before.

    Attributes:
        within_ms: the time allowed from it to the next step, or to the event.
        strength: what the rule says where it has come no further than this; None: nothing.
        amount_at_least: minor units.
    """

    PLACES: ClassVar[frozenset[str]] = frozenset({"user", "node", "end", "ago", "amount", "field", "event"})
    SAYS: ClassVar[str] = "{event} from {node} to {end} {ago}"
    FIRST: ClassVar[str] = "{event} from {node} to {end}, never seen there before, {ago}"

    relation: Name
    way: Way = "out"
    first: bool = False
    within_ms: Length | None = Field(default=None, alias="within")
    amount_at_least: Count | None = None
    strength: Strength | None = None
    says: Text | None = None

    @field_validator("says")
    @classmethod
    def _sayable(cls, says: str | None) -> str | None:
        if says is not None and (wrong := misplaced(says, cls.PLACES)):
            raise ValueError(wrong)
        return says

    def matches(self, view: View, who: frozenset[str]) -> list[Edge]:
        """The edges that may be this step, oldest first, the event itself last."""
        edges: list[Edge] = sorted(
            (edge for edge in view.within(self.relation) if self._own(edge) in who), key=lambda edge: edge.time_ms
        )
        if view.event.relation == self.relation and self._own(view.event) in who:
            edges.append(view.event)
        if self.first:
            edges = self._firsts(edges)
        if self.amount_at_least is not None:
            edges = [edge for edge in edges if view.amount(edge) >= (self.amount_at_least or 0)]
        return edges

    def _own(self, edge: Edge) -> str:
        return edge.src if self.way == "out" else edge.dst

    def _other(self, edge: Edge) -> str:
        return edge.dst if self.way == "out" else edge.src

    def _firsts(self, edges: list[Edge]) -> list[Edge]:
        """Of edges in time: those whose other end was new then, where others were known before."""
        seen: set[str] = set()
        found: list[Edge] = []
        for edge in edges:
            other = self._other(edge)
            if other not in seen:
                if seen:
                    found.append(edge)
                seen.add(other)
        return found

    def said(self, view: View, edge: Edge, user: str) -> str:
        """The step in words: whose edge it is, to what, and how long ago."""
        form = self.says or (self.FIRST if self.first else self.SAYS)
        field, amount = edge.attributes.get(view.names.field), view.amount(edge)
        return form.format_map({
            "user": words.node(user), "node": words.node(self._own(edge)), "end": words.node(self._other(edge)),
            "ago": words.ago(view.age_ms(edge)), "amount": view.money(amount, [edge]) if amount else "money",
            "field": field[:40] if isinstance(field, str) and field else "contact",
            "event": words.event(view.names.word(self.relation)),
        })  # fmt: skip
