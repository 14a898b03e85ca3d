"""Positions: their order, their tokens, and what they are not compared with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.events import Position

POSITIONS = st.builds(
    Position,
    source=st.just("bank"),
    epoch=st.integers(0, 0xFFFF),
    stream=st.booleans(),
    file=st.integers(0, 0xFFFFFFFF),
    offset=st.integers(0, 2**63 - 1),
    row=st.integers(0, 0xFFFFFF),
)
NEAR = st.builds(
    Position,
    source=st.just("bank"),
    epoch=st.integers(0, 17),
    stream=st.booleans(),
    file=st.integers(0, 17),
    offset=st.integers(0, 300),
    row=st.integers(0, 17),
)


@given(st.tuples(POSITIONS, POSITIONS) | st.tuples(NEAR, NEAR))
def test_tokens_sort_as_positions_do(pair: tuple[Position, Position]) -> None:
    """For stores that compare text."""
    one, other = pair
    assert (one < other) == (one.token < other.token) and (one == other) == (one.token == other.token)


@given(POSITIONS, st.text(min_size=1, max_size=8).filter(lambda text: "\n" not in text))
def test_a_token_reads_back(position: Position, source: str) -> None:
    """Whatever the source is called, slashes and dots included."""
    position = Position(source, position.epoch, position.stream, position.file, position.offset, position.row)
    assert Position.parse(position.token) == position


@given(NEAR, NEAR)
def test_the_epoch_comes_first_then_the_snapshot_then_the_log(one: Position, other: Position) -> None:
    """A later epoch beats everything; in an epoch every snapshot row stands before every streamed row."""
    if one.epoch != other.epoch:
        assert (one < other) == (one.epoch < other.epoch)
    elif one.stream != other.stream:
        assert (one < other) == other.stream


def test_positions_of_two_sources_have_no_order() -> None:
    """Asking is a mistake, and said so."""
    with pytest.raises(ValueError, match="no order"):
        _ = Position("a", 1, True, 1, 1) < Position("b", 1, True, 1, 1)


@pytest.mark.parametrize(
    "text",
    [
        "", "bank", "bank/", "bank/0001.1.00000001.0000000000000001", "/0001.1.00000001.0000000000000001.000000",
        "bank/0001.2.00000001.0000000000000001.000000", "bank/-001.1.00000001.0000000000000001.000000",
        "bank/1.1.1.1.1", "bank/0001.1.00000001.0000000000000001.00000G",
        "bank/0X01.1.00000001.0000000000000001.000000",
    ],
)  # fmt: skip
def test_what_is_no_token_is_refused(text: str) -> None:
    """A token that sorts wrongly would pass for a place in the log."""
    with pytest.raises(ValueError, match="not a position"):
        Position.parse(text)
