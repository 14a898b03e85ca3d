"""The as-of walk, compiled: what an event may see, newest first, capped (graph/asof.py says the rule in Python).

Numba compiles it once and keeps the result beside this file. Letters: see adjacency_arrays; B events, E edges found.
A walk writes into nothing but arrays of its own, and asks for rows some time before it looks at them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from graph.adjacency_arrays import NEXT, SIZE, SMALLEST, START, Array
from graph.adjacency_known import STAMP, number
from graph.adjacency_lines import ASK, BITS, ENDS, HALF, KNOWN_MS, LOW, OWNER, hears, sees
from graph.adjacency_newest import DIGIT, newest_first
from graph.adjacency_prefetch import prefetch
from graph.adjacency_rule import DST, OWN, SRC, TIME_MS, label, later, log_of, offset_of, older, seen

STAMPS = 2  # that an event uses, for edges and nodes
BESIDE = 8  # times in a pool that lie within one fetch
AHEAD = 32  # edges of a slot that are asked for before the first is looked at
FIRST = 1_024  # room for so many edges, nodes or slots, before more is made


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
def _room(array, used, more):  # type: ignore[no-untyped-def]
    """The array with room for more behind what is used."""
    if used + more <= len(array):
        return array
    wider = np.empty(max(2 * len(array), used + more), array.dtype)
    wider[:used] = array[:used]
    return wider


@njit(cache=True)
def _newest(places, placed, lines, ranks, found, used):  # type: ignore[no-untyped-def]
    """Of an owner's versions the one that stands last (graph.asof.newest): where those are, in order."""
    room = 64
    while room < 2 * used:
        room *= 2
    keys, numbers = np.zeros(room, np.int64), np.zeros(room, np.int32)
    first, best, kept = np.empty(used, np.int32), np.empty(used, np.int32), np.empty(used, np.int32)
    for at in range(used):
        owner = first[at] = number(keys, numbers, STAMP, STAMP + (lines[found[at], OWNER] >> BITS), at)
        if owner == at or later(places, ranks, placed[found[at]], placed[found[best[owner]]]):
            best[owner] = at
    many = 0
    for at in range(used):
        if best[first[at]] == at:
            kept[many] = at
            many += 1
    return kept[:many]


@njit(cache=True)
def _slots_of(heads, slots, times, there, nodes, cap, chain, whose):  # type: ignore[no-untyped-def]
    """The slots of some nodes, in their order, with the number of the node each is of; their newest cells on the way.

    Returns:
        `chain` and `whose`, longer if need be, and how many slots there are.
    """
    for node in nodes:
        if heads[node] >= 0:
            prefetch(slots, heads[node])
    for node in nodes:
        if heads[node] >= 0 and slots[heads[node], NEXT] >= 0:
            prefetch(slots, slots[heads[node], NEXT])
    many = 0
    for at in range(len(nodes)):
        slot = heads[nodes[at]]
        while slot >= 0:
            chain, whose = _room(chain, many, 1), _room(whose, many, 1)
            chain[many], whose[many] = slot, at
            many += 1
            start, size = np.int64(slots[slot, START]) << SMALLEST, slots[slot, SIZE]
            for back in range(0, min(size, cap, AHEAD) + BESIDE, BESIDE):
                cell = start + max(size - 1 - back, 0)
                prefetch(times, cell)
                prefetch(there, cell)
            slot = slots[slot, NEXT]
    return chain, whose, many


@njit(cache=True)
def _cells_of(slots, times, there, lines, chain, many, cap, time_ms, cells):  # type: ignore[no-untyped-def]
    """How many cells of each slot are before the event; the lines of the newest on the way."""
    for at in range(many):
        start = np.int64(slots[chain[at], START]) << SMALLEST
        cells[at] = older(times, start, slots[chain[at], SIZE], time_ms)
        for cell in range(start + cells[at] - 1, start + max(cells[at] - min(cap, AHEAD), 0) - 1, -1):
            prefetch(lines, there[cell])


