"""The rule of what an event may see, compiled: what is asked where a line does not say it (graph/asof.py has it plain).

Numba compiles it once and keeps the result beside this file.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from graph.adjacency_arrays import AT_MS
from graph.adjacency_lines import BITS, OWNER, SOURCES, WINDOWED

NO_PLACE = -2  # a cut of something not committed yet: only the time is compared
SRC, DST, OWN, TIME_MS, SOURCE, LOG, OFFSET, ROW = range(8)
"""Cuts are [B, 8] events: their two nodes, their own owner, their time and where they stand in a source's log.

A node that is not in the graph is below 0 (two of them that differ are -1 and -2), an owner -1. SOURCE is NO_PLACE
where there is no position. OFFSET is a whole number of 64 bits without a sign, in one with it.
"""


@njit(cache=True)
def _before(places, at, cuts, b):  # type: ignore[no-untyped-def]
    """Whether what stands at a place was known to the event: committed by its time, and before it in its own log."""
    if places.known_ms[at] > cuts[b, TIME_MS]:
        return False
    if places.source[at] != cuts[b, SOURCE]:
        return True
    if places.log[at] != cuts[b, LOG]:
        return places.log[at] < cuts[b, LOG]
    offset = np.uint64(cuts[b, OFFSET])
    if places.offset[at] != offset:
        return places.offset[at] < offset
    return places.row[at] < cuts[b, ROW]


@njit(cache=True)
def _counts(places, place, closed, floored, cuts, b):  # type: ignore[no-untyped-def]
    """Known by then, and neither closed nor emptied by then."""
    if not _before(places, place, cuts, b):
        return False
    if closed >= 0 and _before(places, closed, cuts, b):
        return False
    return not (floored >= 0 and _before(places, floored, cuts, b))


@njit(cache=True)
def later(places, ranks, a, b):  # type: ignore[no-untyped-def]
    """Whether place a sorts behind place b as their tokens do; sources by their rank."""
    if places.source[a] != places.source[b]:
        return ranks[places.source[a]] > ranks[places.source[b]]
    if places.log[a] != places.log[b]:
        return places.log[a] > places.log[b]
    if places.offset[a] != places.offset[b]:
        return places.offset[a] > places.offset[b]
    return places.row[a] > places.row[b]


@njit(cache=True)
def label(graph, lines, ranks, horizon_ms, version, cuts, b):  # type: ignore[no-untyped-def]
    """What was known of an edge's event then: the label known last, of those the one that stands last."""
    places, labels = graph.places, graph.labels
    at, best = graph.owners.label[lines[version, OWNER] >> BITS], -1
    while at >= 0:
        place = labels.place[at]
        hidden = labels.windowed[at] and places.known_ms[place] < horizon_ms
        if not hidden and _counts(places, place, labels.closed[at], labels.floored[at], cuts, b):
            if best < 0:
                best = at
            else:
                mine, other = places.known_ms[place], places.known_ms[labels.place[best]]
                if mine > other or (mine == other and later(places, ranks, place, labels.place[best])):
                    best = at
        at = labels.next[at]
    return -1 if best < 0 else int(labels.fraud[best])


@njit(cache=True)
def seen(graph, lines, version, horizon_ms, cuts, b):  # type: ignore[no-untyped-def]
    """Whether the event sees an edge of which its line does not say everything."""
    versions, owner = graph.versions, lines[version, OWNER]
    if owner & WINDOWED and versions.time_ms[version] < horizon_ms:
        return False
    if owner >> BITS == cuts[b, OWN]:
        return False
    return _counts(graph.places, versions.place[version], versions.closed[version], versions.floored[version], cuts, b)


@njit(cache=True)
def log_of(cuts, b):  # type: ignore[no-untyped-def]
    """The event's log with its source, as lines have it; -1 where it stands in none."""
    return cuts[b, LOG] * SOURCES + cuts[b, SOURCE] if cuts[b, SOURCE] >= 0 else -1


@njit(cache=True)
def offset_of(cuts, b):  # type: ignore[no-untyped-def]
    """The event's offset as lines have it; lines ask where one of theirs has more than 63 bits."""
    return cuts[b, OFFSET] if cuts[b, OFFSET] >= 0 else (1 << 63) - 1


@njit(cache=True)
def older(pool, start, size, time_ms):  # type: ignore[no-untyped-def]
    """How many cells of a slot are strictly before a time; found from its end, where events nearly always are."""
    step, high = 1, size
    while step <= high and pool[start + high - step, AT_MS] >= time_ms:
        high -= step
        step *= 2
    low = max(high - step + 1, 0)
    while low < high:
        middle = (low + high) // 2
        if pool[start + middle, AT_MS] < time_ms:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True)
def frauds(graph, lines, ranks, horizon_ms, version, cuts, out):  # type: ignore[no-untyped-def]
    """Write 1 into `out` for each version that the one event sees and knows to be fraud."""
    for at in range(len(version)):
        if seen(graph, lines, version[at], horizon_ms, cuts, 0):
            out[at] = label(graph, lines, ranks, horizon_ms, version[at], cuts, 0) == 1
