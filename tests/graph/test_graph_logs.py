"""Positions as two numbers: read back to the letter, and in the order of their text."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.adjacency_rule import later
from graph.logs import Logs
from graph.place import place_of
from ingest.events import Position

POSITIONS = st.builds(
    Position, st.sampled_from(["bank", "b", "bank-copy"]), st.integers(0, 0xFFFF), st.booleans(),
    st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1) | st.integers(2**40 - 2, 2**40 + 2), st.integers(0, 2**24 - 1),
)  # fmt: skip


@given(st.lists(POSITIONS, max_size=10))
def test_a_whole_token_is_read_back(positions: list[Position]) -> None:
    """Every field to its largest value, again as at first."""
    logs, tokens = Logs(), [position.token for position in positions]
    for token in tokens + tokens:
        spot = logs.plain(token)
        assert spot is not None and logs.token(spot) == token


@settings(deadline=None)
@given(POSITIONS, POSITIONS)
def test_spots_stand_as_their_tokens_do(a: Position, b: Position) -> None:
    """Of one source and of several."""
    logs = Logs()
    one, other = logs.plain(a.token), logs.plain(b.token)
    assert one is not None and other is not None
    assert later(logs.rows, logs.ranks, *one, *other) == (a.token > b.token)


WHOLE = "bank/0001.1.00000001.0000000000000005.000000"


ODD = [
    "", "bank", "bank/0001", f"{WHOLE[:-1]}A", WHOLE[:-1], f"{WHOLE}0", f"{WHOLE[:-12]}_0005.000000",
    f"{WHOLE[:-3]} 00", f"{WHOLE[:-7]}0{WHOLE[-6:]}", f"{WHOLE[:-9]}+5.000000",
]  # fmt: skip


@pytest.mark.parametrize("text", ODD)
def test_what_would_not_be_read_back_is_not_plain(text: str) -> None:
    """Shorter tokens, other letters, what Python would read as a number all the same; before and behind a whole one."""
    logs = Logs()
    assert logs.plain(text) is None
    logs.plain(WHOLE)
    assert logs.plain(text) is None


@given(POSITIONS)
def test_an_event_stands_where_a_version_of_its_position_would(position: Position) -> None:
    """Its part of the log is known once a version of it has come; before that its source at the most."""
    logs = Logs()
    assert logs.cut(position.token) is None
    spot = logs.plain(position.token)
    cut = logs.cut(position.token)
    assert spot is not None and cut is not None
    assert cut[4] == spot.log and cut[3] == spot.at and np.array_equal(logs.rows[spot.log], cut[:3])


@pytest.mark.parametrize("text", [WHOLE, f"{WHOLE[:-1]}7", *ODD])
def test_a_position_is_cut_as_its_text_is_read(text: str) -> None:
    """Whether its part of the log was met as it stands here, in other letters, or cut short; no token is refused."""
    met, place = Logs(), None
    met.plain(WHOLE)
    with suppress(ValueError):
        place = place_of(text)
    if place is None:
        with pytest.raises(ValueError, match="not a position"):
            met.cut(text)
    else:
        found, spot = met.cut(text), Logs().spot(place)
        assert found is not None and (found[1], found[3]) == (place.log, spot.at)