@njit(cache=True)
def quick(lines, heads, slots, times, there, horizon_ms, cuts, caps, keys, numbers, stamp):  # type: ignore[no-untyped-def]
    """`walk` as long as lines say everything: few arrays are handed over, which is most of what a small walk takes."""
    return _walk(None, None, lines, heads, slots, times, there, horizon_ms, cuts, caps, keys, numbers, stamp)


@njit(cache=True)
def walk(graph, ranks, lines, horizon_ms, cuts, caps, keys, numbers, stamp):  # type: ignore[no-untyped-def]
    """Walk from each event's two nodes, `caps[hop]` edges per node, relation and direction.

    Args:
        ranks: of the sources, as their tokens sort.
        cuts: [B, 8], see adjacency_rule.
        keys, numbers: of a `Known`, with `stamp` and STAMPS - 1 above it for each event.

    Returns:
        Whether it was all decided, the room that the table of `Known` would have had to have, and what `Walked` is of.
    """
    return _walk(
        graph, ranks, lines, graph.nodes.slot, graph.slots.rows, graph.pool.time_ms, graph.pool.version, horizon_ms,
        cuts, caps, keys, numbers, stamp,
    )  # fmt: skip


@njit(cache=True)
def _walk(  # type: ignore[no-untyped-def]
    graph, ranks, lines, heads, slots, times, there, horizon_ms, cuts, caps, keys, numbers, stamp
):
    size = len(cuts)
    starts, nodes_of, ends = np.zeros(size + 1, np.int64), np.zeros(size + 1, np.int64), np.zeros((size, 2), np.int32)
    out_version, out_hop, out_label = np.empty(FIRST, np.int32), np.empty(FIRST, np.int8), np.empty(FIRST, np.int8)
    out_src, out_dst, out_ms = np.empty(FIRST, np.int32), np.empty(FIRST, np.int32), np.empty(FIRST, np.int64)
    out_node = np.empty(FIRST, np.int32)
    # one event's, in the order it comes upon them
    found, hops, labels = np.empty(FIRST, np.int32), np.empty(FIRST, np.int8), np.empty(FIRST, np.int8)
    src, dst, found_ms = np.empty(FIRST, np.int32), np.empty(FIRST, np.int32), np.empty(FIRST, np.int64)
    met, place = np.empty(FIRST, np.int32), np.empty(FIRST, np.int32)
    order, spare, counts = np.empty(FIRST, np.int32), np.empty(FIRST, np.int32), np.empty(1 << DIGIT, np.int32)
    chain, whose, cells = np.empty(FIRST, np.int32), np.empty(FIRST, np.int32), np.empty(FIRST, np.int32)
    for b in range(size):
        time_ms, owner, log, offset = cuts[b, TIME_MS], cuts[b, OWN], log_of(cuts, b), offset_of(cuts, b)
        oldest = (stamp + STAMPS * b) * STAMP
        edges, nodes = oldest, oldest + STAMP
        used, known, several = 0, 0, False
        for way in (SRC, DST):
            node = cuts[b, way]
            if node >= 0 and number(keys, numbers, oldest, nodes + node, known) == known:
                met[known] = node
                known += 1
        begun = 0
        for hop in range(len(caps)):
            cap, reached, onward = caps[hop], known, hop + 1 < len(caps)
            chain, whose, many = _slots_of(heads, slots, times, there, met[begun:reached], cap, chain, whose)
            cells = _room(cells, 0, many)
            _cells_of(slots, times, there, lines, chain, many, cap, time_ms, cells)
            for at in range(many):
                start, cell, taken = np.int64(slots[chain[at], START]) << SMALLEST, cells[at] - 1, 0
                mine, more = begun + whose[at], min(cap, cells[at])
                node = met[mine]
                if used + more > len(found):
                    found, hops, labels = _room(found, used, more), _room(hops, used, more), _room(labels, used, more)
                    src, dst = _room(src, used, more), _room(dst, used, more)
                    found_ms = _room(found_ms, used, more)
                met = _room(met, known, more)
                if 2 * (used + known + 2 * more) > len(keys):
                    return False, 2 * len(keys), starts, out_version, out_hop, out_label, nodes_of, out_node, out_src, out_dst, ends, out_ms
                while cell >= 0 and taken < cap:
                    version, at_ms = there[start + cell], times[start + cell]
                    cell -= 1
                    counts_ = sees(lines, version, owner, at_ms < horizon_ms, time_ms, log, offset)
                    if counts_ == ASK:
                        if graph is None:
                            return False, 0, starts, out_version, out_hop, out_label, nodes_of, out_node, out_src, out_dst, ends, out_ms
                        else:
                            counts_ = seen(graph, lines, version, horizon_ms, cuts, b)
                    if counts_ == 0:
                        continue
                    taken += 1
                    if number(keys, numbers, oldest, edges + version, used) != used:
                        continue
                    said = hears(lines, version, horizon_ms, time_ms, log, offset)
                    if said == ASK:
                        if graph is None:
                            return False, 0, starts, out_version, out_hop, out_label, nodes_of, out_node, out_src, out_dst, ends, out_ms
                        else:
                            said = label(graph, lines, ranks, horizon_ms, version, cuts, b)
                    several |= lines[version, KNOWN_MS] == ASK
                    source, other = lines[version, ENDS] >> HALF, lines[version, ENDS] & LOW
                    is_source = source == node
                    if other == node:
                        other = source
                    theirs = number(keys, numbers, oldest, nodes + other, known)
                    if theirs == known:
                        met[known] = other
                        known += 1
                        if onward:
                            prefetch(heads, other)
                    found[used], hops[used], labels[used], found_ms[used] = version, hop + 1, said, at_ms
                    src[used], dst[used] = (mine, theirs) if is_source else (theirs, mine)
                    used += 1
            begun = reached
        if graph is not None:
            if several:
                kept = _newest(graph.places, graph.versions.place, lines, ranks, found, used)
                for at in range(len(kept)):
                    one = kept[at]
                    found[at], hops[at], labels[at], found_ms[at] = found[one], hops[one], labels[one], found_ms[one]
                    src[at], dst[at] = src[one], dst[one]
                used = len(kept)
        order, spare = _room(order, 0, used), _room(spare, 0, used)
        at = 0
        while at < used:
            end = at + 1
            while end < used and hops[end] == hops[at]:
                end += 1
            newest_first(found_ms, at, end, order, spare, counts)
            at = end
        # nodes: the source, the target, then as the edges name them
        first, listed = starts[b], nodes_of[b]
        if first + used > len(out_version):
            out_version, out_hop, out_label = (
                _room(out_version, first, used), _room(out_hop, first, used), _room(out_label, first, used)
            )
            out_src, out_dst, out_ms = (
                _room(out_src, first, used), _room(out_dst, first, used), _room(out_ms, first, used)
            )
        out_node, place = _room(out_node, listed, known + 2), _room(place, 0, known)
        place[:known] = -1
        many, given = 0, 0
        for way in range(2):
            node = cuts[b, SRC + way]
            if way and node == cuts[b, SRC]:
                continue
            out_node[listed + many], ends[b, way] = node, many
            if node >= 0:
                place[given] = many
                given += 1
            many += 1
        for at in range(used):
            one, to = order[at], first + at
            out_version[to], out_hop[to], out_label[to], out_ms[to] = found[one], hops[one], labels[one], found_ms[one]
            if place[src[one]] < 0:
                place[src[one]], out_node[listed + many] = many, met[src[one]]
                many += 1
            if place[dst[one]] < 0:
                place[dst[one]], out_node[listed + many] = many, met[dst[one]]
                many += 1
            out_src[to], out_dst[to] = place[src[one]], place[dst[one]]
        starts[b + 1], nodes_of[b + 1] = first + used, listed + many
    total, nodes = starts[size], nodes_of[size]
    return (
        True, len(keys), starts, out_version[:total].copy(), out_hop[:total].copy(), out_label[:total].copy(),
        nodes_of, out_node[:nodes].copy(), out_src[:total].copy(), out_dst[:total].copy(), ends, out_ms[:total].copy(),
    )  # fmt: skip
