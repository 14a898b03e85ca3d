"""velocity: more of the same at one end within a window, or more money, than people have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from graph.toml_lines import Loc
from scoring.rules import words
from scoring.rules.fields import End, Length, Name, Names, Way
from scoring.rules.finding import Finding
from scoring.rules.rule import Graded, asked_of
from scoring.rules.view import Edge, View

Times = Annotated[float, Field(gt=1, le=1_000)]


class Velocity(Graded):
    """How many edges of a relation an end has within a window, the event included, or what they come to.

    `relation` is the event's own where none is given. With `times_usual` it fires only where that is so many times
    what is usual there in as long a time, as far back as the view goes; an end without a past has nothing usual.
    """

    PLACES: ClassVar[frozenset[str]] = frozenset({"count", "events", "sum", "node", "within", "usual"})
    SAYS: ClassVar[str] = "{events} of {node} within {within}"

    kind: Literal["velocity"]
    relation: Name | None = None
    of: End = "source"
    way: Way | None = None
    measure: Literal["count", "sum"] = "count"
    within_ms: Length = Field(alias="within")
    times_usual: Times | None = None

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.measure == "count" and self.at_least > self.busy:
            raise ValueError(
                f"at_least is {self.at_least}, which is never reached: an end with {self.busy} edges or more in view "
                "is busy, and says nothing (see busy)"
            )
        return self

    def find(self, view: View) -> Finding | None:
        """See Rule."""
        relation = self.relation or view.event.relation
        found = (self._at(view, relation, node) for node in view.ends(self.of))
        return max((each for each in found if each), key=lambda each: each.strength, default=None)

    def _at(self, view: View, relation: str, node: str) -> Finding | None:
        way = self.way or ("in" if self.of == "target" else "out")
        edges = view.at(relation, node, way)
        recent = [edge for edge in edges if view.age_ms(edge) <= self.within_ms]
        if len(recent) >= self.busy:
            return None
        event = view.event
        own = event.relation == relation and (event.src if way == "out" else event.dst) == node
        counted: Sequence[Edge] = [*recent, event] if own else recent
        number = self._number(view, counted)
        share = self.graded(number) if self.measure == "count" else self._filled(number)
        usual = self._usual(view, [edge for edge in edges if view.age_ms(edge) > self.within_ms])
        if not share or (self.times_usual is not None and (usual <= 0 or number < self.times_usual * usual)):
            return None
        return self.found(share, self._said(view, node, counted, usual))

    def _number(self, view: View, edges: Sequence[Edge]) -> int:
        return len(edges) if self.measure == "count" else sum(map(view.amount, edges))

    def _filled(self, number: int) -> float:
        """Of a sum: how near it is to `full`, from `at_least` on."""
        return 0.0 if number < self.at_least else min(1.0, number / (self.full or self.at_least))

    def _usual(self, view: View, older: Sequence[Edge]) -> float:
        """What as long a time brought on average before the window, since the oldest edge in view; 0: nothing did."""
        if self.times_usual is None or not older:
            return 0.0
        past_ms = max(view.age_ms(edge) for edge in older) - self.within_ms
        return self._number(view, older) / max(1.0, past_ms / self.within_ms)

    def _said(self, view: View, node: str, edges: Sequence[Edge], usual: float) -> dict[str, str]:
        what = words.event(view.names.word(edges[0].relation))
        return {
            "count": str(len(edges)), "events": words.counted(len(edges), what), "node": words.node(node),
            "sum": view.money(sum(map(view.amount, edges)), edges), "within": words.span(self.within_ms),
            "usual": words.money(int(usual)) if self.measure == "sum" else f"{usual:.1f}",
        }  # fmt: skip

    def told(self, names: Names) -> str:
        """See Rule."""
        what = words.plural(words.event(names.word(self.relation))) if self.relation else "events like it"
        floor = f"{self.at_least} {what}" if self.measure == "count" else f"{words.money(self.at_least)} in {what}"
        way = {"in": " coming in", "out": " going out", None: ""}[self.way]
        usual = f", and {self.times_usual:g} times what is usual" if self.times_usual else ""
        return (
            f"of {asked_of(self.events, names)}: its {self.of} has at least {floor}{way} within "
            f"{words.span(self.within_ms)}{usual}"
        )

    @property
    def plain(self) -> str:
        """See Rule: a sum says what it comes to."""
        return self.SAYS if self.measure == "count" else "{events} of {node} come to {sum} within {within}"

    @property
    def hops(self) -> int:
        """An end's own edges are one hop away."""
        return 2 if self.of == "user" else 1

    @property
    def reads(self) -> frozenset[str] | None:
        """See Rule: without a relation those of its events."""
        counted = (self.relation,) if self.relation is not None else self.on
        return frozenset(counted) if counted else None

    def relations(self) -> Iterator[tuple[Loc, str]]:
        """See Rule."""
        yield from super().relations()
        if self.relation is not None:
            yield ("relation",), self.relation

    def sums(self) -> Iterator[str]:
        """See Rule."""
        return iter([self.relation] if self.measure == "sum" and self.relation is not None else [])

    @property
    def events(self) -> tuple[str, ...]:
        """See Rule: without `on`, events of the relation it counts."""
        return self.on or ((self.relation,) if self.relation is not None else ())

    def named(self, names: Names) -> Self:
        """See Rule."""
        mine = None if self.relation is None else names.relation(self.relation)
        return super().named(names).model_copy(update={"relation": mine})
