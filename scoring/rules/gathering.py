"""gathering: the account that is paid now is paid by several that never paid it before."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from scoring.rules import words
from scoring.rules.fields import Length, Names
from scoring.rules.finding import Finding
from scoring.rules.rule import AtOneEnd
from scoring.rules.view import View


class Gathering(AtOneEnd):
    """From `at_least` new senders on, where at most `known_at_most` paid it before the window."""

    PLACES: ClassVar[frozenset[str]] = frozenset({"count", "senders", "node", "within"})
    SAYS: ClassVar[str] = "{senders} pay {node} for the first time within {within}"

    kind: Literal["gathering"]
    within_ms: Length = Field(alias="within")
    known_at_most: Annotated[int, Field(ge=0, le=1_000)] = 2

    def find(self, view: View) -> Finding | None:
        """See Rule."""
        event = view.event
        if event.relation != self.relation:
            return None
        into = view.at(self.relation, event.dst, "in")
        known = {edge.src for edge in into if view.age_ms(edge) > self.within_ms}
        if len(into) >= self.busy or len(known) > self.known_at_most:
            return None
        fresh = {edge.src for edge in into if view.age_ms(edge) <= self.within_ms} | {event.src}
        share = self.graded(len(fresh - known))
        if not share:
            return None
        return self.found(share, {
            "count": str(len(fresh - known)), "node": words.node(event.dst), "within": words.span(self.within_ms),
            "senders": words.counted(len(fresh - known), words.label(event.src)),
        })  # fmt: skip

    def told(self, names: Names) -> str:
        """See Rule."""
        return (
            f"of {words.plural(words.event(names.word(self.relation)))}: at least "
            f"{words.counted(self.at_least, 'sender')} pay its target for the first time within "
            f"{words.span(self.within_ms)}, and at most {self.known_at_most} did before"
        )
