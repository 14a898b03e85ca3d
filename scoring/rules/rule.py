"""Rule: what all kinds of rules have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, Self

from pydantic import Field, field_validator, model_validator

from graph.toml_lines import Loc
from scoring.rules import words
from scoring.rules.fields import Count, Name, Names, Part, Relations, Strength, Text, misplaced
from scoring.rules.finding import Finding
from scoring.rules.view import View

BUSY = 16  # edges in view: a capped read that is full (a shop, an employer) shows no change of pace


class Rule(Part):
    """A rule: its name, which events it is asked of, how strong it is, and how it says what it found.

    A kind adds its fields and `find`. `PLACES` is what its sentence may hold in braces, `SAYS` the sentence it has
    where the file gives none, `HOPS` how far from the event it looks.
    """

    PLACES: ClassVar[frozenset[str]] = frozenset()
    SAYS: ClassVar[str] = ""

    name: Name
    kind: str
    strength: Strength
    alert: bool = False
    on: Relations = ()
    says: Text | None = None

    @field_validator("says")
    @classmethod
    def _sayable(cls, says: str | None) -> str | None:
        if says is not None and (wrong := misplaced(says, cls.PLACES)):
            raise ValueError(wrong)
        return says

    def find(self, view: View) -> Finding | None:
        """What it finds; None where nothing is odd."""
        raise NotImplementedError

    def told(self, names: Names) -> str:
        """What it asks, in words, for whoever wrote it."""
        raise NotImplementedError

    @property
    def plain(self) -> str:
        """The sentence it has where the file gives none."""
        return self.SAYS

    @property
    def events(self) -> tuple[str, ...]:
        """Relations whose events it is asked of; none: every event."""
        return self.on

    @property
    def hops(self) -> int:
        """How many hops from the event it looks."""
        return 2

    @property
    def reads(self) -> frozenset[str] | None:
        """The relations it has to see, beside owners and known frauds, to find whatever it would find; None: any.

        It may find more where it sees nothing else: whoever reads no more asks again with everything.
        """
        return None

    def relations(self) -> Iterator[tuple[Loc, str]]:
        """The relations it names, and the field each stands in."""
        for at, relation in enumerate(self.on):
            yield ("on", at), relation

    def sums(self) -> Iterator[str]:
        """The relations whose amounts it adds up."""
        return iter(())

    def named(self, names: Names) -> Self:
        """The same with the bank's own names for its relations."""
        return self.model_copy(update={"on": tuple(map(names.relation, self.on))})

    def found(self, share: float, said: Mapping[str, str]) -> Finding:
        """A finding: the share of the rule's strength that it has, and what its sentence's places hold."""
        return Finding(self.name, self.strength * share, (self.says or self.plain).format_map(said), self.alert)


class Graded(Rule):
    """A rule that counts something: from `at_least` on it fires, from `full` on with all its strength."""

    at_least: Count
    full: Count | None = None
    busy: Count = Field(default=BUSY)

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if self.full is not None and self.full < self.at_least:
            raise ValueError(f"full is {self.full}: expected at_least ({self.at_least}) or more")
        return self

    def graded(self, number: int) -> float:
        """The share of the strength a number has, 0 below `at_least`, rising evenly from there to `full`."""
        return graded(number, self.at_least, self.full)


class OfRelation(Rule):
    """A rule about the edges of one relation, which it names."""

    relation: Name

    @property
    def reads(self) -> frozenset[str] | None:
        """See Rule."""
        return frozenset((self.relation,))

    def relations(self) -> Iterator[tuple[Loc, str]]:
        """See Rule."""
        yield from super().relations()
        yield ("relation",), self.relation

    def named(self, names: Names) -> Self:
        """See Rule."""
        return super().named(names).model_copy(update={"relation": names.relation(self.relation)})


class AtOneEnd(OfRelation, Graded):
    """One that is asked of events of its relation, and counts at one of their ends: edges one hop away."""

    relation: Name = "transfer"

    @property
    def events(self) -> tuple[str, ...]:
        """See Rule: events of its relation."""
        return (self.relation,)

    @property
    def hops(self) -> int:
        """The end's own edges."""
        return 1


def graded(number: int, at_least: int, full: int | None) -> float:
    """0 below `at_least`, 1 from `full` on, even steps between; without `full` all at once."""
    if number < at_least:
        return 0.0
    return 1.0 if full is None else min(1.0, (number - at_least + 1) / (full - at_least + 1))


def asked_of(on: tuple[str, ...], names: Names) -> str:
    """Which events a rule is asked of, in words."""
    return words.listing([words.plural(words.event(names.word(each))) for each in on]) if on else "all events"
