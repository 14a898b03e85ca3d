"""A rules file read and validated: errors name file, line, field and what was expected (docs/rules.md)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, get_args

from pydantic import BeforeValidator, Field, ValidationError

from graph.schema import Relation
from graph.toml_file import Problem, TomlError, listed, problems_of, read_toml
from graph.toml_lines import Loc
from scoring.rules.fan import Fan
from scoring.rules.fields import KINDS, Names, Part, tupled
from scoring.rules.gathering import Gathering
from scoring.rules.reported import Reported
from scoring.rules.rule_set import RuleSet
from scoring.rules.sequence import Sequence
from scoring.rules.shared import Shared
from scoring.rules.velocity import Velocity

SHIPPED = Path(__file__).with_name("default.toml")
Kind = Velocity | Shared | Sequence | Fan | Gathering | Reported
KIND_CLASSES = get_args(Kind)
KIND_NAMES = tuple(get_args(kind.model_fields["kind"].annotation)[0] for kind in KIND_CLASSES)


class RulesError(Exception):
    """A rules file can't be used. Says file, line, field and what was expected."""


class RulesFile(Part):
    """The whole file: what the bank calls its relations, and the rules as they are written."""

    names: Names = Names()
    rule: Annotated[
        tuple[Annotated[Kind, Field(discriminator="kind")], ...], BeforeValidator(tupled), Field(min_length=1)
    ]

    @property
    def rules(self) -> RuleSet:
        """The rules, under the bank's names."""
        return RuleSet(self.names, tuple(rule.named(self.names) for rule in self.rule))

    def called(self, names: Names) -> RulesFile:
        """The same rules for a bank that calls its relations differently."""
        return self.model_copy(update={"names": names})

    def lacking(self, relations: Iterable[Relation]) -> set[str]:
        """The words and relations its rules speak of that a mapping has not: rules that ask for them are silent."""
        known = {relation.name for relation in relations}
        named = {word for rule in self.rule for _, word in rule.relations()}
        return {word for word in named if self.names.relation(word) not in known}


def read(path: Path, relations: Iterable[Relation] | None = None, names: Names | None = None) -> RulesFile:
    """Read and validate rules; `relations` are those of the mapping they are for, where it is known.

    With `names` the rules are for a bank that calls its relations so, whatever the file says.

    Raises:
        RulesError: it can't be read, is no rules file, or names a relation or an amount that the mapping has not;
            each problem on a line of its own.
    """
    try:
        data, lines = read_toml(path, "rules file")
    except TomlError as error:
        raise RulesError(str(error)) from error
    try:
        file = RulesFile.model_validate(data)
    except ValidationError as error:
        raise RulesError(listed(path, lines, [_placed(each) for each in problems_of(error)])) from error
    file = file if names is None else file.called(names)
    wrong = [*_repeated(file), *(unknown(file, relations) if relations is not None else ())]
    if wrong:
        raise RulesError(listed(path, lines, wrong))
    return file


@cache
def shipped() -> RuleSet:
    """The rules of `default.toml`, for a bank whose relations are called as the demo bank's."""
    return read(SHIPPED).rules


def unknown(file: RulesFile, relations: Iterable[Relation]) -> Iterator[Problem]:
    """The relations and amounts a file names, and the mapping has not."""
    known = {relation.name: relation for relation in relations}
    have = f"which the mapping has not; it has {', '.join(sorted(known))}"
    given = {word: getattr(file.names, word) for word in KINDS if word in file.names.model_fields_set}
    for word, name in given.items():
        if name not in known:
            yield ("names", word), f"is {name!r}, {have}"
    for at, rule in enumerate(file.rule):
        for loc, word in rule.relations():
            name = file.names.relation(word)
            if name not in known and word not in given:
                yield ("rule", at, *loc), f"is {word!r} ({name}), {have}" if name != word else f"is {word!r}, {have}"
        for word in dict.fromkeys(rule.sums()):
            relation = known.get(file.names.relation(word))
            if relation is not None and file.names.amount not in relation.numeric:
                yield ("rule", at), _no_amount(file.names.amount, relation)


def _no_amount(amount: str, relation: Relation) -> str:
    numbers = ", ".join(relation.numeric) or "none"
    return (
        f"adds up {amount!r}, which is no number of {relation.name} in the mapping (its numbers: {numbers}); "
        "say which it is under names: amount"
    )


def _repeated(file: RulesFile) -> Iterator[Problem]:
    counts = Counter(rule.name for rule in file.rule)
    for at, rule in enumerate(file.rule):
        if counts[rule.name] > 1:
            yield ("rule", at, "name"), f"is {rule.name!r}, as another rule's; give each a name of its own"


def _placed(problem: Problem) -> Problem:
    """As the file has it: pydantic puts the kind into the place of what is wrong within a rule."""
    loc, said = problem
    if loc[:1] != ("rule",) or len(loc) < 2:
        return problem
    inside: Loc = loc[3:] if len(loc) > 2 and loc[2] in KIND_NAMES else loc[2:]
    if not inside and "nput tag" in said:
        given = said.split(" found using ")[0].rpartition("nput tag ")[2]
        return (*loc[:2], "kind"), f"is {given}: expected one of {', '.join(KIND_NAMES)}"
    if not inside and "extract tag" in said:
        return (*loc[:2], "kind"), f"is missing; give one of {', '.join(KIND_NAMES)}"
    return (*loc[:2], *inside), said
