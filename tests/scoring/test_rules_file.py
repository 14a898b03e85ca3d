"""A rules file that can't be used says file, line, field and what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest
from rulefiles import EVERY, TAKEOVER, VELOCITY

from graph.schema import Relation
from scoring.rules import SHIPPED, Names, RulesError, read
from scoring.rules.file import KIND_NAMES

DEMO = (
    Relation("TRANSFER", "Account", "Account", numeric=("amount",)), Relation("LOGIN", "User", "Device"),
    Relation("CONNECT", "Device", "IP"), Relation("MODIFY", "User", "Contact"), Relation("OWNS", "User", "Account"),
)  # fmt: skip


def refused(folder: Path, text: str, relations: tuple[Relation, ...] | None = None) -> list[str]:
    """The lines of what is said of a text, without the file's name."""
    path = folder / "rules.toml"
    path.write_text(text)
    with pytest.raises(RulesError) as caught:
        read(path, relations)
    said = str(caught.value).splitlines()
    assert all(line.startswith(f"{path}:") for line in said)
    return [line.removeprefix(f"{path}:") for line in said]


@pytest.mark.parametrize(
    ("wrong", "right", "said"),
    [
        ('kind = "fast"', 'kind = "velocity"', "4: rule.0.kind is 'fast': expected one of velocity, shared, sequence"),
        ("", 'kind = "velocity"', "2: rule.0.kind is missing; give one of velocity, shared"),
        ('kind = "shared"', 'kind = "velocity"', "2: rule.0.relation is missing; it has to be given"),
        ("at_lest = 3", "at_least = 3", "6: rule.0.at_lest is no field of the format; check its spelling"),
        ('within = "soon"', 'within = "1h"', "5: rule.0.within is 'soon': expected a number and s, m, h or d"),
        ('within = "0h"', 'within = "1h"', "5: rule.0.within is '0h': expected a number and s, m, h or d"),
        ("within = 60", 'within = "1h"', "5: rule.0.within is 60: expected a number and s, m, h or d"),
        ("at_least = -3", "at_least = 3", "6: rule.0.at_least is -3: input should be greater than or equal to 1"),
        ('at_least = "3"', "at_least = 3", "6: rule.0.at_least is '3': input should be a valid integer"),
        ("at_least = 17", "at_least = 3", "2: rule.0 at_least is 17, which is never reached"),
        ("strength = 1.5", "strength = 0.4", "7: rule.0.strength is 1.5: input should be less than or equal to 1"),
        ("strength = 0", "strength = 0.4", "7: rule.0.strength is 0: input should be greater than 0"),
        ("strength = 0.4\nfull = 2", "strength = 0.4", "2: rule.0 full is 2: expected at_least (3) or more"),
        ("strength = 0.4\nalert = 1", "strength = 0.4", "8: rule.0.alert is 1: input should be a valid boolean"),
        ('name = "a b"', 'name = "v"', "3: rule.0.name is 'a b', expected a letter, then letters, digits"),
        (
            'strength = 0.4\nsays = "{who} pays"', "strength = 0.4",
            "8: rule.0.says is '{who} pays': {who} is no place of this kind; it has {count}, {events}, {node}",
        ),
        ('strength = 0.4\nsays = "{node"', "strength = 0.4", "8: rule.0.says is '{node': expected '}'"),
        ('strength = 0.4\nsays = "{node.x}"', "strength = 0.4", "8: rule.0.says is '{node.x}': {node.x} is no place"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_by_its_line(tmp_path: Path, wrong: str, right: str, said: str) -> None:
    """The line of the field, or of the rule where it is not there."""
    lines = refused(tmp_path, VELOCITY.replace(right, wrong))
    assert any(line.startswith(said) for line in lines), lines


def test_a_step_is_told_by_its_own_line(tmp_path: Path) -> None:
    """Not by its rule's."""
    assert refused(tmp_path, TAKEOVER.replace('within = "1d"', 'within = "later"')) == [
        '13: rule.0.step.1.within is \'later\': expected a number and s, m, h or d in quotes, as in "30m" or "24h"'
    ]
    (said,) = refused(tmp_path, TAKEOVER.replace("first = true", 'first = true\nsays = "{count}"'))
    assert said.startswith("9: rule.0.step.0.says is '{count}'")


def test_every_problem_has_a_line(tmp_path: Path) -> None:
    """Not only the first."""
    text = VELOCITY.replace("at_least = 3", "at_least = 0") + VELOCITY.replace('"1h"', '"1 week"')
    assert [line.split(" is ")[0] for line in refused(tmp_path, text)] == ["6: rule.0.at_least", "12: rule.1.within"]


def test_two_rules_of_one_name_are_refused(tmp_path: Path) -> None:
    """The name stands in reasons, contributions and alerts."""
    assert [line.split(";")[0] for line in refused(tmp_path, VELOCITY * 2)] == [
        "3: rule.0.name is 'v', as another rule's", "10: rule.1.name is 'v', as another rule's",
    ]  # fmt: skip


def test_a_file_without_rules_is_refused(tmp_path: Path) -> None:
    """Whoever wants none would not name a file."""
    assert refused(tmp_path, "") == ["1: rule is missing; it has to be given"]


def test_a_sequence_has_two_steps_at_least(tmp_path: Path) -> None:
    """One thing is no sequence."""
    (said,) = refused(tmp_path, TAKEOVER.split("[[rule.step]]")[0] + '[[rule.step]]\nrelation = "login"\n')
    assert said.startswith("2: rule.0.step ") and "at least 2 items" in said


def test_no_toml_and_no_file_are_told(tmp_path: Path) -> None:
    """With what to do."""
    assert refused(tmp_path, "[[rule]\n")[0].startswith("1: not TOML:")
    with pytest.raises(RulesError, match=r"none\.toml: can't be read .*; name an existing rules file"):
        read(tmp_path / "none.toml")


# -- against a mapping


def test_a_relation_the_mapping_has_not_is_named(tmp_path: Path) -> None:
    """A bank's own word at its line, with those there are."""
    text = VELOCITY + 'relation = "PAYMENT"\n'
    (said,) = refused(tmp_path, text, DEMO)
    assert said == (
        "8: rule.0.relation is 'PAYMENT', which the mapping has not; it has CONNECT, LOGIN, MODIFY, OWNS, TRANSFER"
    )


def test_a_word_is_told_with_what_it_stands_for(tmp_path: Path) -> None:
    """Where names are not given, at the rule's line; else once, where they are."""
    text = TAKEOVER.replace('kind = "sequence"', 'kind = "sequence"\non = ["transfer"]')
    without = tuple(relation for relation in DEMO if relation.name != "MODIFY")
    (said,) = refused(tmp_path, text, without)
    assert said.startswith("13: rule.0.step.1.relation is 'modify' (MODIFY), which the mapping has not")
    (said,) = refused(tmp_path, '[names]\nlogin = "SIGNIN"\n' + TAKEOVER, DEMO)
    assert said.startswith("2: names.login is 'SIGNIN', which the mapping has not")


def test_an_amount_that_is_no_number_is_named(tmp_path: Path) -> None:
    """A text can't be added up."""
    bare = (Relation("TRANSFER", "Account", "Account", numeric=("value",)), *DEMO[1:])
    text = VELOCITY.replace("strength", 'measure = "sum"\nrelation = "transfer"\nstrength')
    (said,) = refused(tmp_path, text, bare)
    assert said.startswith("2: rule.0 adds up 'amount', which is no number of TRANSFER in the mapping")
    assert "its numbers: value" in said
    path = tmp_path / "rules.toml"
    path.write_text('[names]\namount = "value"\n' + text)
    assert read(path, bare).names.amount == "value"


def test_the_shipped_file_fits_the_demo_bank() -> None:
    """Every relation and amount."""
    assert len(read(SHIPPED, DEMO).rule) == 6


def test_words_follow_the_names(tmp_path: Path) -> None:
    """Every kind that names a relation names the bank's."""
    path = tmp_path / "rules.toml"
    path.write_text(EVERY)
    theirs = {word: f"THEIR_{word.upper()}" for word in ("transfer", "login", "connect", "modify", "owns")}
    named = read(path).called(Names(**theirs)).rules.rules
    found = {relation for rule in named for _, relation in rule.relations()}
    assert found == {"THEIR_TRANSFER", "THEIR_LOGIN", "THEIR_MODIFY"}


def test_every_kind_is_documented_with_every_field() -> None:
    """docs/rules.md has a row for each."""
    from scoring.rules.fields import Names as Fields
    from scoring.rules.file import KIND_CLASSES
    from scoring.rules.step import Step

    text = (Path(__file__).parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")
    for model in (*KIND_CLASSES, Step, Fields):
        for name, field in model.model_fields.items():
            assert f"`{field.alias or name}`" in text, f"{model.__name__}: {name}"
        for place in getattr(model, "PLACES", ()):
            assert f"`{{{place}}}`" in text, f"{model.__name__}: {place}"
    assert all(f"`{kind}`" in text for kind in KIND_NAMES)
