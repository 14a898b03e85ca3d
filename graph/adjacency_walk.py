"""The as-of walk, compiled: what an event may see, newest first, capped (graph/asof.py says the rule in Python).

Numba compiles it once and keeps the result beside this file. Letters: see adjacency_arrays; B events, E edges found.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from graph.adjacency_arrays import Array
from graph.adjacency_lines import ASK, KNOWN_MS, SOURCES, hears, sees

NO_PLACE = -2  # a cut of something not committed yet: only the time is compared


class Cuts(NamedTuple):
    """[B] events: their two nodes, their own owner, their time and where they stand in a source's log.

    A node that is not in the graph is below 0 (two of them that differ are -1 and -2), an owner -1. `source` is
    NO_PLACE where there is no position.
    """

    src: Array
    dst: Array
    owner: Array
    time_ms: Array
    source: Array
    log: Array
    offset: Array
    row: Array


class Walked(NamedTuple):
    """Edges of B subgraphs, each sorted by hop, then newest first; edges of one time in no promised order.

    Attributes:
        starts: [B + 1] where each subgraph's edges start.
        version: [E].
        hop: [E] 1 and up.
        label: [E] 1 known fraud, 0 known not, -1 nothing known.
        nodes_of: [B + 1] where each subgraph's nodes start.
        nodes: [N] numbers of its nodes, the event's source and target first; below 0 what is not in the graph.
        src, dst: [E] nodes, counted from the subgraph's first.
        ends: [B, 2] the event's own, counted likewise.
        time_ms: [E] the edges' times.
    """

    starts: Array
    version: Array
    hop: Array
    label: Array
    nodes_of: Array
    nodes: Array
    src: Array
    dst: Array
    ends: Array
    time_ms: Array


@njit(cache=True)
def _before(places, at, cuts, b):  # type: ignore[no-untyped-def]
    """Whether what stands at a place was known to the event: committed by its time, and before it in its own log."""
    if places.known_ms[at] > cuts.time_ms[b]:
        return False
    if places.source[at] != cuts.source[b]:
        return True
    if places.log[at] != cuts.log[b]:
        return places.log[at] < cuts.log[b]
    if places.offset[at] != cuts.offset[b]:
        return places.offset[at] < cuts.offset[b]
    return places.row[at] < cuts.row[b]


@njit(cache=True)
def _counts(places, place, closed, floored, cuts, b):  # type: ignore[no-untyped-def]
    """Known by then, and neither closed nor emptied by then."""
    if not _before(places, place, cuts, b):
        return False
    if closed >= 0 and _before(places, closed, cuts, b):
        return False
    return not (floored >= 0 and _before(places, floored, cuts, b))


@njit(cache=True)
def _later(places, ranks, a, b):  # type: ignore[no-untyped-def]
    """Whether place a sorts behind place b as their tokens do; sources by their rank."""
    if places.source[a] != places.source[b]:
        return ranks[places.source[a]] > ranks[places.source[b]]
    if places.log[a] != places.log[b]:
        return places.log[a] > places.log[b]
    if places.offset[a] != places.offset[b]:
        return places.offset[a] > places.offset[b]
    return places.row[a] > places.row[b]


@njit(cache=True)
def label(graph, ranks, horizon_ms, owner, cuts, b):  # type: ignore[no-untyped-def]
    """What was known of an event then: the label known last, of those the one that stands last."""
    places, labels = graph.places, graph.labels
    at, best = graph.owners.label[owner], -1
    while at >= 0:
        place = labels.place[at]
        hidden = labels.windowed[at] and places.known_ms[place] < horizon_ms
        if not hidden and _counts(places, place, labels.closed[at], labels.floored[at], cuts, b):
            if best < 0:
                best = at
            else:
                mine, other = places.known_ms[place], places.known_ms[labels.place[best]]
                if mine > other or (mine == other and _later(places, ranks, place, labels.place[best])):
                    best = at
        at = labels.next[at]
    return -1 if best < 0 else int(labels.fraud[best])


@njit(cache=True)
def seen(graph, version, horizon_ms, cuts, b):  # type: ignore[no-untyped-def]
    """Whether the event sees an edge of which its line does not say everything."""
    versions = graph.versions
    if versions.windowed[version] and versions.time_ms[version] < horizon_ms:
        return False
    if versions.owner[version] == cuts.owner[b]:
        return False
    return _counts(
        graph.places, versions.place[version], versions.closed[version], versions.floored[version], cuts, b
    )


@njit(cache=True)
def log_of(cuts, b):  # type: ignore[no-untyped-def]
    """The event's log with its source, as lines have it; -1 where it stands in none."""
    return cuts.log[b] * SOURCES + cuts.source[b] if cuts.source[b] >= 0 else -1


