"""A token as numbers: in the order of its text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.place import place_of, token_of
from ingest.events import Position

POSITIONS = st.builds(
    Position,
    st.just("bank"),
    st.integers(0, 0xFFFF),
    st.booleans(),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**24 - 1),
)


@given(POSITIONS, POSITIONS)
def test_places_compare_as_tokens_do(a: Position, b: Position) -> None:
    """Every field, to its largest value."""
    assert (place_of(a.token) < place_of(b.token)) == (a.token < b.token)


@given(POSITIONS)
def test_a_token_is_made_again_of_its_place(position: Position) -> None:
    """To the letter."""
    assert token_of(place_of(position.token)) == position.token


def test_a_shorter_token_stands_before_what_begins_with_it() -> None:
    """And behind what is below it."""
    whole = Position("bank", 1, True, 1, 5).token
    assert place_of("bank/0001") <= place_of(whole) < place_of("bank/0002") < place_of("bank/ffff")


def test_the_source_may_hold_slashes() -> None:
    """The last one counts."""
    assert place_of("a/b/0001.1.00000001.0000000000000005.000000").source == "a/b"


@pytest.mark.parametrize("text", ["", "bank", "bank/xyz", f"bank/{'0' * 36}", "0001.1"])
def test_what_is_no_token_is_refused(text: str) -> None:
    """With the form that was expected."""
    with pytest.raises(ValueError, match="expected source/epoch"):
        place_of(text)
