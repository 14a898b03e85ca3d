"""What is known of an end or a value as of an event, over thousands of its edges: compiled sums, no subgraph.

A walk reads a small neighbourhood. What has ten thousand edges, of which the newest hundreds are too young to be
reported, is told apart by what became of all of them. Letters: B events, S subjects of each, SUMS sums.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from graph.adjacency_arrays import NEXT, ROOM_BITS, SIZE, SMALLEST, START, WHAT
from graph.adjacency_lines import CUT_AT, CUT_MS, OWN, PART, TIME_MS, UNSAID, hears, sees
from graph.adjacency_rule import label, older, seen

SUMS = 12
(COUNT, FRAUDS, LEGITS, NEW_KNOWN, NEW_FRAUDS, MID_KNOWN, MID_FRAUDS, NEWEST_MS, OLDEST_MS, VALUE, FRAUD_VALUE,
 BEFORE_FRAUD) = range(SUMS)  # fmt: skip
NEW, MID = 20, 100  # known labels that count as new, and as not old


@njit(cache=True)
def tally(graph, lines, ranks, horizon_ms, cuts, node, key, value, most, out):  # type: ignore[no-untyped-def]
    """Sum up the newest `most` edges in each subject's slot: `node` and `key` are [B, S], `out` [B, S, SUMS] zeros.

    COUNT edges, FRAUDS and LEGITS known among them; the same two of the newest 20 and 100 known; ages of the newest
    and the oldest edge in ms (-1: none); VALUE and FRAUD_VALUE sums of `value` over all and over known frauds;
    BEFORE_FRAUD edges newer than the newest known fraud (all, where none is known). Of an owner two versions may count,
    where a new epoch read a row that was not closed yet: a subgraph shows the later, here are both. What a line can
    answer is asked of no function that takes all arrays: passing them costs more than a look.
    """
    slots, pool, told, labels, logs = graph.slots.rows, graph.pool.rows, graph.told, graph.labels, graph.logs
    for b in range(node.shape[0]):
        time_ms, own, log, place = cuts[b, CUT_MS], cuts[b, OWN], cuts[b, PART], cuts[b, CUT_AT]
        for s in range(node.shape[1]):
            out[b, s, NEWEST_MS], out[b, s, OLDEST_MS] = -1.0, -1.0
            slot = graph.nodes.slot[node[b, s]] if node[b, s] >= 0 else -1
            while slot >= 0 and slots[slot, WHAT] >> ROOM_BITS != key[b, s]:
                slot = slots[slot, NEXT]
            if slot < 0:
                continue
            start = np.int64(slots[slot, START]) << SMALLEST
            cell = start + older(pool, lines, start, slots[slot, SIZE], time_ms) - 1
            count, frauds, legits, before = 0, 0, 0, 0
            while cell >= start and count < most:
                version = np.int64(pool[cell])
                at_ms = lines[version, TIME_MS]
                hidden, age_ms = at_ms < horizon_ms, time_ms - at_ms
                cell -= 1
                counts = sees(lines, version, own, hidden, logs, cuts, b, time_ms, log, place)
                if counts == 0 or (counts == UNSAID and not seen(graph, lines, version, horizon_ms, cuts, b)):
                    continue
                if count == 0:
                    out[b, s, NEWEST_MS] = age_ms
                count += 1
                out[b, s, OLDEST_MS] = age_ms
                out[b, s, VALUE] += value[version]
                fraud = hears(lines, version, told, labels, horizon_ms, logs, cuts, b, time_ms, log, place)
                if fraud == UNSAID:
                    fraud = label(graph, lines, ranks, horizon_ms, version, cuts, b)
                if fraud != 1 and frauds == 0:
                    before += 1
                if fraud < 0:
                    continue
                if frauds + legits < NEW:
                    out[b, s, NEW_KNOWN] += 1
                    out[b, s, NEW_FRAUDS] += fraud
                if frauds + legits < MID:
                    out[b, s, MID_KNOWN] += 1
                    out[b, s, MID_FRAUDS] += fraud
                if fraud == 1:
                    frauds += 1
                    out[b, s, FRAUD_VALUE] += value[version]
                else:
                    legits += 1
            out[b, s, COUNT], out[b, s, FRAUDS], out[b, s, LEGITS], out[b, s, BEFORE_FRAUD] = (
                count, frauds, legits, before
            )  # fmt: skip
