"""A position's token as three whole numbers that compare as the token's text does: what compiled code reads.

Behind the source, `epoch.stream.file.offset.row` (see `ingest.events.Position`) is fixed-width hexadecimal: 13 digits
say in which log, 16 where in it, 6 which row there. A shorter token stands before all that begin with it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

DIGITS = 13 + 16 + 6


class Place(NamedTuple):
    """Where in a source's log; two places compare only if their sources are one."""

    source: str
    log: int
    offset: int
    row: int


@lru_cache(maxsize=1_024)  # a position is asked for when it is checked, written and closes what was before it
def place_of(token: str) -> Place:
    """Read a token.

    Raises:
        ValueError: the text is no token.
    """
    source, slash, at = token.rpartition("/")
    digits = at.replace(".", "").ljust(DIGITS, "0")
    try:
        if slash and len(digits) == DIGITS:
            return Place(source, int(digits[:13], 16), int(digits[13:29], 16), int(digits[29:], 16))
    except ValueError:
        pass  # said below, for both reasons
    raise ValueError(f"not a position: {token[:300]!r} (expected source/epoch.stream.file.offset.row, in hex)")


def token_of(place: Place) -> str:
    """The whole token of a place: what `Position.token` gives, where `place_of` was given that."""
    log = f"{place.log:013x}"
    return f"{place.source}/{log[:4]}.{log[4]}.{log[5:]}.{place.offset:016x}.{place.row:06x}"
