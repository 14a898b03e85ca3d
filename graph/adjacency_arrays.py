"""The arrays behind an `Adjacency`, by what they are of: one named tuple each, as compiled code takes them.

Letters: V versions of edges, L versions of labels, M of which lines do not say everything, P places, N nodes, S slots.
A slot is the list of one node's edges of one relation in one direction, oldest first; all slots lie in one pool of K
cells. -1 is "none". What else is asked of an edge stands in its line (graph/adjacency_lines.py).
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
NONE = -1
CLASSES = 40  # a slot has room for 2**class cells
SMALLEST = 1  # and starts with room for 2
LARGE = 1 << 21  # bytes of a large page; arrays from that size on lie on their own
FETCHED = 64  # bytes that a processor fetches at once: no row should lie in two of them


class Several(NamedTuple):
    """[M] versions of edges and labels of which a line does not say everything.

    `owner` is the number of the first version of the same owner; then where it was written and when that was committed;
    `closed` is what ended it, `floored` what emptied its table.
    """

    owner: Array
    log: Array
    at: Array
    known_ms: Array
    closed: Array
    floored: Array


class Places(NamedTuple):
    """[P] where what ended a version stands, and when it was committed."""

    log: Array
    at: Array
    known_ms: Array


class Nodes(NamedTuple):
    """[N] nodes: the first of its slots, and how many cells they hold."""

    slot: Array
    cells: Array


WHAT, START, SIZE, NEXT = range(4)  # of a slot's four words: a quarter of what is fetched at once
ROOM_BITS = 6
ROOM = (1 << ROOM_BITS) - 1  # of WHAT


class Slots(NamedTuple):
    """[S, 4] slots.

    WHAT is the key (2 * relation, + 1 where the node is the target) above its room, 2**room cells (-1: a free slot);
    START in the pool, counted in the smallest segments, of which all others are multiples; SIZE cells; NEXT a further
    slot of the node.
    """

    rows: Array


class Pool(NamedTuple):
    """[K] cells of slots: versions."""

    rows: Array


class Lists(NamedTuple):
    """What is needed to put edges into slots, and to take them out."""

    nodes: Nodes
    slots: Slots
    pool: Pool


class Graph(NamedTuple):
    """All arrays of an adjacency, beside the lines of its edges.

    `told` [V] is the first label of each edge, `labels` [L] their lines, `logs` the rows of a `graph.logs.Logs`.
    """

    several: Several
    places: Places
    nodes: Nodes
    slots: Slots
    pool: Pool
    told: Array
    labels: Array
    logs: Array


DTYPES: dict[type, tuple[str, ...]] = {
    Several: ("i4", "i4", "i8", "i8", "i4", "i4"),
    Places: ("i4", "i8", "i8"),
    Nodes: ("i4", "i4"),
    Slots: ("4i4",),
    Pool: ("i4",),
}
T = TypeVar("T", Several, Places, Nodes, Slots, Pool)


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
    size = room * dtype.itemsize
    raw, step = (_mapped(size + LARGE), LARGE) if size >= LARGE else (np.empty(size + FETCHED, np.uint8), FETCHED)
    skipped = -raw.ctypes.data % step
    return raw[skipped : skipped + size].view(dtype.base).reshape(room, *dtype.shape)


def _mapped(size: int) -> Array:
    """Bytes of the system's own, which has them back at once when they are let go; on large pages where it has some.

    A walk looks at hundreds of rows that lie anywhere: with pages of 4 KiB the processor finds few of them in its list
    of pages (https://docs.kernel.org/admin-guide/mm/transhuge.html).
    """
    pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with suppress(AttributeError, OSError):  # no such advice on this system: small pages do as well, slower
        pages.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(pages, np.uint8)
