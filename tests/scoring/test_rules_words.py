"""Findings are worded as people write."""

from __future__ import annotations

import pytest

from scoring.rules import words
from scoring.rules.fields import length_ms

MINUTE_MS = 60_000


@pytest.mark.parametrize(
    ("age_ms", "said"),
    [
        (0, "just now"), (59_999, "less than a minute ago"), (MINUTE_MS, "1 minute ago"),
        (40 * MINUTE_MS, "40 minutes ago"),
        (119 * MINUTE_MS, "119 minutes ago"), (120 * MINUTE_MS, "2 hours ago"), (71 * 60 * MINUTE_MS, "71 hours ago"),
        (72 * 60 * MINUTE_MS, "3 days ago"),
    ],
)  # fmt: skip
def test_ages_have_their_unit(age_ms: int, said: str) -> None:
    """In the singular where it is one."""
    assert words.ago(age_ms) == said


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("1h", "1 hour"), ("24h", "24 hours"), ("1d", "24 hours"), ("3d", "3 days"), ("90m", "90 minutes"),
        ("30s", "30 seconds"),
    ],
)  # fmt: skip
def test_a_window_is_said_as_it_is_written(written: str, said: str) -> None:
    """A day of it as hours: a calendar's day it is not."""
    assert words.span(length_ms(written)) == said


@pytest.mark.parametrize(
    ("number", "noun", "said"),
    [
        (1, "account", "1 account"), (2, "account", "2 accounts"), (2, "company", "2 companies"), (3, "key", "3 keys"),
        (2, "address", "2 addresses"), (1200, "other IP", "1,200 other IPs"), (0, "login", "0 logins"),
    ],
)  # fmt: skip
def test_numbers_bring_their_plural(number: int, noun: str, said: str) -> None:
    """By the noun's ending."""
    assert words.counted(number, noun) == said


def test_names_are_short() -> None:
    """A hash keeps its ends, an address is whole, a key without an id is its label."""
    assert words.node("Contact:" + "ab" * 32) == "contact ababababa…babab"
    assert words.node("IP:255.255.255.255") == "IP 255.255.255.255"
    assert words.node("Account:a:17") == "account a:17"
    assert words.node("Account:") == "account"


def test_money_names_a_currency_only_where_all_agree() -> None:
    """A sum of two currencies has none."""
    assert words.money(1_234_567, ["CZK", "CZK"]) == "12,345.67 CZK"
    assert words.money(5, ["CZK", "EUR"]) == words.money(5, ["CZK", None]) == words.money(5) == "0.05"


def test_lists_end_in_and() -> None:
    """One, two, three."""
    assert [words.listing("abc"[:n]) for n in (1, 2, 3)] == ["a", "a and b", "a, b and c"]
