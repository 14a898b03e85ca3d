"""The as-of walk, compiled: what an event may see, newest first, capped (graph/asof.py says the rule in Python).

Numba compiles it once and keeps the result beside this file. Letters: see adjacency_arrays; B events, E edges found.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from graph.adjacency_arrays import NONE, Array
from graph.adjacency_event import (
    MS,
    NO_ROOM,
    NODES,
    SAID,
    SAID_BITS,
    SAID_MASK,
    UNDECIDED,
    VERSION,
    WORDS,
    keep_newest,
    see,
)
from graph.adjacency_known import STAMP
from graph.adjacency_lines import HALF, LOW, SRC
from graph.adjacency_newest import DIGITS, MASK, newest_first

STAMPS = 2  # that an event uses, for edges and nodes
USUAL = 256  # edges or nodes of a subgraph that there is room for at first, where there are many subgraphs
ENTRIES = 4  # of a table of what is known, for each edge there is room for: at most half of them are used


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
def quick(  # type: ignore[no-untyped-def]
    lines, heads, slots, pool, told, labels, logs, horizon_ms, cuts, caps, keys, numbers, stamp
):
    """`walk` as long as lines say everything: few arrays are handed over, which is most of what a small walk takes."""
    return _walk(
        None, None, lines, heads, slots, pool, told, labels, logs, horizon_ms, cuts, caps, keys, numbers, stamp
    )


@njit(cache=True)
def walk(graph, ranks, lines, horizon_ms, cuts, caps, keys, numbers, stamp):  # type: ignore[no-untyped-def]
    """Walk from each event's two nodes, `caps[hop]` edges per node, relation and direction.

    Args:
        ranks: of the sources, as their tokens sort.
        cuts: [B, 9], see adjacency_lines.
        keys, numbers: of a `Known`, with `stamp` and STAMPS - 1 above it for each event.

    Returns:
        Whether lines said everything that was asked, the room that the table of `Known` should have, and everything of
        `Walked`, in its order.
    """
    return _walk(
        graph, ranks, lines, graph.nodes.slot, graph.slots.rows, graph.pool.rows, graph.told, graph.labels, graph.logs,
        horizon_ms, cuts, caps, keys, numbers, stamp,
    )  # fmt: skip


@njit(cache=True)
def _walk(  # type: ignore[no-untyped-def]
    graph, ranks, lines, heads, slots, pool, told, labels, logs, horizon_ms, cuts, caps, keys, numbers, stamp
):
    size, room, b = len(cuts), len(keys) // ENTRIES, 0
    starts, nodes_of, ends = np.zeros(size + 1, np.int64), np.zeros(size + 1, np.int64), np.zeros((size, 2), np.int32)
    versions, hops, said = np.empty(0, np.int32), np.empty(0, np.int8), np.empty(0, np.int8)
    sources, targets, when = np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.int64)
    nodes = np.empty(0, np.int32)
    edges, chain = np.empty((room, WORDS), np.int64), np.empty((room, WORDS), np.int64)
    counts = np.empty((DIGITS, MASK + 1), np.int32)
    met, place = np.empty(room, np.int32), np.empty(room, np.int32)
    order, spare = np.empty(room, np.int32), np.empty((2, room), np.int64)
    decided = True
    while b < size:
        used, known, several = see(
            graph, ranks, lines, heads, slots, pool, told, labels, logs, horizon_ms, cuts, b, caps, keys, numbers,
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
            keys, numbers = np.zeros(ENTRIES * room, np.int64), np.empty(ENTRIES * room, np.int32)
            continue
        if graph is not None and several:  # of every other edge there is one version
            used = keep_newest(graph, lines, ranks, edges, used)
        _sorted(edges, used, order, spare, counts)
        first, listed = starts[b], nodes_of[b]
        if first + used > len(versions):
            more = used if size == 1 else max(used, USUAL * size)
            versions, hops, said = _room(versions, first, more), _room(hops, first, more), _room(said, first, more)
            sources, targets = _room(sources, first, more), _room(targets, first, more)
            when = _room(when, first, more)
        if listed + known + 3 > len(nodes):
            nodes = _room(nodes, listed, max(known + 3, USUAL * (size - 1)))
        place[:known] = NONE
        many = _ends_of(cuts, b, place, nodes[listed:], ends)
        many = _write(
            edges, order, used, met, place, many, versions[first:], hops[first:], said[first:], when[first:],
            nodes[listed:], sources[first:], targets[first:],
        )  # fmt: skip
        starts[b + 1], nodes_of[b + 1] = first + used, listed + many
        b += 1
    total = starts[b]
    return (
        decided, len(keys), starts, _cut(versions, total), _cut(hops, total), _cut(said, total), nodes_of,
        _cut(nodes, nodes_of[b]), _cut(sources, total), _cut(targets, total), ends, _cut(when, total),
    )  # fmt: skip
