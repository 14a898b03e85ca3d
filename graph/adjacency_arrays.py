"""The arrays behind an `Adjacency`, by what they are of: one named tuple each, as compiled code takes them.

Letters: V versions of edges, L versions of labels, P places, N nodes, O owners, S slots. A slot is the list of one
node's edges of one relation in one direction, oldest first; all slots lie in one pool of K cells. -1 is "none". What
else is asked of an edge stands in its line (graph/adjacency_lines.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
NONE = -1
CLASSES = 40  # a slot has room for 2**class cells
SMALLEST = 2  # and starts with room for 4
FETCHED = 64  # bytes that a processor fetches at once: a row of as many should not lie in two of them


class Places(NamedTuple):
    """[P] where something stands in a source's log, and when it was committed. -1 as source is a free place."""

    source: Array
    log: Array
    offset: Array
    row: Array
    known_ms: Array


class Versions(NamedTuple):
    """[V] edges. `place` is where the version was written, `closed` what ended it, `floored` what emptied its table.

    `going` is true only while a version is taken out of its slots.
    """

    place: Array
    closed: Array
    floored: Array
    time_ms: Array
    relation: Array
    going: Array


class Labels(NamedTuple):
    """[L] labels; `next` is a further label of the same event."""

    place: Array
    closed: Array
    floored: Array
    fraud: Array
    windowed: Array
    next: Array


class Nodes(NamedTuple):
    """[N] nodes: the first of its slots, and how many cells they hold."""

    slot: Array
    cells: Array


class Owners(NamedTuple):
    """[O] owners of edges, or events that labels speak of: the first label, and how many refer to it."""

    label: Array
    uses: Array


KEY, START, SIZE, ROOM, NEXT = range(5)  # of a slot's eight words: half of what is fetched at once


class Slots(NamedTuple):
    """[S, 8] slots.

    KEY is 2 * relation, + 1 where the node is the target (-1: a free slot); START in the pool, counted in the smallest
    segments, of which all others are multiples; SIZE cells; ROOM for 2**ROOM; NEXT a further slot of the node.
    """

    rows: Array


AT_MS, EDGE = range(2)  # of a cell's two words: four cells, the smallest segment, are what is fetched at once


class Pool(NamedTuple):
    """[K, 2] cells of slots: an edge's time beside its version."""

    rows: Array


class Graph(NamedTuple):
    """All arrays of an adjacency."""

    places: Places
    versions: Versions
    labels: Labels
    nodes: Nodes
    owners: Owners
    slots: Slots
    pool: Pool


DTYPES: dict[type, tuple[str, ...]] = {
    Places: ("i2", "i8", "u8", "i4", "i8"),
    Versions: ("i4", "i4", "i4", "i8", "i2", "?"),
    Labels: ("i4", "i4", "i4", "i1", "?", "i4"),
    Nodes: ("i4", "i4"),
    Owners: ("i4", "i4"),
    Slots: ("8i4",),
    Pool: ("2i8",),
}
T = TypeVar("T", Places, Versions, Labels, Nodes, Owners, Slots, Pool)


def made(kind: type[T], room: int = 64) -> T:
    """Empty arrays of one kind."""
    return kind(*(aligned(room, code) for code in DTYPES[kind]))


def grown(arrays: T, room: int) -> T:
    """The same with room for at least so many, doubled at least."""
    have = len(arrays[0])
    if room <= have:
        return arrays
    return type(arrays)(*_grown(arrays, max(room, 2 * have)))


def _grown(arrays: T, room: int) -> Iterator[Array]:
    for array, code in zip(arrays, DTYPES[type(arrays)], strict=True):
        yield wider(array, room, code)


def wider(array: Array, room: int, code: str) -> Array:
    """The same rows at the start of a longer array."""
    longer = aligned(room, code)
    longer[: len(array)] = array
    return longer


def aligned(room: int, code: str) -> Array:
    """Rows of a NumPy type, the first where a fetch starts. What they hold is any: rows are written before they are
    read, and what was never written takes no memory.
    """
    dtype = np.dtype(code)
    raw = np.empty(room * dtype.itemsize + FETCHED, np.uint8)
    skipped = -raw.ctypes.data % FETCHED
    return raw[skipped : skipped + room * dtype.itemsize].view(dtype.base).reshape(room, *dtype.shape)
