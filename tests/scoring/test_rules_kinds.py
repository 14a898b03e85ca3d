"""Each kind of rule, and what its fields do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rulefiles import FAN, GATHERING, REPORTED, SHARED, TAKEOVER, VELOCITY, rules_of

from graph.model import Subgraph
from scoring.rules import Finding

Build = Callable[..., Subgraph]
Row = tuple[Any, ...]


@pytest.fixture
def ask(build: Build, tmp_path: Path) -> Callable[..., list[Finding]]:
    """What a rules file finds in a made-up neighbourhood of a transfer from A to B, or of another event."""

    def asked(text: str, rows: list[Row], event: Row = ("TRANSFER", "Account:A", "Account:B")) -> list[Finding]:
        subgraph = build(*event[:3], rows, *event[3:])
        return list(rules_of(tmp_path, text).findings(subgraph))

    return asked


Ask = Callable[..., list[Finding]]


def paid(number: int, hours: float = 0.5, amount: int = 10_000) -> list[Row]:
    """So many transfers of A's."""
    return [("TRANSFER", "Account:A", f"Account:{n}", hours + n / 100, None, {"amount": amount}) for n in range(number)]


# -- velocity


def test_velocity_counts_the_event_too(ask: Ask) -> None:
    """Two before it and itself are three."""
    (found,) = ask(VELOCITY, paid(2))
    assert (found.strength, found.sentence) == (0.4, "3 transfers of account A within 1 hour")
    assert ask(VELOCITY, paid(1)) == []


def test_velocity_counts_no_more_than_its_window(ask: Ask) -> None:
    """An hour and a bit is no hour."""
    assert ask(VELOCITY, paid(5, hours=1.01)) == []


def test_velocity_rises_evenly_to_full(ask: Ask) -> None:
    """One step of four at three, two at four, all at six."""
    strengths = [ask(VELOCITY + "full = 6\n", paid(number))[0].strength for number in (2, 3, 5, 8)]
    assert strengths == pytest.approx([0.1, 0.2, 0.4, 0.4])


def test_velocity_of_the_target_counts_what_comes_in(ask: Ask) -> None:
    """The event included."""
    rows = [("TRANSFER", f"Account:{n}", "Account:B", 0.5) for n in range(2)]
    assert ask(VELOCITY + 'of = "target"\n', rows)[0].sentence == "3 transfers of account B within 1 hour"
    assert ask(VELOCITY, rows) == []


def test_velocity_of_another_relation_does_not_count_the_event(ask: Ask) -> None:
    """Logins of the owner before a transfer."""
    rows = [("OWNS", "User:u", "Account:A", 99), *(("LOGIN", "User:u", "Device:d", n / 10) for n in range(1, 4))]
    text = VELOCITY + 'of = "user"\nrelation = "login"\non = "transfer"\n'
    assert ask(text, rows)[0].sentence == "3 logins of user u within 1 hour"
    assert ask(text, rows[:-1]) == []


def test_velocity_adds_up_minor_units(ask: Ask) -> None:
    """100.00 three times and 50.00 are 350.00."""
    text = VELOCITY.replace("at_least = 3", 'at_least = 35_000\nmeasure = "sum"')
    event = ("TRANSFER", "Account:A", "Account:B", {"amount": 5_000})
    assert ask(text, paid(3), event)[0].sentence == "4 transfers of account A come to 350.00 within 1 hour"
    assert ask(text, paid(2), event) == []


def test_velocity_may_ask_for_more_than_is_usual(ask: Ask) -> None:
    """Ten transfers in ten hours are one an hour: three are three times that; who has no past has nothing usual."""
    text = VELOCITY + "times_usual = 3\n"
    past = [("TRANSFER", "Account:A", f"Account:{n}", 1.1 + n * 9.9 / 9) for n in range(10)]
    assert len(ask(text, paid(2) + past)) == 1
    assert ask(text.replace("times_usual = 3", "times_usual = 4"), paid(2) + past) == []
    assert ask(text, paid(2)) == []


# -- shared


def logins(number: int, hours: float = 1) -> list[Row]:
    """So many other users on the device."""
    return [("LOGIN", f"User:{n}", "Device:d", hours) for n in range(number)]


LOGIN = ("LOGIN", "User:u", "Device:d")


def test_shared_counts_others(ask: Ask) -> None:
    """Two are enough, one is a family."""
    assert ask(SHARED, logins(2), LOGIN)[0].sentence == "device d was used by 2 other users within 24 hours"
    assert ask(SHARED, logins(1), LOGIN) == []