@njit(cache=True)
def _older(pool, start, size, time_ms):  # type: ignore[no-untyped-def]
    """How many cells of a slot are strictly before a time."""
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        if pool.time_ms[start + middle] < time_ms:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True)
def _room(array, used, more):  # type: ignore[no-untyped-def]
    """The array with room for more behind what is used."""
    if used + more <= len(array):
        return array
    wider = np.empty(max(2 * len(array), used + more), array.dtype)
    wider[:used] = array[:used]
    return wider


@njit(cache=True)
def _keep_newest(graph, ranks, found, hops, times, first, used):  # type: ignore[no-untyped-def]
    """Of an owner's versions the one that stands last stays (graph.asof.newest)."""
    places, versions, owners = graph.places, graph.versions, graph.owners
    for at in range(first, used):
        owners.best[versions.owner[found[at]]] = -1
    for at in range(first, used):
        owner = versions.owner[found[at]]
        best = owners.best[owner]
        if best < 0 or _later(places, ranks, versions.place[found[at]], versions.place[found[best]]):
            owners.best[owner] = at
    kept = first
    for at in range(first, used):
        if owners.best[versions.owner[found[at]]] == at:
            found[kept], hops[kept], times[kept] = found[at], hops[at], times[at]
            kept += 1
    return kept


@njit(cache=True)
def _newest_first(found, times, first, last, spare, spare_ms):  # type: ignore[no-untyped-def]
    """Sort a hop's edges, newest first, by merging neighbouring runs: each slot's edges are one already."""
    while True:
        at = first
        while at < last:
            middle = _run(times, at, last)
            if middle == last:
                break
            end = _run(times, middle, last)
            left, right, put = at, middle, 0
            while left < middle or right < end:
                take_left = right == end or (left < middle and times[left] >= times[right])
                one = left if take_left else right
                spare[put], spare_ms[put] = found[one], times[one]
                put += 1
                if take_left:
                    left += 1
                else:
                    right += 1
            for number in range(put):
                found[at + number], times[at + number] = spare[number], spare_ms[number]
            at = end
        if at == first:
            return


@njit(cache=True)
def _run(times, at, last):  # type: ignore[no-untyped-def]
    """Where the run that begins here ends: no edge in it is newer than the one before."""
    at += 1
    while at < last and times[at] <= times[at - 1]:
        at += 1
    return at


@njit(cache=True)
def read(graph, lines, ranks, horizon_ms, cuts, caps, stamp):  # type: ignore[no-untyped-def]
    """Everything of `Walked`, in its order: one call, since handing over all arrays takes as long as a small walk.

    `stamp` is a number above all that earlier calls used; this one uses up to two more an event.
    """
    starts, found, hops, labels, times = walk(graph, lines, ranks, horizon_ms, cuts, caps, stamp)
    nodes_of, nodes, src, dst, ends = locate(graph, cuts, starts, found, stamp + len(cuts.src))
    return starts, found, hops, labels, nodes_of, nodes, src, dst, ends, times


