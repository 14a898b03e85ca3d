"""Short records of bytes in one array: each is a number of 31 bits, and takes its own length, a byte and up to three.

What is given back is used again by records of the same size. Compiled code puts and reads them too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit

from graph.adjacency_arrays import NONE, Array, aligned, wider

UNIT = 4  # bytes that sizes are multiples of
EXACT = 64  # units up to which each size has a list of its own; above it powers of two
LONG = 255  # in the first byte: the length stands in the four behind it
USED = 0  # of the state: units in use so far. Behind it the first free record of each size, chained by their first unit
SIZES = 1 + EXACT + 32


@njit(cache=True)
def _size(length):  # type: ignore[no-untyped-def]
    """Units a record of so many bytes takes, and the list it goes back to."""
    units = (length + (1 if length < LONG else 5) + UNIT - 1) // UNIT
    if units <= EXACT:
        return units, units
    power = 7
    while 1 << power < units:
        power += 1
    return 1 << power, EXACT + power


@njit(cache=True)
def put_record(units, state, given, begin, end):  # type: ignore[no-untyped-def]
    """Put `given[begin:end]` where there is room for it; its number. The array must have room for one more."""
    length = end - begin
    size, kept = _size(length)
    number = state[kept]
    if number >= 0:
        state[kept] = units[number]
    else:
        number = state[USED]
        state[USED] = number + size
    text = units[number : number + size].view(np.uint8)
    at = 1
    if length < LONG:
        text[0] = length
    else:
        text[0], at = LONG, 5
        for byte in range(4):
            text[1 + byte] = length >> 8 * byte & 255
    for byte in range(length):
        text[at + byte] = given[begin + byte]
    return number


@njit(cache=True)
def span(text, number):  # type: ignore[no-untyped-def]
    """Where a record's bytes begin and end; `text` is the array as bytes."""
    at = np.int64(number) * UNIT
    length = np.int64(text[at])
    if length < LONG:
        return at + 1, at + 1 + length
    length = np.int64(0)
    for byte in range(4):
        length |= np.int64(text[at + 1 + byte]) << 8 * byte
    return at + 5, at + 5 + length


@njit(cache=True)
def free_record(units, state, number):  # type: ignore[no-untyped-def]
    """Give a record's room back."""
    begin, end = span(units.view(np.uint8), number)
    _, kept = _size(end - begin)
    units[number] = state[kept]
    state[kept] = number


@njit(cache=True)
def put_records(units, state, given, ends, out):  # type: ignore[no-untyped-def]
    """Put one record for each end in `given`, which begins where the one before it ended."""
    begin = 0
    for at in range(len(ends)):
        out[at] = put_record(units, state, given, begin, ends[at])
        begin = ends[at]


class Arena:
    """Records by number."""

    def __init__(self) -> None:
        """Empty."""
        self.units: Array = aligned(1 << 10, "i4")
        self.state: Array = np.full(SIZES, NONE, np.int64)
        self.state[USED] = 0

    @property
    def nbytes(self) -> int:
        """Bytes in use, those that were given back among them."""
        return UNIT * int(self.state[USED])

    def room(self, records: int, length: int) -> None:
        """Make sure that so many records of so many bytes together find room."""
        wanted = int(self.state[USED]) + 2 * records + length // UNIT * 2
        if wanted > len(self.units):
            self.units = wider(self.units, max(wanted, 2 * len(self.units)), "i4")

    def put(self, records: Sequence[bytes]) -> Array:
        """Keep them; their numbers [records]."""
        given = b"".join(records)
        self.room(len(records), len(given) + 5 * len(records))
        out, ends = np.empty(len(records), np.int32), np.cumsum([len(each) for each in records], dtype=np.int64)
        put_records(self.units, self.state, np.frombuffer(given, np.uint8), ends, out)
        return out

    def get(self, number: int) -> bytes:
        """A record's bytes."""
        view = memoryview(self.units).cast("B")  # type: ignore[arg-type]  # an array is a buffer
        at = UNIT * number
        length = view[at]
        if length == LONG:
            length, at = int.from_bytes(view[at + 1 : at + 5], "little"), at + 4
        return bytes(view[at + 1 : at + 1 + length])

    def free(self, number: int) -> None:
        """Let a record go."""
        free_record(self.units, self.state, number)