def test_shared_looks_no_further_back_than_its_window(ask: Ask) -> None:
    """Yesterday's users are others' business."""
    assert ask(SHARED, logins(5, hours=25), LOGIN) == []


def test_one_reported_other_is_enough(ask: Ask) -> None:
    """With the singular right."""
    rows = [*logins(1), ("MODIFY", "User:0", "Contact:x", 2, True)]
    assert ask(SHARED, rows, LOGIN)[0].sentence == (
        "device d was used by 1 other user within 24 hours, who was reported"
    )


def test_shared_finds_the_device_of_a_transfer_s_owner(ask: Ask) -> None:
    """Two hops away."""
    rows = [("OWNS", "User:u", "Account:A", 99), ("LOGIN", "User:u", "Device:d", 1), *logins(3)]
    assert "3 other users" in ask(SHARED, rows)[0].sentence
    assert ask(SHARED, rows[1:]) == []


def test_an_address_is_shared_by_devices(ask: Ask) -> None:
    """The same rule on another relation; IP stays in capitals."""
    text = SHARED.replace('"login"', '"connect"')
    rows = [("CONNECT", f"Device:{n}", "IP:1.2.3.4", 2) for n in "dxyz"]
    assert ask(text, rows, LOGIN)[0].sentence == "IP 1.2.3.4 was used by 3 other devices within 24 hours"


# -- sequence

OWNED = ("OWNS", "User:u", "Account:A", 900)
KNOWN = ("LOGIN", "User:u", "Device:old", 200)
PAYS = ("TRANSFER", "Account:A", "Account:B", {"amount": 60_000})


def takeover(login: float, change: float) -> list[Row]:
    """A new device and a changed contact so many hours before."""
    return [OWNED, KNOWN, ("LOGIN", "User:u", "Device:new", login), ("MODIFY", "User:u", "Contact:c", change)]


def test_a_sequence_fires_when_its_last_step_happens(ask: Ask) -> None:
    """All three in order, in time."""
    (found,) = ask(TAKEOVER, takeover(3, 2), PAYS)
    assert found.strength == pytest.approx(0.9)
    assert found.sentence == (
        "login from user u to device new, never seen there before, 3 hours ago, change from user u to contact c "
        "2 hours ago, transfer from account A to account B just now"
    )


@pytest.mark.parametrize(("login", "change"), [(4.1, 2), (2, 3), (26, 25)])
def test_steps_out_of_time_or_order_are_none(ask: Ask, login: float, change: float) -> None:
    """The change too long after the login, before it, or too long ago."""
    assert all(found.strength < 0.9 for found in ask(TAKEOVER, takeover(login, change), PAYS))


def test_a_sequence_that_began_has_its_step_s_strength(ask: Ask) -> None:
    """A new device an hour ago, and nothing behind it; two hours on, that is allowed no longer."""
    assert ask(TAKEOVER, takeover(1, 99)[:3], PAYS)[0].strength == pytest.approx(0.2)
    assert ask(TAKEOVER, takeover(2.5, 99)[:3], PAYS) == []


def test_a_device_used_before_is_not_new(ask: Ask) -> None:
    """Nor is the only one a user ever had."""
    before = ("LOGIN", "User:u", "Device:new", 300)
    assert ask(TAKEOVER, [*takeover(3, 2), before], PAYS) == []
    rows = takeover(3, 2)
    assert ask(TAKEOVER, [rows[0], *rows[2:]], PAYS) == []


def test_a_small_amount_is_not_the_step(ask: Ask) -> None:
    """From 500.00 on."""
    small = ("TRANSFER", "Account:A", "Account:B", {"amount": 49_999})
    assert all(found.strength < 0.9 for found in ask(TAKEOVER, takeover(1.9, 0.5), small))


def test_each_owner_of_an_account_may_be_the_one(ask: Ask) -> None:
    """A couple's account: the one whose device is new."""
    rows = [("OWNS", "User:a", "Account:A", 900), *takeover(3, 2)]
    assert "user u" in ask(TAKEOVER, rows, PAYS)[0].sentence


