"""What the event says of itself against its past: ratios, novelty, recency, the clock. Compiled: one pass a subgraph.

Shapes: B events, R relations, E edges, K numeric slots.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from graph.adjacency_known import number
from scoring.columns import Columns
from scoring.frame import DAY_MS, NEVER_MS, log_one, most_of, seconds_log, table_of
from scoring.schema import HOUR_MS

(TO_MEAN, TO_MAX, TO_INFLOW, HOUR_SIN, HOUR_COS, WEEK_SIN, WEEK_COS, PAIR, PAIR_NEW, SOURCE_NEW, TARGET_NEW,
 SOURCE_FIRST, TARGET_FIRST, FRAUDS, LEGITS) = range(15)  # fmt: skip
OWN = 15  # columns behind relation and amounts
SINCE, NEAR_1H, NEAR_24H, NEAR_NEW = 0, 2, 3, 4  # blocks of R behind those; SINCE of each end
BLOCKS = 5


def event_features(columns: Columns, relations: int, words: int) -> NDArray[np.float32]:
    """The events' own features, as `FeatureSchema.event` names them: [B, V]."""
    slots = columns.amount.shape[1]
    out = np.zeros((len(columns), relations + slots + OWN + BLOCKS * relations + words))
    _fill(
        columns.nodes_of, columns.edges_of, columns.src, columns.dst, columns.relation, columns.age_ms, columns.known,
        columns.value, columns.ends, columns.kind, columns.time_ms, columns.amount, columns.says, relations, words, out,
    )  # fmt: skip
    return out.astype(np.float32)


@njit(cache=True)
def _fill(  # type: ignore[no-untyped-def]
    nodes_of, edges_of, src, dst, relation, age_ms, known, value, ends, kind, time_ms, amount, says, relations, words,
    out,
):  # fmt: skip
    keys, numbers = table_of(edges_of)
    near = np.zeros(most_of(nodes_of), np.bool_)
    oldest, of = np.zeros(most_of(edges_of)), np.zeros(most_of(edges_of), np.int64)
    slots, base = amount.shape[1], 1
    for b in range(len(kind)):
        row, edges, size = out[b], range(edges_of[b], edges_of[b + 1]), nodes_of[b + 1] - nodes_of[b]
        if kind[b] >= 0:
            row[kind[b]] = 1
        for slot in range(slots):
            row[relations + slot] = log_one(amount[b, slot])
        own = row[relations + slots : relations + slots + OWN]
        blocks = row[relations + slots + OWN : relations + slots + OWN + BLOCKS * relations]
        source, target = ends[b, 0], ends[b, 1]
        _itself(edges, src, dst, relation, age_ms, known, value, source, target, kind[b], amount[b, 0], own)
        _clock(time_ms[b], own)
        _since(edges, src, dst, relation, age_ms, source, target, relations, blocks)
        _near(edges, src, dst, source, near)
        pairs = 0  # by nodes and relation: when each was first seen
        for edge in edges:
            if not (near[src[edge]] or near[dst[edge]]):
                continue
            at, age = relation[edge], age_ms[edge]
            blocks[NEAR_1H * relations + at] += age <= HOUR_MS
            blocks[NEAR_24H * relations + at] += age <= DAY_MS
            key = base + (np.int64(src[edge]) * size + dst[edge]) * relations + at
            pair = number(keys, numbers, base, key, pairs)
            if pair == pairs:
                pairs += 1
                oldest[pair], of[pair] = 0, at
            oldest[pair] = max(oldest[pair], age)
        base += size * size * relations
        for at in range(NEAR_NEW * relations, BLOCKS * relations):
            blocks[at] = NEVER_MS
        for pair in range(pairs):
            at = NEAR_NEW * relations + of[pair]
            blocks[at] = min(blocks[at], oldest[pair])
        near[:size] = False
        for at in range(BLOCKS * relations):
            counts = NEAR_1H * relations <= at < NEAR_NEW * relations
            blocks[at] = log_one(blocks[at]) if counts else seconds_log(blocks[at])
        for word in range(words):
            row[len(row) - words + word] = says[b] >> word & 1


@njit(cache=True)
def _itself(edges, src, dst, relation, age_ms, known, value, source, target, kind, amount, out):  # type: ignore[no-untyped-def]
    """Ratios, as logs, to the source's own past and its inflow of a day; what was not there before; what is known."""
    own, total, top, inflow = 0, 0.0, 0.0, 0.0
    for edge in edges:
        same = relation[edge] == kind
        if same and src[edge] == source:
            own += 1
            total += value[edge, 0]
            top = max(top, value[edge, 0])
            out[PAIR] += dst[edge] == target
        if dst[edge] == source and age_ms[edge] <= DAY_MS:
            inflow += value[edge, 0]
        for way in range(2):
            end = source if way == 0 else target
            if src[edge] == end or dst[edge] == end:
                out[SOURCE_NEW + way] += 1
                out[SOURCE_FIRST + way] += same
        if known[edge] >= 0:
            out[FRAUDS if known[edge] == 1 else LEGITS] += 1
    out[PAIR_NEW] = out[PAIR] == 0
    for at in (SOURCE_NEW, TARGET_NEW, SOURCE_FIRST, TARGET_FIRST):
        out[at] = out[at] == 0
    for at in (PAIR, FRAUDS, LEGITS):
        out[at] = log_one(out[at])
    _ratio(out, TO_MEAN, amount, total / max(own, 1))
    _ratio(out, TO_MAX, amount, top)
    _ratio(out, TO_INFLOW, amount, inflow)


@njit(cache=True)
def _ratio(out, at, amount, against):  # type: ignore[no-untyped-def]
    if amount > 0 and against > 0:
        out[at] = log_one(amount) - log_one(against)


@njit(cache=True)
def _clock(time_ms, out):  # type: ignore[no-untyped-def]
    """Hour of the day and day of the week (UTC) on a circle."""
    day = 2 * np.pi * (time_ms % DAY_MS / DAY_MS)
    week = 2 * np.pi * (time_ms % (7 * DAY_MS) / (7 * DAY_MS))
    out[HOUR_SIN], out[HOUR_COS], out[WEEK_SIN], out[WEEK_COS] = np.sin(day), np.cos(day), np.sin(week), np.cos(week)


@njit(cache=True)
def _since(edges, src, dst, relation, age_ms, source, target, relations, blocks):  # type: ignore[no-untyped-def]
    """Age of each end's last edge of each relation, either way."""
    blocks[: 2 * relations] = NEVER_MS
    for edge in edges:
        for way in range(2):
            end, at = (source if way == 0 else target), (SINCE + way) * relations + relation[edge]
            if src[edge] == end or dst[edge] == end:
                blocks[at] = min(blocks[at], age_ms[edge])


@njit(cache=True)
def _near(edges, src, dst, source, near):  # type: ignore[no-untyped-def]
    """Mark the source and its neighbours."""
    near[source] = True
    for edge in edges:
        if src[edge] == source:
            near[dst[edge]] = True
        elif dst[edge] == source:
            near[src[edge]] = True
