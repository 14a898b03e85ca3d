"""Cells of slots put in and taken out, compiled: each slot sorted by time, in a pool of segments of powers of two.

A slot that is full moves to a segment twice as large; segments that are left are kept by size and used again.
"""

from __future__ import annotations

from typing import NamedTuple

from numba import njit

from graph.adjacency_arrays import Array
from graph.adjacency_walk import _older  # the same search

SMALLEST = 2  # a slot starts with room for 4 cells


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
        free.segment[size] = pool.time_ms[start]
        return start
    start = free.counts[0]
    if start + (1 << size) > len(pool.version):
        return -1
    free.counts[0] = start + (1 << size)
    return start


@njit(cache=True)
def _give_back(pool, free, start, size):  # type: ignore[no-untyped-def]
    pool.time_ms[start] = free.segment[size]
    free.segment[size] = start


@njit(cache=True)
def _slot_of(graph, free, node, key):  # type: ignore[no-untyped-def]
    """The node's slot of this key, made if need be; -1 when there is no room for one."""
    nodes, slots = graph.nodes, graph.slots
    slot = nodes.slot[node]
    while slot >= 0:
        if slots.key[slot] == key:
            return slot
        slot = slots.next[slot]
    slot = free.counts[2]
    if slot < 0 and free.counts[1] == len(slots.key):
        return -1
    start = _segment(graph.pool, free, SMALLEST)
    if start < 0:
        return -1
    if slot >= 0:
        free.counts[2] = slots.next[slot]
    else:
        slot = free.counts[1]
        free.counts[1] += 1
    slots.key[slot], slots.start[slot], slots.size[slot], slots.room[slot] = key, start, 0, SMALLEST
    slots.mark[slot], slots.next[slot] = -1, nodes.slot[node]
    nodes.slot[node] = slot
    return slot


@njit(cache=True)
def find(graph, free, node, key, time_ms):  # type: ignore[no-untyped-def]
    """Make sure the slot has room for one cell more, and say where edges of this time stand in it.

    Returns:
        The slot (-1: the pool or the slots have no room; grow them), the place of the first edge that is not older,
        and of the first that is newer: between the two stand edges of the same time.
    """
    slot = _slot_of(graph, free, node, key)
    if slot < 0:
        return -1, 0, 0
    slots, pool = graph.slots, graph.pool
    start, size, room = slots.start[slot], slots.size[slot], slots.room[slot]
    if size == 1 << room:
        wider = _segment(pool, free, room + 1)
        if wider < 0:
            return -1, 0, 0
        pool.time_ms[wider : wider + size] = pool.time_ms[start : start + size]
        pool.version[wider : wider + size] = pool.version[start : start + size]
        _give_back(pool, free, start, room)
        slots.start[slot], slots.room[slot] = wider, room + 1
        start = wider
    if size == 0 or pool.time_ms[start + size - 1] < time_ms:  # nearly always: edges come in the order of time
        return slot, size, size
    return slot, _older(pool, start, size, time_ms), _older(pool, start, size, time_ms + 1)


@njit(cache=True)
def put(graph, slot, at, node, version):  # type: ignore[no-untyped-def]
    """Put a version into a slot that has room, before the cell `at`."""
    slots, pool = graph.slots, graph.pool
    start, size = slots.start[slot], slots.size[slot]
    for cell in range(start + size, start + at, -1):
        pool.time_ms[cell], pool.version[cell] = pool.time_ms[cell - 1], pool.version[cell - 1]
    pool.time_ms[start + at], pool.version[start + at] = graph.versions.time_ms[version], version
    slots.size[slot] = size + 1
    graph.nodes.cells[node] += 1


@njit(cache=True)
def put_all(graph, free, waiting, first):  # type: ignore[no-untyped-def]
    """Put versions into slots, as far as it goes without help: `waiting` is [W, 3] node, key, version.

    Returns:
        How many are done, `first` included, and why it stopped: 0 done, 1 no room, 2 edges of the same time are there,
        and their order has to be decided by their names.
    """
    for at in range(first, len(waiting)):
        node, key, version = waiting[at, 0], waiting[at, 1], waiting[at, 2]
        slot, low, high = find(graph, free, node, key, graph.versions.time_ms[version])
        if slot < 0:
            return at, 1
        if low < high:
            return at, 2
        put(graph, slot, low, node, version)
    return len(waiting), 0


@njit(cache=True)
def take_out(graph, free, versions, stamp):  # type: ignore[no-untyped-def]
    """Take versions out of the slots of their nodes. Each slot is gone through once, however many leave it."""
    for version in versions:
        graph.versions.mark[version] = stamp
    for version in versions:
        for way in range(2):
            node = graph.versions.dst[version] if way else graph.versions.src[version]
            _sift(graph, free, node, 2 * graph.versions.relation[version] + way, stamp)


@njit(cache=True)
def sift_all(graph, free, slots, stamp):  # type: ignore[no-untyped-def]
    """Take what `take_out` marked with this stamp out of further slots too: [S, 2] node, key."""
    for at in range(len(slots)):
        _sift(graph, free, slots[at, 0], slots[at, 1], stamp)


@njit(cache=True)
def _sift(graph, free, node, key, stamp):  # type: ignore[no-untyped-def]
    """Take what is marked out of one slot, and the slot out of its node where nothing is left."""
    nodes, slots, pool = graph.nodes, graph.slots, graph.pool
    before, slot = -1, nodes.slot[node]
    while slot >= 0 and slots.key[slot] != key:
        before, slot = slot, slots.next[slot]
    if slot < 0 or slots.mark[slot] == stamp:
        return
    slots.mark[slot] = stamp
    start, kept = slots.start[slot], 0
    for cell in range(start, start + slots.size[slot]):
        if graph.versions.mark[pool.version[cell]] != stamp:
            pool.time_ms[start + kept], pool.version[start + kept] = pool.time_ms[cell], pool.version[cell]
            kept += 1
    nodes.cells[node] -= slots.size[slot] - kept
    slots.size[slot] = kept
    if kept == 0:
        if before < 0:
            nodes.slot[node] = slots.next[slot]
        else:
            slots.next[before] = slots.next[slot]
        _give_back(pool, free, start, slots.room[slot])
        slots.key[slot], slots.next[slot] = -1, free.counts[2]
        free.counts[2] = slot