def test_steps_may_come_in(ask: Ask) -> None:
    """Money comes to an account and leaves within the hour."""
    text = (
        '[[rule]]\nname = "p"\nkind = "sequence"\nstrength = 0.5\n[[rule.step]]\nrelation = "transfer"\nway = "in"\n'
        'within = "1h"\nsays = "{end} paid {node}"\n[[rule.step]]\nrelation = "transfer"\nsays = "which pays {end}"\n'
    )
    rows = [("TRANSFER", "Account:X", "Account:A", 0.5)]
    assert ask(text, rows)[0].sentence == "account X paid account A, which pays account B"
    assert ask(text, [("TRANSFER", "Account:X", "Account:A", 1.5)]) == []


# -- fan, gathering, reported


def came(number: int, hours: float = 2) -> list[Row]:
    """So many accounts pay A 100.00 each."""
    return [("TRANSFER", f"Account:{n}", "Account:A", hours, None, {"amount": 10_000}) for n in range(number)]


@pytest.mark.parametrize(("senders", "amount", "fires"), [(2, 10_000, True), (2, 9_999, False), (1, 10_000, False)])
def test_a_fan_needs_senders_and_half_of_it_leaving(ask: Ask, senders: int, amount: int, fires: bool) -> None:
    """Of 200.00, 100.00 are half."""
    found = ask(FAN, came(senders), ("TRANSFER", "Account:A", "Account:B", {"amount": amount}))
    assert bool(found) is fires


def test_a_fan_counts_what_left_before(ask: Ask) -> None:
    """By parts."""
    rows = [*came(2), ("TRANSFER", "Account:A", "Account:C", 1, None, {"amount": 7_500})]
    event = ("TRANSFER", "Account:A", "Account:B", {"amount": 2_500})
    assert ask(FAN, rows, event)[0].sentence.endswith("and 100.00 leaves it again")
    assert ask(FAN + "share = 0.6\n", rows, event) == []


def gathers(number: int, hours: float) -> list[Row]:
    """So many accounts pay B."""
    return [("TRANSFER", f"Account:{n}", "Account:B", hours) for n in range(number)]


def test_gathering_needs_new_senders(ask: Ask) -> None:
    """Two and the event's own; those who paid before are no news, and three of them make a known payee."""
    assert ask(GATHERING, gathers(2, 3))[0].sentence == "3 accounts pay account B for the first time within 24 hours"
    assert ask(GATHERING, gathers(1, 3)) == []
    assert ask(GATHERING, gathers(2, 3) + gathers(2, 48)) == []
    old = [("TRANSFER", f"Account:o{n}", "Account:B", 99) for n in range(3)]
    assert ask(GATHERING, gathers(5, 3) + old[:2]) and not ask(GATHERING, gathers(5, 3) + old)


def frauds(number: int, hours: float = 48) -> list[Row]:
    """So many transfers to B known to be fraud."""
    return [("TRANSFER", f"Account:{n}", "Account:B", hours, True) for n in range(number)]


def test_reported_halves_the_doubt_with_each(ask: Ask) -> None:
    """0.8 times a half, three quarters."""
    assert [ask(REPORTED, frauds(number))[0].strength for number in (1, 2)] == pytest.approx([0.4, 0.6])
    assert ask(REPORTED, frauds(2))[0].sentence == "2 reported events of account B, the newest 48 hours ago"


def test_reported_may_ask_for_several_and_lately(ask: Ask) -> None:
    """Two within a day."""
    text = REPORTED + 'at_least = 2\nwithin = "24h"\n'
    assert ask(text, frauds(2, 12))
    assert not ask(text, frauds(1, 12)) and not ask(text, frauds(2, 25))


def test_what_was_cleared_is_no_report(ask: Ask) -> None:
    """Known not to be fraud."""
    assert ask(REPORTED, [("TRANSFER", "Account:C", "Account:B", 48, False)]) == []


# -- all kinds


def test_a_rule_is_asked_only_of_the_events_it_is_on(ask: Ask) -> None:
    """By the bank's name or by the word."""
    assert ask(VELOCITY + 'on = ["login"]\n', paid(4)) == []
    assert ask(VELOCITY + 'on = ["TRANSFER", "login"]\n', paid(4))


def test_a_relation_of_the_bank_s_own_is_worded(ask: Ask) -> None:
    """No word stands for it."""
    rows = [("CARD_PAYMENT", "Card:1", f"Shop:{n}", 0.2) for n in range(3)]
    assert ask(VELOCITY, rows, ("CARD_PAYMENT", "Card:1", "Shop:9"))[0].sentence == (
        "4 card payment events of card 1 within 1 hour"
    )
