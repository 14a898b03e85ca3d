"""The as-of walk, compiled: what an event may see, newest first, capped (graph/asof.py says the rule in Python).

Numba compiles it once and keeps the result beside this file. Letters: see adjacency_arrays; B events, E edges found.
A walk writes into nothing but arrays of its own, and asks for rows some time before it looks at them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from graph.adjacency_arrays import AT_MS, EDGE, NEXT, NONE, SIZE, SMALLEST, START, Array
from graph.adjacency_known import STAMP, number
from graph.adjacency_lines import ASK, BITS, ENDS, HALF, KNOWN_MS, LOW, OWNER, hears, sees
from graph.adjacency_newest import DIGITS, MASK, newest_first
from graph.adjacency_prefetch import prefetch
from graph.adjacency_rule import DST, OWN, SRC, TIME_MS, label, later, log_of, offset_of, older, seen

STAMPS = 2  # that an event uses, for edges and nodes
SOON = 4  # slots that are asked for before the first is looked at: their cells, and before that their lines
AHEAD = 32  # edges of a slot that are asked for before the first is looked at
USUAL = 256  # edges or nodes of a subgraph that there is room for at first, where there are many subgraphs
NO_ROOM, UNDECIDED = -1, -2  # why a walk has to be done again
WORDS = 4  # of a row about an edge of a walk:
MS, VERSION, NODES, SAID = range(WORDS)  # its ends by their numbers in the walk, HALF each; the hop above what is said
SAID_BITS, SAID_MASK = 2, 3
FROM, CELLS, WHOSE = range(3)  # and about a slot: where it starts in the pool, its cells before the event, its node


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
def _cut(array, used):  # type: ignore[no-untyped-def]
    return array if len(array) == used else array[:used].copy()


@njit(cache=True)
def _slots_of(heads, slots, met, begun, known, chain):  # type: ignore[no-untyped-def]
    """The slots of the nodes begun..known in their order.

    Returns:
        How many there are, NO_ROOM where `chain` is too short.
    """
    for at in range(begun, known):
        head = heads[met[at]]
        if head >= 0:
            prefetch(slots, head)
    for at in range(begun, known):
        head = heads[met[at]]
        if head >= 0 and slots[head, NEXT] >= 0:
            prefetch(slots, slots[head, NEXT])
    many = 0
    for at in range(begun, known):
        slot = heads[met[at]]
        while slot >= 0:
            if many == len(chain):
                return NO_ROOM
            start, size = np.int64(slots[slot, START]) << SMALLEST, np.int64(slots[slot, SIZE])
            chain[many, FROM], chain[many, CELLS], chain[many, WHOSE] = start, size, at
            many += 1
            slot = slots[slot, NEXT]
    return many


@njit(cache=True)
def _ask_cells(pool, chain, at):  # type: ignore[no-untyped-def]
    """Ask for the newest cells of a slot: eight, and the processor goes on by itself where more are looked at."""
    start, size = chain[at, FROM], chain[at, CELLS]
    end = start + size
    prefetch(pool, end - 1)
    prefetch(pool, max(end - 5, start))
    prefetch(pool, max(end - 8, start))


@njit(cache=True)
def _ask_lines(pool, lines, chain, at, cap, time_ms):  # type: ignore[no-untyped-def]
    """Find how many cells of a slot are before the event, and ask for the lines of the newest."""
    start = chain[at, FROM]
    cells = chain[at, CELLS] = older(pool, start, chain[at, CELLS], time_ms)
    for cell in range(start + max(cells - min(cap, AHEAD), 0), start + cells):
        prefetch(lines, pool[cell, EDGE])


@njit(cache=True)
def _event(  # type: ignore[no-untyped-def]
    graph, ranks, lines, heads, slots, pool, horizon_ms, cuts, b, caps, keys, numbers, oldest, met, chain, edges
):
    """The edges that an event sees, hop by hop, in the order it comes upon them, and the nodes, each by its number here.

    Returns:
        How many edges (NO_ROOM where one of the arrays is too short, UNDECIDED where lines do not say everything and
        `graph` is None), how many nodes, and whether an owner may have several versions among them.
    """
    time_ms, owner, log, offset = cuts[b, TIME_MS], cuts[b, OWN], log_of(cuts, b), offset_of(cuts, b)
    used, known, begun, nodes, several = 0, 0, 0, oldest + STAMP, False
    for way in range(SRC, DST + 1):
        node = cuts[b, way]
        if node >= 0 and number(keys, numbers, oldest, nodes + node, known) == known:
            met[known] = node
            known += 1
    for hop in range(len(caps)):
        cap, reached, onward = caps[hop], known, hop + 1 < len(caps)
        many = _slots_of(heads, slots, met, begun, reached, chain)
        if many < 0:
            return NO_ROOM, 0, False
        for at in range(min(2 * SOON, many)):
            _ask_cells(pool, chain, at)
        for at in range(min(SOON, many)):
            _ask_lines(pool, lines, chain, at, cap, time_ms)
        for at in range(many):
            if at + 2 * SOON < many:
                _ask_cells(pool, chain, at + 2 * SOON)
            if at + SOON < many:
                _ask_lines(pool, lines, chain, at + SOON, cap, time_ms)
            start, cells, mine, taken = chain[at, FROM], chain[at, CELLS], chain[at, WHOSE], 0
            if max(used, known) + min(cap, cells) > len(edges):
                return NO_ROOM, 0, False
            node, cell = met[mine], start + cells
            while cell > start and taken < cap:
                cell -= 1
                version, at_ms = pool[cell, EDGE], pool[cell, AT_MS]
                counts = sees(lines, version, owner, at_ms < horizon_ms, time_ms, log, offset)
                if counts == ASK:
                    if graph is None:
                        return UNDECIDED, 0, False
                    else:
                        counts = seen(graph, lines, version, horizon_ms, cuts, b)
                if counts == 0:
                    continue
                taken += 1
                if number(keys, numbers, oldest, oldest + version, used) != used:
                    continue
                said = hears(lines, version, horizon_ms, time_ms, log, offset)
                if said == ASK:
                    if graph is None:
                        return UNDECIDED, 0, False
                    else:
                        said = label(graph, lines, ranks, horizon_ms, version, cuts, b)
                several |= lines[version, KNOWN_MS] == ASK
                src, dst = lines[version, ENDS] >> HALF, lines[version, ENDS] & LOW
                other = src if dst == node else dst
                theirs = number(keys, numbers, oldest, nodes + other, known)
                if theirs == known:
                    met[known] = other
                    known += 1
                    if onward:
                        prefetch(heads, other)
                edges[used, MS], edges[used, VERSION], edges[used, SAID] = at_ms, version, hop + 1 << SAID_BITS | said + 1
                edges[used, NODES] = mine << HALF | theirs if src == node else theirs << HALF | mine
                used += 1
        begun = reached
    return used, known, several


@njit(cache=True)
def _keep_newest(places, placed, lines, ranks, edges, used):  # type: ignore[no-untyped-def]
    """Of an owner's versions only the one that stands last stays (graph.asof.newest); how many there are then."""
    room = 64
    while room < 2 * used:
        room *= 2
    keys, numbers = np.zeros(room, np.int64), np.zeros(room, np.int32)
    first, best, kept = np.empty(used, np.int32), np.empty(used, np.int32), 0
    for at in range(used):
        version = edges[at, VERSION]
        owner = first[at] = number(keys, numbers, STAMP, STAMP + (lines[version, OWNER] >> BITS), at)
        if owner == at or later(places, ranks, placed[version], placed[edges[best[owner], VERSION]]):
            best[owner] = at
    for at in range(used):
        if best[first[at]] == at:
            for word in range(WORDS):
                edges[kept, word] = edges[at, word]
            kept += 1
    return kept


