"""Each shipped rule fires on what it is for, stays silent on an ordinary day, and says why in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from graph.model import Subgraph
from scoring.rules import SHIPPED, Finding, Names, demanded, findings, read, shipped, total

Build = Callable[..., Subgraph]
PAID = {"amount": 10_000}

TELLING: dict[str, tuple[tuple[Any, ...], str]] = {
    "velocity": (
        ("TRANSFER", "Account:A", "Account:B", [("TRANSFER", "Account:A", f"Account:{n}", 0.5) for n in range(9)]),
        "10 transfers from account A within 1 hour",
    ),
    "shared_device": (
        ("LOGIN", "User:a", "Device:d", [
            *(("LOGIN", f"User:{n}", "Device:d", n + 1) for n in range(4)),
            ("MODIFY", "User:0", "Contact:x", 2, True), ("LOGIN", "User:1", "Device:e", 3, True),
        ]),
        "device d was used by 4 other users within 24 hours, 2 of them reported",
    ),
    "takeover": (
        ("TRANSFER", "Account:A", "Account:B", [
            ("OWNS", "User:u", "Account:A", 900), ("LOGIN", "User:u", "Device:old", 200),
            ("LOGIN", "User:u", "Device:new", 5), ("MODIFY", "User:u", "Contact:p", 1),
        ]),
        "user u logged in on device new for the first time 5 hours ago, then changed the contact to contact p "
        "60 minutes ago, and now sends money to account B",
    ),
    "fan_in_fan_out": (
        ("TRANSFER", "Account:A", "Account:B",
         [("TRANSFER", f"Account:{n}", "Account:A", n + 1, None, PAID) for n in range(5)], {"amount": 45_000}),
        "5 accounts sent 500.00 to account A within 12 hours, and 450.00 leaves it again",
    ),
    "gathering": (
        ("TRANSFER", "Account:A", "Account:B", [("TRANSFER", f"Account:{n}", "Account:B", n + 1) for n in range(6)]),
        "7 accounts pay account B for the first time within 24 hours",
    ),
    "reported_neighbour": (
        ("TRANSFER", "Account:A", "Account:B", [("TRANSFER", "Account:C", "Account:B", 72, True)]),
        "1 reported event of account B, the newest 3 days ago",
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


def test_all_are_silent_on_an_ordinary_day(build: Build) -> None:
    """A couple with a tablet, a payee paid before, wages."""
    assert findings(build(*ORDINARY)) == ()


def test_every_rule_has_a_telling_case() -> None:
    """A rule nobody tests is a rule nobody trusts."""
    assert set(TELLING) == {rule.name for rule in shipped().rules}


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
    theirs = read(SHIPPED).called(Names(transfer="PAYS", amount="sum")).rules
    assert findings(subgraph, theirs)[0].rule == "fan_in_fan_out"


@pytest.mark.parametrize("odd", ["x", None, float("nan"), float("inf")])
def test_a_missing_or_odd_amount_is_none(build: Build, odd: object) -> None:
    """A text where a number should be stops nothing."""
    rows = [("TRANSFER", f"Account:{n}", "Account:A", 1, None, {"amount": odd}) for n in range(5)]
    assert by_name(build("TRANSFER", "Account:A", "Account:B", rows, {"amount": None}))["fan_in_fan_out"]


def test_a_takeover_names_the_device_the_contact_and_the_money(build: Build) -> None:
    """What was changed, by the row's own word; a hash is cut as on the page."""
    hashed = "Contact:" + "0123456789abcdef" * 4
    rows = [
        ("OWNS", "User:7", "Account:A", 900), ("LOGIN", "User:7", "Device:1", 200), ("LOGIN", "User:7", "Device:2", 5),
        ("MODIFY", "User:7", hashed, 0.5, None, {"field": "phone"}),
    ]  # fmt: skip
    paid = {"amount": 98_700, "currency": "CZK"}
    assert by_name(build("TRANSFER", "Account:A", "Account:9", rows, paid))["takeover"].sentence == (
        "user 7 logged in on device 2 for the first time 5 hours ago, then changed the phone to contact "
        "012345678…bcdef 30 minutes ago, and now sends 987.00 CZK to account 9"
    )


def test_the_change_itself_is_a_takeover_half_done(build: Build) -> None:
    """Its strength lies between a new device alone and the whole."""
    device = [("LOGIN", "User:u", "Device:old", 200), ("LOGIN", "User:u", "Device:new", 5)]
    owned = ("OWNS", "User:u", "Account:A", 900)
    changed = by_name(build("MODIFY", "User:u", "Contact:p", device))["takeover"]
    alone = by_name(build("TRANSFER", "Account:A", "Account:B", [*device, owned]))["takeover"]
    assert (alone.strength, changed.strength) == (pytest.approx(0.3), pytest.approx(0.6))
    assert changed.sentence.endswith("then changed the contact to contact p just now")
    assert by_name(build("LOGIN", "User:u", "Device:new", device)).keys() == set()


def test_no_shipped_rule_is_an_alert_by_itself(build: Build) -> None:
    """A bank says so of its own."""
    assert shipped().demanding is None
    assert demanded(findings(build(*TELLING["takeover"][0]))) is None


def test_the_strongest_rule_that_may_asks_for_the_alert() -> None:
    """However strong those are that may not; of two as strong the first by name."""
    found = [Finding("loud", 0.9, ""), Finding("b", 0.5, "", True), Finding("weak", 0.1, "", True)]
    assert demanded(found) == "b"
    assert demanded([*found, Finding("a", 0.5, "", True)]) == "a"
    assert demanded(found[:1]) is None
