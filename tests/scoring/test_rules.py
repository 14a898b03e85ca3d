"""Each rule fires on what it is for, stays silent on an ordinary day, and says why in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from graph.model import Subgraph
from scoring.rules import RULES, Finding, Names, View, findings, total

Build = Callable[..., Subgraph]
PAID = {"amount": 10_000}

TELLING: dict[str, tuple[tuple[Any, ...], str]] = {
    "velocity": (
        ("TRANSFER", "Account:A", "Account:B", [("TRANSFER", "Account:A", f"Account:{n}", 0.5) for n in range(9)]),
        "10 transfer events from this account in 1 h",
    ),
    "shared_device": (
        ("LOGIN", "User:a", "Device:d", [
            *(("LOGIN", f"User:{n}", "Device:d", n + 1) for n in range(4)),
            ("MODIFY", "User:0", "Contact:x", 2, True), ("LOGIN", "User:1", "Device:e", 3, True),
        ]),
        "this device was used by 4 other users in 24 h, 2 of them reported",
    ),
    "takeover": (
        ("TRANSFER", "Account:A", "Account:B", [
            ("OWNS", "User:u", "Account:A", 900), ("LOGIN", "User:u", "Device:old", 200),
            ("LOGIN", "User:u", "Device:new", 5), ("MODIFY", "User:u", "Contact:p", 1),
        ]),
        "a device new to this user logged in 5 h ago, a contact was changed 60 min ago, and now money leaves",
    ),
    "fan_in_fan_out": (
        ("TRANSFER", "Account:A", "Account:B",
         [("TRANSFER", f"Account:{n}", "Account:A", n + 1, None, PAID) for n in range(5)], {"amount": 45_000}),
        "5 accounts sent 500.00 to this account in 12 h, and 450.00 leaves it again",
    ),
    "gathering": (
        ("TRANSFER", "Account:A", "Account:B", [("TRANSFER", f"Account:{n}", "Account:B", n + 1) for n in range(6)]),
        "7 accounts pay this one for the first time in 24 h",
    ),
    "reported_neighbour": (
        ("TRANSFER", "Account:A", "Account:B", [("TRANSFER", "Account:C", "Account:B", 72, True)]),
        "1 reported event of the same accounts, device or user, the newest 3 days ago",
    ),
}  # fmt: skip

ORDINARY = (
    "TRANSFER", "Account:A", "Account:B",
    [
        ("OWNS", "User:u", "Account:A", 9_000), ("OWNS", "User:v", "Account:A", 8_000),
        ("LOGIN", "User:u", "Device:phone", 0.2), ("LOGIN", "User:u", "Device:tablet", 300),
        ("LOGIN", "User:v", "Device:tablet", 20), ("LOGIN", "User:u", "Device:phone", 800),
        ("TRANSFER", "Account:A", "Account:B", 700, None, PAID),
        ("TRANSFER", "Account:E", "Account:A", 400, False, PAID),
        ("MODIFY", "User:u", "Contact:p", 4_000), ("TRANSFER", "Account:A", "Account:S", 8, None, PAID),
    ],
    PAID,
)  # fmt: skip


def by_name(subgraph: Subgraph) -> dict[str, Finding]:
    """Findings by their rule."""
    return {finding.rule: finding for finding in findings(subgraph)}


@pytest.mark.parametrize("rule", TELLING)
def test_it_fires_and_says_why(rule: str, build: Build) -> None:
    """The sentence is the one an analyst reads."""
    spec, sentence = TELLING[rule]
    found = by_name(build(*spec))
    assert found[rule].sentence == sentence
    assert 0 < found[rule].strength <= 1


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_it_is_silent_on_an_ordinary_day(rule: Callable[[View], Finding | None], build: Build) -> None:
    """A couple with a tablet, a payee paid before, wages."""
    assert rule(View(build(*ORDINARY), Names())) is None


def test_every_rule_has_a_telling_case() -> None:
    """A rule nobody tests is a rule nobody trusts."""
    assert set(TELLING) == {rule.__name__ for rule in RULES}


def test_an_event_without_a_neighbourhood_scores_nought(build: Build) -> None:
    """Nothing known, nothing found."""
    for relation, src, dst in (("TRANSFER", "Account:1", "Account:2"), ("LOGIN", "User:1", "Device:1")):
        assert total(findings(build(relation, src, dst, []))) == 0.0


def test_the_total_lies_between_the_strongest_finding_and_one() -> None:
    """Noisy or: 1 - 0.5 * 0.4."""
    found = [Finding("a", 0.5, ""), Finding("b", 0.6, "")]
    assert total(found) == pytest.approx(0.8)
    assert total([]) == 0.0


def test_findings_come_strongest_first(build: Build) -> None:
    """The first sentence is the one that matters."""
    rows = [*TELLING["takeover"][0][3], *TELLING["reported_neighbour"][0][3]]
    strengths = [f.strength for f in findings(build("TRANSFER", "Account:A", "Account:B", rows))]
    assert len(strengths) == 2
    assert strengths == sorted(strengths, reverse=True)


def test_a_shop_is_busy_not_suspicious(build: Build) -> None:
    """A read that is full of today's customers, one of them reported, says nothing."""
    rows = [("TRANSFER", f"Account:{n}", "Account:shop", n / 10 + 0.1, n == 3 or None) for n in range(16)]
    assert findings(build("TRANSFER", "Account:A", "Account:shop", rows)) == ()


def test_an_employer_on_payday_is_busy_not_suspicious(build: Build) -> None:
    """Sixteen payments within minutes fill the view."""
    rows = [("TRANSFER", "Account:firm", f"Account:{n}", 0.01 * (n + 1)) for n in range(16)]
    assert findings(build("TRANSFER", "Account:firm", "Account:B", rows)) == ()


def test_another_bank_names_its_relations(build: Build) -> None:
    """Rules take the names, they don't know them."""
    subgraph = build("PAYS", "Acct:A", "Acct:B", [("PAYS", f"Acct:{n}", "Acct:A", n + 1, None, {"sum": 10_000})
                                                   for n in range(5)], {"sum": 45_000})  # fmt: skip
    assert findings(subgraph) == ()
    assert findings(subgraph, Names(transfer="PAYS", amount="sum"))[0].rule == "fan_in_fan_out"


def test_a_missing_or_odd_amount_is_none(build: Build) -> None:
    """A text where a number should be stops nothing."""
    rows = [("TRANSFER", f"Account:{n}", "Account:A", 1, None, {"amount": "x"}) for n in range(5)]
    assert by_name(build("TRANSFER", "Account:A", "Account:B", rows, {"amount": None}))["fan_in_fan_out"]