@njit(cache=True)
def _sorted(edges, used, order, spare, counts):  # type: ignore[no-untyped-def]
    """Each hop's edges, newest first."""
    at = 0
    while at < used:
        end = at + 1
        while end < used and edges[end, SAID] >> SAID_BITS == edges[at, SAID] >> SAID_BITS:
            end += 1
        newest_first(edges, at, end, order, spare, counts)
        at = end


@njit(cache=True)
def _ends_of(cuts, b, place, nodes, ends):  # type: ignore[no-untyped-def]
    """Begin a subgraph's nodes with its source and target; how many those are."""
    many, given = 0, 0
    for way in range(2):
        node = cuts[b, SRC + way]
        if way and node == cuts[b, SRC]:
            continue
        nodes[many], ends[b, way] = node, many
        if node >= 0:
            place[given] = many
            given += 1
        many += 1
    return many


@njit(cache=True)
def _write(  # type: ignore[no-untyped-def]
    edges, order, used, met, place, many, versions, hops, labels, when, nodes, sources, targets
):
    """Put a subgraph's edges where they belong, and number its nodes as the edges name them; how many nodes there are.

    Whether a node is new is nothing a processor could guess, so nothing hangs on it.
    """
    for to in range(used):
        one = order[to]
        said, both = edges[one, SAID], edges[one, NODES]
        src, dst = both >> HALF, both & LOW
        versions[to], when[to] = edges[one, VERSION], edges[one, MS]
        hops[to], labels[to] = said >> SAID_BITS, (said & SAID_MASK) - 1
        nodes[many] = met[src]
        at = place[src] = place[src] if place[src] >= 0 else many
        many += at == many
        sources[to] = at
        nodes[many] = met[dst]
        at = place[dst] = place[dst] if place[dst] >= 0 else many
        many += at == many
        targets[to] = at
    return many


