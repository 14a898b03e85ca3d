"""One column at a time: exact numbers, times, identifiers, contacts; what does not fit is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from graph.columns import CENTURY_MS, column, hashed, identifier, key_text, time_ms, typed
from ingest.events import Reject

SECRET = b"0123456789abcdef"
ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.from_regex(r"[-+]?[0-9_. ]{0,9}([eE][-+]?[0-9]{1,12})?", fullmatch=True),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=3,
)


def outcome(read: Callable[[], Any]) -> Any:
    """What was read, or why it was refused."""
    try:
        return read()
    except Reject as reason:
        return reason


@given(st.integers(-(10**16), 10**16), st.integers(0, 2))
def test_decimals_are_exact(cents: int, zeros: int) -> None:
    """Text in, minor units out; trailing zeros change nothing."""
    sign, units = ("-" if cents < 0 else ""), abs(cents)
    assert typed(f"{sign}{units // 100}.{units % 100:02}{'0' * zeros}", "decimal", 2, "amount") == cents


@pytest.mark.parametrize(
    ("value", "read"), [("0.1", 10), (0.29, 29), (7, 700), ("1E+2", 10_000), ("-0.00", 0), ("0E-9", 0)]
)
def test_a_decimal_may_be_written_in_many_ways(value: Any, read: int) -> None:
    """A JSON number is taken by its shortest text."""
    assert typed(value, "decimal", 2, "amount") == read


@pytest.mark.parametrize(
    "value",
    [
        "1.005",
        "1." + "0" * 40 + "1",
        "1E-30",
        "NaN",
        "sNaN",
        "Infinity",
        "-inf",
        "",
        "x",
        "1 2",
        True,
        [],
        {},
        "9" * 19,
        "1E+3000000",
        "1E-3000000",
        "1E+999999999999",
        "0E+3000000",
        "9" * 1_000_000,
        "AfQ=",
        10**4_000,
        "\ud800",
    ],
)
def test_what_is_no_exact_amount_is_refused_at_once(value: Any) -> None:
    """Ten characters of exponent must not cost minutes, nor a tail beyond the scale be rounded away."""
    with pytest.raises(Reject, match=r"column 'amount' holds .*, expected decimal: [^<]+$"):
        typed(value, "decimal", 2, "amount")


@settings(max_examples=300, deadline=None)
@given(ANY, st.sampled_from(["integer", "decimal", "number", "text", "bool"]), st.integers(0, 9))
def test_any_value_is_read_as_its_kind_or_refused(value: Any, kind: str, scale: int) -> None:
    """Never another exception, and what is read fits the graph."""
    read = outcome(lambda: typed(value, kind, scale, "c"))
    if isinstance(read, Reject):
        assert "column 'c' holds" in str(read) and len(str(read)) < 300
        return
    kinds = {"integer": int, "decimal": int, "number": float, "text": str, "bool": bool}
    assert read is None if value is None else isinstance(read, kinds[kind])
    assert not isinstance(read, int) or -(2**63) <= read < 2**63


@settings(max_examples=300, deadline=None)
@given(ANY, st.sampled_from(["ms", "us", "s", "days", "iso", "yymmdd"]))
def test_any_value_is_a_time_or_refused(value: Any, unit: str) -> None:
    """Within a century of 1970."""
    read = outcome(lambda: time_ms(value, unit, "at"))
    refused = isinstance(read, Reject) and "column 'at'" in str(read) and len(str(read)) < 300
    assert refused or abs(read) <= CENTURY_MS


@settings(max_examples=200, deadline=None)
@given(ANY)
def test_any_value_is_an_identifier_or_refused(value: Any) -> None:
    """1 to 256 characters of text or a whole number."""
    read = outcome(lambda: identifier(value, "id"))
    refused = isinstance(read, Reject) and "column 'id'" in str(read) and len(str(read)) < 300
    assert refused or 1 <= len(read) <= 256


@pytest.mark.parametrize(
    ("value", "unit", "ms"),
    [
        (1_700_000_000_123, "ms", 1_700_000_000_123),
        (1_700_000_000_123_999, "us", 1_700_000_000_123),
        (1_700_000_000, "s", 1_700_000_000_000),
        (1, "days", 86_400_000),
        (930_101, "yymmdd", 725_846_400_000),
        ("930101", "yymmdd", 725_846_400_000),
        ("2023-11-14T22:13:20.123Z", "iso", 1_700_000_000_123),
        ("2023-11-14 23:13:20.123+01:00", "iso", 1_700_000_000_123),
        ("2023-11-14 22:13:20", "iso", 1_700_000_000_000),
    ],
)
def test_times_come_in_several_units(value: Any, unit: str, ms: int) -> None:
    """Without a zone it is UTC."""
    assert time_ms(value, unit, "at") == ms


@given(st.integers(0, 10**12))
def test_milliseconds_in_text_are_exact(ms: int) -> None:
    """No float stands between."""
    text = f"{datetime.fromtimestamp(ms // 1000, UTC):%Y-%m-%dT%H:%M:%S}"
    assert time_ms(f"{text}.{ms % 1000:03}", "iso", "at") == ms


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        (None, "ms"),
        (True, "ms"),
        (1.5, "ms"),
        ([], "ms"),
        ("x", "ms"),
        (1_700_000_000_123, "s"),
        (10**30, "ms"),
        ("930101x", "yymmdd"),
        (9_301_015, "yymmdd"),
        (931_301, "yymmdd"),
        ("2023-13-01", "iso"),
        ({}, "iso"),
        ("9" * 5_000, "ms"),
    ],
)
def test_what_is_no_time_is_refused(value: Any, unit: str) -> None:
    """A unit mistake lies a century off."""
    with pytest.raises(Reject, match="column 'at'"):
        time_ms(value, unit, "at")


CELLS = st.lists(st.text(alphabet="a:|%3A25C7\u00e9", min_size=1, max_size=6), min_size=2, max_size=2)


@given(CELLS, CELLS)
@example(["a|b", "c"], ["a", "b|c"])
@example(["a%7Cb", "c"], ["a|b", "c"])
def test_two_keys_never_read_the_same(one: list[str], other: list[str]) -> None:
    """Colons, bars and percent signs in text keys are escaped."""
    assert (key_text(one) == key_text(other)) == (one == other)
    assert ":" not in key_text(one)


@pytest.mark.parametrize(
    ("kind", "spellings"),
    [
        ("phone", ["+49 170 1234567", "0049 (170) 123-4567", "+491701234567", "\uff0b\uff14\uff19 170 1234567"]),
        ("email", ["Anna.Maier@Example.org", " anna.maier@example.ORG "]),
        ("address", ["Hauptstra\u00dfe 1,  Bonn", "hauptstrasse 1, bonn", "HAUPTSTRASSE 1, BONN"]),
        ("address", ["Caf\u00e9 1", "Cafe\u0301 1"]),
    ],
)
def test_spellings_of_one_contact_meet(kind: str, spellings: list[str]) -> None:
    """Also those that only look the same."""
    assert len({hashed(text, kind, SECRET) for text in spellings}) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("123", "phone"), ("123", "text")),
        (("123", "phone"), ("124", "phone")),
        (("1701234", "phone"), ("+1701234", "phone")),
    ],
)
def test_kinds_and_numbers_differ(one: tuple[str, str], other: tuple[str, str]) -> None:
    """A phone that reads like an address is not that address."""
    assert hashed(*one, SECRET) != hashed(*other, SECRET)


def test_the_key_decides() -> None:
    """Without it nobody can try all phone numbers."""
    assert hashed("+49170", "phone", SECRET) != hashed("+49170", "phone", b"another key here")


@pytest.mark.parametrize(
    ("text", "kind"), [("n/a", "phone"), ("-", "phone"), ("+", "phone"), ("00", "phone"), ("   ", "email")]
)
def test_no_contact_joins_nobody(text: str, kind: str) -> None:
    """Hashed, everybody's "n/a" would be one node."""
    assert hashed(text, kind, SECRET) is None


def test_decimals_are_what_decimal_says() -> None:
    """Against the library's own arithmetic."""
    for text in ("12.3", "0.01", "-99999999999.99", "1e3"):
        assert typed(text, "decimal", 2, "a") == int(Decimal(text) * 100)


def test_a_missing_column_of_a_very_wide_row_makes_no_very_long_reason() -> None:
    """It names some of what is there, and how much there is."""
    with pytest.raises(Reject, match=r"column 'id' is missing.*c0, .*100000 in all") as refused:
        column({f"c{n}": n for n in range(100_000)}, "id")
    assert len(str(refused.value)) < 1_000
