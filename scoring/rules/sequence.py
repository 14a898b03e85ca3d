"""sequence: one thing after another, as in a takeover: a new device, a changed contact, then money out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field

from graph.toml_lines import Loc
from scoring.rules import words
from scoring.rules.fields import Length, Names, tupled
from scoring.rules.finding import Finding
from scoring.rules.rule import Rule, asked_of
from scoring.rules.step import Step
from scoring.rules.view import Edge, View

Chain = tuple[Edge, ...]


class Sequence(Rule):
    """The steps of one who acts, in their order, the event at their end or right behind them.

    Where all steps have happened and the event is the last of them, it has all its strength; where it has come less
    far, the strength of the last step that was reached, if that step has one. `within` is for all steps together.
    """

    PLACES: ClassVar[frozenset[str]] = frozenset({"steps", "user"})
    SAYS: ClassVar[str] = "{steps}"

    kind: Literal["sequence"]
    within_ms: Length | None = Field(default=None, alias="within")
    step: Annotated[tuple[Step, ...], BeforeValidator(tupled), Field(min_length=2, max_length=8)]

    def find(self, view: View) -> Finding | None:
        """See Rule: of several owners the one who has come farthest."""
        found = (self._of(view, user) for user in view.users)
        return max((each for each in found if each), key=lambda each: each.strength, default=None)

    def _of(self, view: View, user: str) -> Finding | None:
        owned = (edge.dst for edge in view.within(view.names.owns) if edge.src == user)
        chains = self._chains(view, frozenset((user, view.event.src, *owned)))
        for length in range(len(self.step), 0, -1):
            strength = self.strength if length == len(self.step) else self.step[length - 1].strength
            chain = self._last(view, chains, length)
            if chain is not None and strength is not None:
                steps = [step.said(view, edge, user) for step, edge in zip(self.step, chain, strict=False)]
                said = {"steps": ", ".join(steps), "user": words.node(user)}
                return self.found(strength / self.strength, said)
        return None

    def _chains(self, view: View, who: frozenset[str]) -> list[list[Chain]]:
        """For each length, the ways to have come so far: for each last edge the latest edges before it."""
        since_ms = view.now_ms - self.within_ms if self.within_ms is not None else 0
        chains: list[list[Chain]] = []
        for place, step in enumerate(self.step):
            edges = [edge for edge in step.matches(view, who) if edge.time_ms >= since_ms]
            if place == 0:
                chains.append([(edge,) for edge in edges])
            else:
                found = [self._before(chains[-1], edge, self.step[place - 1].within_ms) for edge in edges]
                chains.append([chain for chain in found if chain is not None])
            if not chains[-1]:
                break
        return chains

    @staticmethod
    def _before(chains: list[Chain], edge: Edge, allowed_ms: int | None) -> Chain | None:
        """The latest chain that the edge goes on with: not before its end, and not too long after."""
        for chain in reversed(chains):
            gap_ms = edge.time_ms - chain[-1].time_ms
            if gap_ms >= 0 and edge not in chain and (allowed_ms is None or gap_ms <= allowed_ms):
                return (*chain, edge)
        return None

    def _last(self, view: View, chains: list[list[Chain]], length: int) -> Chain | None:
        """The latest chain of a length that the event ends, or, if steps are left, comes behind in time."""
        if length > len(chains) or not chains[length - 1]:
            return None
        chain = chains[length - 1][-1]
        if chain[-1] is view.event:
            return chain
        allowed_ms = self.step[length - 1].within_ms
        late = allowed_ms is not None and view.age_ms(chain[-1]) > allowed_ms
        return None if late or length == len(self.step) else chain

    def told(self, names: Names) -> str:
        """See Rule."""
        steps = [self._step_told(step, names) for step in self.step]
        whole = f", all within {words.span(self.within_ms)}" if self.within_ms else ""
        return f"of {asked_of(self.events, names)}: {', then '.join(steps)}{whole}"

    @staticmethod
    def _step_told(step: Step, names: Names) -> str:
        what = words.event(names.word(step.relation))
        fresh = " with an end never seen before" if step.first else ""
        least = f" of {words.money(step.amount_at_least)} or more" if step.amount_at_least else ""
        follows = f" (the next within {words.span(step.within_ms)})" if step.within_ms else ""
        return f"a {what}{' coming in' if step.way == 'in' else ''}{least}{fresh}{follows}"

    @property
    def events(self) -> tuple[str, ...]:
        """See Rule: without `on`, events that may be one of its steps."""
        return self.on or tuple(dict.fromkeys(step.relation for step in self.step))

    @property
    def reads(self) -> frozenset[str] | None:
        """See Rule: the last step can only be the event."""
        return frozenset(step.relation for step in self.step[:-1])

    def relations(self) -> Iterator[tuple[Loc, str]]:
        """See Rule."""
        yield from super().relations()
        for at, step in enumerate(self.step):
            yield ("step", at, "relation"), step.relation

    def sums(self) -> Iterator[str]:
        """See Rule."""
        return (step.relation for step in self.step if step.amount_at_least is not None)

    def named(self, names: Names) -> Self:
        """See Rule."""
        steps = [step.model_copy(update={"relation": names.relation(step.relation)}) for step in self.step]
        return super().named(names).model_copy(update={"step": tuple(steps)})