@njit(cache=True)
def quick(lines, heads, slots, pool, horizon_ms, cuts, caps, keys, numbers, stamp):  # type: ignore[no-untyped-def]
    """`walk` as long as lines say everything: few arrays are handed over, which is most of what a small walk takes."""
    return _walk(None, None, lines, heads, slots, pool, horizon_ms, cuts, caps, keys, numbers, stamp)


@njit(cache=True)
def walk(graph, ranks, lines, horizon_ms, cuts, caps, keys, numbers, stamp):  # type: ignore[no-untyped-def]
    """Walk from each event's two nodes, `caps[hop]` edges per node, relation and direction.

    Args:
        ranks: of the sources, as their tokens sort.
        cuts: [B, 8], see adjacency_rule.
        keys, numbers: of a `Known`, with `stamp` and STAMPS - 1 above it for each event.

    Returns:
        Whether lines said everything that was asked, the room that the table of `Known` should have, and everything of
        `Walked`, in its order.
    """
    return _walk(
        graph, ranks, lines, graph.nodes.slot, graph.slots.rows, graph.pool.rows, horizon_ms,
        cuts, caps, keys, numbers, stamp,
    )  # fmt: skip


@njit(cache=True)
def _walk(  # type: ignore[no-untyped-def]
    graph, ranks, lines, heads, slots, pool, horizon_ms, cuts, caps, keys, numbers, stamp
):
    size, room, b = len(cuts), len(keys) // 4, 0
    starts, nodes_of, ends = np.zeros(size + 1, np.int64), np.zeros(size + 1, np.int64), np.zeros((size, 2), np.int32)
    versions, hops, labels = np.empty(0, np.int32), np.empty(0, np.int8), np.empty(0, np.int8)
    sources, targets, when = np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.int64)
    nodes = np.empty(0, np.int32)
    edges, chain, counts = np.empty((room, WORDS), np.int64), np.empty((room, WORDS), np.int64), np.empty((DIGITS, MASK + 1), np.int32)
    met, place = np.empty(room, np.int32), np.empty(room, np.int32)
    order, spare = np.empty(room, np.int32), np.empty((2, room), np.int64)
    decided = True
    while b < size:
        used, known, several = _event(
            graph, ranks, lines, heads, slots, pool, horizon_ms, cuts, b, caps, keys, numbers,
            (stamp + STAMPS * b) * STAMP, met, chain, edges,
        )  # fmt: skip
        if used == UNDECIDED:
            decided = False
            break
        if used == NO_ROOM:
            room *= 2
            edges, chain = np.empty((room, WORDS), np.int64), np.empty((room, WORDS), np.int64)
            met, place = np.empty(room, np.int32), np.empty(room, np.int32)
            order, spare = np.empty(room, np.int32), np.empty((2, room), np.int64)
            keys, numbers = np.zeros(4 * room, np.int64), np.empty(4 * room, np.int32)
            continue
        if graph is not None:
            if several:  # of every other edge there is one version
                used = _keep_newest(graph.places, graph.versions.place, lines, ranks, edges, used)
        _sorted(edges, used, order, spare, counts)
        first, listed = starts[b], nodes_of[b]
        if first + used > len(versions):
            more = used if size == 1 else max(used, USUAL * size)
            versions, hops, labels = _room(versions, first, more), _room(hops, first, more), _room(labels, first, more)
            sources, targets = _room(sources, first, more), _room(targets, first, more)
            when = _room(when, first, more)
        if listed + known + 3 > len(nodes):
            nodes = _room(nodes, listed, max(known + 3, USUAL * (size - 1)))
        place[:known] = NONE
        many = _ends_of(cuts, b, place, nodes[listed:], ends)
        many = _write(
            edges, order, used, met, place, many, versions[first:], hops[first:], labels[first:], when[first:],
            nodes[listed:], sources[first:], targets[first:],
        )  # fmt: skip
        starts[b + 1], nodes_of[b + 1] = first + used, listed + many
        b += 1
    total = starts[b]
    return (
        decided, len(keys), starts, _cut(versions, total), _cut(hops, total), _cut(labels, total), nodes_of,
        _cut(nodes, nodes_of[b]), _cut(sources, total), _cut(targets, total), ends, _cut(when, total),
    )  # fmt: skip
