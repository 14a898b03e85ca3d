"""The arrays behind an `Adjacency`, by what they are of: one named tuple each, as compiled code takes them.

Letters: V versions of edges, L versions of labels, P places, N nodes, O owners, S slots. A slot is the list of one
node's edges of one relation in one direction, oldest first; all slots lie in one pool of K cells. -1 is "none".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
NONE = -1
CLASSES = 40  # a slot has room for 2**class cells


class Places(NamedTuple):
    """[P] where something stands in a source's log, and when it was committed. -1 as source is a free place."""

    source: Array
    log: Array
    offset: Array
    row: Array
    known_ms: Array


class Versions(NamedTuple):
    """[V] edges. `place` is where the version was written, `closed` what ended it, `floored` what emptied its table."""

    place: Array
    closed: Array
    floored: Array
    time_ms: Array
    src: Array
    dst: Array
    relation: Array
    owner: Array
    windowed: Array
    mark: Array


class Labels(NamedTuple):
    """[L] labels; `next` is a further label of the same event."""

    place: Array
    closed: Array
    floored: Array
    fraud: Array
    windowed: Array
    next: Array


class Nodes(NamedTuple):
    """[N] nodes: the first of its slots, how many cells they hold, and two scratch columns of a walk."""

    slot: Array
    cells: Array
    mark: Array
    local: Array


class Owners(NamedTuple):
    """[O] owners of edges, or events that labels speak of: the first label, how many refer to it, and scratch."""

    label: Array
    uses: Array
    mark: Array
    best: Array


class Slots(NamedTuple):
    """[S] slots. `key` is 2 * relation, + 1 where the node is the target; `next` is a further slot of the node."""

    key: Array
    start: Array
    size: Array
    room: Array
    next: Array
    mark: Array


class Pool(NamedTuple):
    """[K] cells of slots: an edge's time beside its version, so that a search stays in one place."""

    time_ms: Array
    version: Array


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
    Versions: ("i4", "i4", "i4", "i8", "i4", "i4", "i2", "i4", "?", "i8"),
    Labels: ("i4", "i4", "i4", "i1", "?", "i4"),
    Nodes: ("i4", "i4", "i8", "i4"),
    Owners: ("i4", "i4", "i8", "i4"),
    Slots: ("i4", "i8", "i4", "i4", "i4", "i8"),
    Pool: ("i8", "i4"),
}
T = TypeVar("T", Places, Versions, Labels, Nodes, Owners, Slots, Pool)


def made(kind: type[T], room: int = 64) -> T:
    """Empty arrays of one kind."""
    return kind(*(np.full(room, _nothing(code), code) for code in DTYPES[kind]))


def grown(arrays: T, room: int) -> T:
    """The same with room for at least so many, doubled at least."""
    have = len(arrays[0])
    if room <= have:
        return arrays
    return type(arrays)(*_grown(arrays, max(room, 2 * have) - have))


def _grown(arrays: T, more: int) -> Iterator[Array]:
    for array in arrays:
        yield np.concatenate([array, np.full(more, _nothing(array.dtype.str), array.dtype)])


def _nothing(code: str) -> int:
    return 0 if np.dtype(code).kind in "bu" else NONE
