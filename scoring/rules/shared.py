"""shared: one device, address or contact, several people: more than a family's tablet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import ClassVar, Literal

from pydantic import Field

from scoring.rules import words
from scoring.rules.fields import Count, Length, Names
from scoring.rules.finding import Finding
from scoring.rules.rule import OfRelation, asked_of, graded
from scoring.rules.view import View


class Shared(OfRelation):
    """What the event's own end, or who acts, uses was used by others within a window.

    The relation runs from who uses to what is used. It fires from `at_least` others on, and from
    `reported_at_least` others on that stand on events known to be fraud.
    """

    PLACES: ClassVar[frozenset[str]] = frozenset({"count", "others", "reported", "thing", "kind", "within"})
    SAYS: ClassVar[str] = "{thing} was used by {others} within {within}{reported}"

    kind: Literal["shared"]
    within_ms: Length = Field(alias="within")
    at_least: Count = 2
    full: Count | None = None
    reported_at_least: Count = 1
    reported_full: Count | None = None

    def find(self, view: View) -> Finding | None:
        """See Rule: of several things the one with the most others."""
        thing, others = self._most(view)
        reported = _reported(view, others)
        share = max(
            graded(len(others), self.at_least, self.full),
            graded(len(reported), self.reported_at_least, self.reported_full),
        )
        return self.found(share, self._said(thing, others, len(reported))) if share else None

    def _most(self, view: View) -> tuple[str, set[str]]:
        """The thing, and which others used it."""
        users: dict[str, set[str]] = defaultdict(set)
        for edge in view.within(self.relation, self.within_ms):
            users[edge.dst].add(edge.src)
        if view.event.relation == self.relation:
            users[view.event.dst].add(view.event.src)
        ours = {*view.users, view.event.src, view.event.dst}
        mine = {thing: used - ours for thing, used in users.items() if not used.isdisjoint(ours)}
        return max(mine.items(), key=lambda each: (len(each[1]), each[0]), default=("", set()))

    def _said(self, thing: str, others: Collection[str], reported: int) -> dict[str, str]:
        noun = f"other {words.label(min(others))}"
        behind = f", {reported} of them reported" if len(others) > 1 else ", who was reported"
        return {
            "count": str(len(others)), "others": words.counted(len(others), noun), "thing": words.node(thing),
            "kind": words.label(thing), "within": words.span(self.within_ms), "reported": behind if reported else "",
        }  # fmt: skip

    def told(self, names: Names) -> str:
        """See Rule."""
        what = words.plural(words.event(names.word(self.relation)))
        return (
            f"of {asked_of(self.events, names)}: what its ends or who acts use ({what}) was used by at least "
            f"{words.counted(self.at_least, 'other')}, or {self.reported_at_least} reported, within "
            f"{words.span(self.within_ms)}"
        )


def _reported(view: View, others: Collection[str]) -> set[str]:
    """Those on an edge that is known to be fraud."""
    if not others:
        return set()
    return {node for edge in view.edges if edge.label for node in (edge.src, edge.dst)} & set(others)