@njit(cache=True)
def walk(graph, lines, ranks, horizon_ms, cuts, caps, stamp):  # type: ignore[no-untyped-def]
    """Walk from each event's two nodes, `caps[hop]` edges per node, relation and direction.

    What a line can answer is asked of no function that takes all arrays: passing them costs more than a look.
    `stamp` is a number above all that earlier walks used; walks use up to one more an event.
    """
    size = len(cuts.src)
    starts = np.zeros(size + 1, np.int64)
    found, hops, labels = np.empty(1024, np.int32), np.empty(1024, np.int8), np.empty(1024, np.int8)
    times, spare, spare_ms = np.empty(1024, np.int64), np.empty(1024, np.int32), np.empty(1024, np.int64)
    frontier, reached = np.empty(1024, np.int32), np.empty(1024, np.int32)
    versions, nodes, slots, pool = graph.versions, graph.nodes, graph.slots, graph.pool
    used = 0
    for b in range(size):
        first, mark = used, stamp + b
        time_ms, owner, log, offset = cuts.time_ms[b], cuts.owner[b], log_of(cuts, b), np.int64(cuts.offset[b])
        wide, several = 0, False
        for node in (cuts.src[b], cuts.dst[b]):
            if node >= 0 and nodes.mark[node] != mark:
                nodes.mark[node] = mark
                frontier[wide] = node
                wide += 1
        for hop in range(len(caps)):
            onward, begun = 0, used
            for at in range(wide):
                slot = nodes.slot[frontier[at]]
                while slot >= 0:
                    start, taken = slots.start[slot], 0
                    cell = _older(pool, start, slots.size[slot], cuts.time_ms[b]) - 1
                    if used + caps[hop] > len(found):
                        found, hops = _room(found, used, caps[hop]), _room(hops, used, caps[hop])
                        times = _room(times, used, caps[hop])
                    if onward + caps[hop] > len(reached):
                        reached = _room(reached, onward, caps[hop])
                    while cell >= 0 and taken < caps[hop]:
                        version, at_ms = pool.version[start + cell], pool.time_ms[start + cell]
                        hidden = at_ms < horizon_ms
                        cell -= 1
                        counts = sees(lines, version, owner, hidden, time_ms, log, offset)
                        if counts == 0 or (counts == ASK and not seen(graph, version, horizon_ms, cuts, b)):
                            continue
                        taken += 1
                        if versions.mark[version] == mark:
                            continue
                        versions.mark[version] = mark
                        found[used], hops[used], times[used] = version, hop + 1, at_ms
                        several |= lines[version, KNOWN_MS] == ASK
                        used += 1
                        other = versions.dst[version]
                        if other == frontier[at]:
                            other = versions.src[version]
                        if nodes.mark[other] != mark:
                            nodes.mark[other] = mark
                            reached[onward] = other
                            onward += 1
                    slot = slots.next[slot]
            spare, spare_ms = _room(spare, 0, used - begun), _room(spare_ms, 0, used - begun)
            _newest_first(found, times, begun, used, spare, spare_ms)
            frontier, reached = reached, frontier
            wide = onward
        if several:  # of every other edge there is one version
            used = _keep_newest(graph, ranks, found, hops, times, first, used)
        labels = _room(labels, first, used - first)
        for at in range(first, used):
            said = hears(lines, found[at], horizon_ms, time_ms, log, offset)
            if said == ASK:
                said = label(graph, ranks, horizon_ms, versions.owner[found[at]], cuts, b)
            labels[at] = said
        starts[b + 1] = used
    return starts, found[:used].copy(), hops[:used].copy(), labels[:used].copy(), times[:used].copy()


@njit(cache=True)
def locate(graph, cuts, starts, found, stamp):  # type: ignore[no-untyped-def]
    """Number the nodes of each subgraph: its source, its target, then as the edges name them.

    `stamp` as in `walk`.
    """
    versions, nodes = graph.versions, graph.nodes
    size = len(cuts.src)
    nodes_of, ends = np.zeros(size + 1, np.int64), np.zeros((size, 2), np.int32)
    src, dst = np.empty(len(found), np.int32), np.empty(len(found), np.int32)
    listed = np.empty(2 * len(found) + 2 * size, np.int32)
    used = 0
    for b in range(size):
        first, mark = used, stamp + b
        for way in range(2):
            node = cuts.dst[b] if way else cuts.src[b]
            if way and node == cuts.src[b]:
                ends[b, 1] = 0
                continue
            if node >= 0:
                nodes.mark[node], nodes.local[node] = mark, used - first
            ends[b, way] = used - first
            listed[used] = node
            used += 1
        for at in range(starts[b], starts[b + 1]):
            version = found[at]
            for way in range(2):
                node = versions.dst[version] if way else versions.src[version]
                if nodes.mark[node] != mark:
                    nodes.mark[node], nodes.local[node] = mark, used - first
                    listed[used] = node
                    used += 1
                if way:
                    dst[at] = nodes.local[node]
                else:
                    src[at] = nodes.local[node]
        nodes_of[b + 1] = used
    return nodes_of, listed[:used].copy(), src, dst, ends
