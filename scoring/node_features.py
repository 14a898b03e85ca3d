"""What a node is and what its edges say: label, place, activity, flows, and counts by relation, direction and window.

Compiled: a pass over the edges of each subgraph, one over its nodes.

Shapes: B subgraphs, N nodes, E edges, R relations.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from graph.adjacency_known import number
from scoring.columns import Columns
from scoring.frame import LOG1P, NEVER_MS, log_count, log_one, most_of, seconds_log, table_of
from scoring.schema import NODE_FEATURES, WINDOWS_MS, FeatureSchema

HOUR, DAY, WEEK = WINDOWS_MS.values()
HOPS, FAR = 3, 127  # columns of the place; farther than any cap
ACTIVITY, FLOWS = 8, 6  # columns behind label and place, before the counts
BANDS = 4  # of age: within an hour, a day, a week, over that


def node_features(columns: Columns, schema: FeatureSchema) -> NDArray[np.float32]:
    """The features of every node, as `FeatureSchema.nodes` names them: [N, 64]."""
    labels, relations = len(schema.labels), len(schema.relations)
    width = labels + 2 + HOPS + ACTIVITY + FLOWS + BANDS * 2 * relations
    out = np.zeros((len(columns.label), max(width, NODE_FEATURES)), np.float32)
    _fill(
        columns.nodes_of, columns.edges_of, columns.label, columns.src, columns.dst, columns.relation, columns.age_ms,
        columns.known, columns.hop, columns.value, columns.ends, labels, 2 * relations, LOG1P, out,
    )  # fmt: skip
    return np.ascontiguousarray(out[:, :NODE_FEATURES])


@njit(cache=True)
def _fill(  # type: ignore[no-untyped-def]
    nodes_of, edges_of, label, src, dst, relation, age_ms, known, hop, value, ends, labels, ways, table, out
):  # fmt: skip
    """Sums of one subgraph after the other, in arrays that stay in the processor's caches. `ways` are 2R."""
    keys, numbers = table_of(edges_of)
    most, base = most_of(nodes_of), 1  # above the keys of earlier subgraphs
    counts, told, met = (
        np.empty((most, BANDS * ways), np.int32),
        np.empty((most, 3), np.int32),
        np.empty(most, np.int32),
    )
    flows, ages, near = np.empty((most, FLOWS)), np.empty((most, 2), np.int64), np.empty(most, np.int32)
    for b in range(len(nodes_of) - 1):
        size, pairs = nodes_of[b + 1] - nodes_of[b], 0
        counts[:size], met[:size], told[:size], flows[:size], near[:size] = 0, 0, 0, 0.0, FAR
        ages[:size, 0], ages[:size, 1] = NEVER_MS, 0
        for edge in range(edges_of[b], edges_of[b + 1]):
            low, high, age = min(src[edge], dst[edge]), max(src[edge], dst[edge]), age_ms[edge]
            if number(keys, numbers, base, base + low * size + high, pairs) == pairs:
                pairs += 1
                met[low] += 1
                met[high] += high != low
            band = (age > HOUR) + (age > DAY) + (age > WEEK)
            for way in range(2):
                node = src[edge] if way == 0 else dst[edge]
                counts[node, band * ways + 2 * relation[edge] + way] += 1
                told[node, known[edge] + 1] += 1
                ages[node, 0], ages[node, 1] = min(ages[node, 0], age), max(ages[node, 1], age)
                near[node] = min(near[node], hop[edge])
                amount = value[edge, 0]
                if amount > 0:
                    flows[node, way] += amount
                    flows[node, 2 + way] = max(flows[node, 2 + way], amount)
                    flows[node, 4 + way] += amount if age <= DAY else 0.0
        base += size * size
        for way in range(2):
            out[nodes_of[b] + ends[b, way], labels + way] = 1
            near[ends[b, way]] = 0
        for node in range(size):
            at, row = nodes_of[b] + node, counts[node]
            if label[at] >= 0:
                out[at, label[at]] = 1
            out[at, labels + 2 + min(near[node], 2)] = 1
            first = labels + 2 + HOPS
            _counted(row, ways, table, out, at, first)
            out[at, first + 3] = log_count(table, met[node])
            out[at, first + 4], out[at, first + 5] = seconds_log(ages[node, 0]), seconds_log(ages[node, 1])
            out[at, first + 6], out[at, first + 7] = log_count(table, told[node, 2]), log_count(table, told[node, 1])
            for flow in range(FLOWS):
                if flows[node, flow] > 0:
                    out[at, first + ACTIVITY + flow] = log_one(flows[node, flow])


@njit(cache=True)
def _counted(row, ways, table, out, at, first):  # type: ignore[no-untyped-def]
    """Edges of a node ever, of an hour and of a day; by relation and direction ever, and within each window."""
    hour, day, all_, column = 0, 0, 0, first + ACTIVITY + FLOWS
    for way in range(ways):
        within = row[way]
        hour += within
        out[at, column + ways + way] = log_count(table, within)
        within += row[ways + way]
        day += within
        out[at, column + 2 * ways + way] = log_count(table, within)
        within += row[2 * ways + way]
        out[at, column + 3 * ways + way] = log_count(table, within)
        within += row[3 * ways + way]
        all_ += within
        out[at, column + way] = log_count(table, within)
    out[at, first], out[at, first + 1] = log_count(table, all_), log_count(table, hour)
    out[at, first + 2] = log_count(table, day)
