"""Cells of slots put in and taken out, compiled: each slot sorted by time, in a pool of segments of powers of two.

A slot that is full moves to a segment twice as large; segments that are left are kept by size and used again.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from graph.adjacency_arrays import NEXT, ROOM, ROOM_BITS, SIZE, SMALLEST, START, WHAT, Array
from graph.adjacency_lines import GOING, INFO, TIME_MS
from graph.adjacency_rule import older

DONE, NO_SLOT, NO_CELLS, TIE = 0, -1, -2, -3  # why putting stopped


class Free(NamedTuple):
    """What may be used again: the first free segment of each size, chained through its first cell; then slots.

    Attributes:
        segment: [CLASSES].
        counts: cells of the pool in use so far, slots in use so far, the first free slot.
    """

    segment: Array
    counts: Array


@njit(cache=True)
def _segment(pool, free, size):  # type: ignore[no-untyped-def]
    """Where a segment of 2**size cells starts, or -1 when the pool has no room for it."""
    start = free.segment[size]
    if start >= 0:
        free.segment[size] = np.int64(pool[start]) << SMALLEST if pool[start] >= 0 else -1
        return start
    start = free.counts[0]
    if start + (1 << size) > len(pool):
        return -1
    free.counts[0] = start + (1 << size)
    return start


@njit(cache=True)
def _give_back(pool, free, start, size):  # type: ignore[no-untyped-def]
    pool[start] = free.segment[size] >> SMALLEST
    free.segment[size] = start


@njit(cache=True)
def _slot_of(graph, free, node, key):  # type: ignore[no-untyped-def]
    """The node's slot of this key, made if need be; NO_SLOT or NO_CELLS when there is no room for it."""
    nodes, slots = graph.nodes, graph.slots.rows
    slot = nodes.slot[node]
    while slot >= 0:
        if slots[slot, WHAT] >> ROOM_BITS == key:
            return slot
        slot = slots[slot, NEXT]
    slot = free.counts[2]
    if slot < 0 and free.counts[1] == len(slots):
        return NO_SLOT
    start = _segment(graph.pool.rows, free, SMALLEST)
    if start < 0:
        return NO_CELLS
    if slot >= 0:
        free.counts[2] = slots[slot, NEXT]
    else:
        slot = free.counts[1]
        free.counts[1] += 1
    slots[slot, WHAT], slots[slot, START], slots[slot, SIZE] = key << ROOM_BITS | SMALLEST, start >> SMALLEST, 0
    slots[slot, NEXT] = nodes.slot[node]
    nodes.slot[node] = slot
    return slot


@njit(cache=True)
def find(graph, free, lines, node, key, time_ms):  # type: ignore[no-untyped-def]
    """Make sure the slot has room for one cell more, and say where edges of this time stand in it.

    Returns:
        The slot (NO_SLOT or NO_CELLS: grow the slots or the pool), the place of the first edge that is not older, and
        of the first that is newer: between the two stand edges of the same time.
    """
    slot = _slot_of(graph, free, node, key)
    if slot < 0:
        return slot, 0, 0
    slots, pool = graph.slots.rows, graph.pool.rows
    start, size, room = np.int64(slots[slot, START]) << SMALLEST, slots[slot, SIZE], slots[slot, WHAT] & ROOM
    if size == 1 << room:
        wider = _segment(pool, free, room + 1)
        if wider < 0:
            return NO_CELLS, 0, 0
        pool[wider : wider + size] = pool[start : start + size]
        _give_back(pool, free, start, room)
        slots[slot, START], slots[slot, WHAT] = wider >> SMALLEST, key << ROOM_BITS | room + 1
        start = wider
    if size == 0 or lines[pool[start + size - 1], TIME_MS] < time_ms:  # nearly always: edges come in the order of time
        return slot, size, size
    return slot, older(pool, lines, start, size, time_ms), older(pool, lines, start, size, time_ms + 1)


@njit(cache=True)
def put(graph, slot, at, node, version):  # type: ignore[no-untyped-def]
    """Put a version into a slot that has room, before the cell `at`."""
    slots, pool = graph.slots.rows, graph.pool.rows
    start, size = np.int64(slots[slot, START]) << SMALLEST, slots[slot, SIZE]
    for cell in range(start + size, start + at, -1):
        pool[cell] = pool[cell - 1]
    pool[start + at] = version
    slots[slot, SIZE] = size + 1
    graph.nodes.cells[node] += 1


@njit(cache=True)
def put_all(graph, free, lines, waiting, first):  # type: ignore[no-untyped-def]
    """Put versions into slots, as far as it goes without help: `waiting` is [W, 3] node, key, version.

    Returns:
        How many are done, `first` included, and why it stopped: DONE, NO_SLOT or NO_CELLS, TIE where edges of the same
        time are there, and their order has to be decided by their names.
    """
    for at in range(first, len(waiting)):
        node, key, version = waiting[at, 0], waiting[at, 1], waiting[at, 2]
        slot, low, high = find(graph, free, lines, node, key, lines[version, TIME_MS])
        if slot < 0:
            return at, slot
        if low < high:
            return at, TIE
        put(graph, slot, low, node, version)
    return len(waiting), DONE


@njit(cache=True)
def take_out(graph, free, lines, versions, slots):  # type: ignore[no-untyped-def]
    """Take versions out of all the slots they are in: [W, 2] node, key, each once."""
    for version in versions:
        lines[version, INFO] |= GOING
    for at in range(len(slots)):
        _sift(graph, free, lines, slots[at, 0], slots[at, 1])
    for version in versions:
        lines[version, INFO] &= ~GOING


@njit(cache=True)
def _sift(graph, free, lines, node, key):  # type: ignore[no-untyped-def]
    """Take what goes out of one slot, and the slot out of its node where nothing is left."""
    nodes, slots, pool = graph.nodes, graph.slots.rows, graph.pool.rows
    before, slot = -1, nodes.slot[node]
    while slot >= 0 and slots[slot, WHAT] >> ROOM_BITS != key:
        before, slot = slot, slots[slot, NEXT]
    if slot < 0:
        return
    start, kept = np.int64(slots[slot, START]) << SMALLEST, 0
    for cell in range(start, start + slots[slot, SIZE]):
        if not lines[pool[cell], INFO] & GOING:
            pool[start + kept] = pool[cell]
            kept += 1
    nodes.cells[node] -= slots[slot, SIZE] - kept
    slots[slot, SIZE] = kept
    if kept == 0:
        if before < 0:
            nodes.slot[node] = slots[slot, NEXT]
        else:
            slots[before, NEXT] = slots[slot, NEXT]
        _give_back(pool, free, start, slots[slot, WHAT] & ROOM)
        slots[slot, WHAT], slots[slot, NEXT] = -1, free.counts[2]
        free.counts[2] = slot
