"""One event's as-of walk, compiled: the edges it sees, hop by hop, capped (graph/asof.py says the rule in Python).

It writes into nothing but arrays of its own, and asks for rows some time before it looks at them. Nor does it make
arrays: where one is too short it says so, and is asked again. `graph` may be None: then lines have to say everything.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from graph.adjacency_arrays import NEXT, SIZE, SMALLEST, START
from graph.adjacency_known import STAMP, number
from graph.adjacency_lines import (
    ASK,
    CUT_AT,
    CUT_MS,
    DST,
    ENDS,
    HALF,
    INFO,
    LOW,
    OWN,
    PART,
    SRC,
    TIME_MS,
    UNSAID,
    hears,
    sees,
)
from graph.adjacency_prefetch import prefetch
from graph.adjacency_rule import label, later, older, owner_of, seen, where

SOON = 4  # slots that are asked for before the first is looked at: their lines, before that the newest, and their cells
CELLS_FETCHED = 16  # at once
AHEAD = 32  # edges of a slot that are asked for before the first is looked at
NO_ROOM, UNDECIDED = -1, -2  # why a walk has to be done again
WORDS = 4  # of a row about an edge of a walk:
MS, VERSION, NODES, SAID = range(WORDS)  # its ends by their numbers in the walk, HALF each; the hop above what is said
SAID_BITS, SAID_MASK = 2, 3  # what is said is one of -1, 0 and 1, and stands there with one more
FROM, CELLS, WHOSE = range(3)  # and about a slot: where it starts in the pool, its cells before the event, its node


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
    """Ask for the newest cells of a slot."""
    start, size = chain[at, FROM], chain[at, CELLS]
    end = start + size
    prefetch(pool, end - 1)
    prefetch(pool, max(end - CELLS_FETCHED, start))


@njit(cache=True)
def _ask_newest(pool, lines, chain, at):  # type: ignore[no-untyped-def]
    """Ask for the line of the newest edge of a slot: its time says where the event stands."""
    prefetch(lines, pool[chain[at, FROM] + chain[at, CELLS] - 1])


@njit(cache=True)
def _ask_lines(pool, lines, chain, at, cap, time_ms):  # type: ignore[no-untyped-def]
    """Find how many cells of a slot are before the event, and ask for the lines of the newest."""
    start = chain[at, FROM]
    cells = chain[at, CELLS] = older(pool, lines, start, chain[at, CELLS], time_ms)
    for cell in range(start + max(cells - min(cap, AHEAD), 0), start + cells):
        prefetch(lines, pool[cell])


@njit(cache=True)
def see(  # type: ignore[no-untyped-def]
    graph, ranks, lines, heads, slots, pool, told, labels, logs, horizon_ms, cuts, b, caps, keys, numbers, oldest, met,
    chain, edges,
):
    """The edges that an event sees, hop by hop in the order it comes upon them, into `edges`; the nodes into `met`.

    `keys` and `numbers` are of a `Known`, of which entries below `oldest` are empty.

    Returns:
        How many edges (NO_ROOM where one of the arrays is too short, UNDECIDED where lines do not say everything and
        `graph` is None), how many nodes, and whether an owner may have several versions among them.
    """
    time_ms, own, log, place = cuts[b, CUT_MS], cuts[b, OWN], cuts[b, PART], cuts[b, CUT_AT]
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
        for at in range(min(3 * SOON, many)):
            _ask_cells(pool, chain, at)
        for at in range(min(2 * SOON, many)):
            _ask_newest(pool, lines, chain, at)
        for at in range(min(SOON, many)):
            _ask_lines(pool, lines, chain, at, cap, time_ms)
        for at in range(many):
            if at + 3 * SOON < many:
                _ask_cells(pool, chain, at + 3 * SOON)
            if at + 2 * SOON < many:
                _ask_newest(pool, lines, chain, at + 2 * SOON)
            if at + SOON < many:
                _ask_lines(pool, lines, chain, at + SOON, cap, time_ms)
            start, cells, mine, taken = chain[at, FROM], chain[at, CELLS], chain[at, WHOSE], 0
            if max(used, known) + min(cap, cells) > len(edges):
                return NO_ROOM, 0, False
            node, cell = met[mine], start + cells
            while cell > start and taken < cap:
                cell -= 1
                version = np.int64(pool[cell])
                at_ms = lines[version, TIME_MS]
                counts = sees(lines, version, own, at_ms < horizon_ms, logs, cuts, b, time_ms, log, place)
                if counts == UNSAID:
                    if graph is None:
                        return UNDECIDED, 0, False
                    counts = seen(graph, lines, version, horizon_ms, cuts, b)
                if counts == 0:
                    continue
                taken += 1
                if number(keys, numbers, oldest, oldest + version, used) != used:
                    continue
                said = hears(lines, version, told, labels, horizon_ms, logs, cuts, b, time_ms, log, place)
                if said == UNSAID:
                    if graph is None:
                        return UNDECIDED, 0, False
                    said = label(graph, lines, ranks, horizon_ms, version, cuts, b)
                several |= lines[version, INFO] & ASK != 0
                src, dst = lines[version, ENDS] >> HALF, lines[version, ENDS] & LOW
                other = src if dst == node else dst
                theirs = number(keys, numbers, oldest, nodes + other, known)
                if theirs == known:
                    met[known] = other
                    known += 1
                    if onward:
                        prefetch(heads, other)
                edges[used, MS], edges[used, VERSION] = at_ms, version
                edges[used, SAID] = hop + 1 << SAID_BITS | said + 1
                edges[used, NODES] = mine << HALF | theirs if src == node else theirs << HALF | mine
                used += 1
        begun = reached
    return used, known, several


@njit(cache=True)
def keep_newest(graph, lines, ranks, edges, used):  # type: ignore[no-untyped-def]
    """Of an owner's versions only the one that stands last stays; how many edges there are then.

    A row of a new epoch's snapshot counts since its event's time, also where the streamed row it stands for was not
    closed yet (DECISIONS.md, 4).
    """
    room = 64
    while room < 2 * used:
        room *= 2
    keys, numbers = np.zeros(room, np.int64), np.zeros(room, np.int32)
    first, best, kept = np.empty(used, np.int32), np.empty(used, np.int32), 0
    for at in range(used):
        version = edges[at, VERSION]
        owner = first[at] = number(keys, numbers, STAMP, STAMP + owner_of(graph.several, lines, version), at)
        if owner != at:
            log, place, _ = where(graph, lines, version)
            other_log, other, _ = where(graph, lines, edges[best[owner], VERSION])
            if not later(graph.logs, ranks, log, place, other_log, other):
                continue
        best[owner] = at
    for at in range(used):
        if best[first[at]] == at:
            for word in range(WORDS):
                edges[kept, word] = edges[at, word]
            kept += 1
    return kept
