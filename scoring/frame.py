"""What the features of nodes, edges and events share: the clock's units, logs of counts and ages, and a place for each.

Shapes: B subgraphs, N nodes, E edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from scoring.columns import Columns, Ints
from scoring.schema import HOUR_MS

DAY_MS = 24 * HOUR_MS
NEVER_MS = 10 * 365 * DAY_MS  # stands for "not seen": older than anything a cap lets through
LOG1P = np.log1p(np.arange(4_096)).astype(np.float32)  # of counts: those of a capped neighbourhood are small
Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Frame:
    """Where everything stands, with every node counted over all subgraphs.

    Attributes:
        src, dst: [E] nodes.
        ends: [B, 2] the events' own.
        graph: [N] which subgraph a node belongs to.
        edge_graph: [E] which subgraph an edge belongs to.
    """

    src: Ints
    dst: Ints
    ends: Ints
    graph: Ints
    edge_graph: Ints


def frame_of(columns: Columns) -> Frame:
    """Lay out columns."""
    return Frame(*_laid_out(columns.nodes_of, columns.edges_of, columns.src, columns.dst, columns.ends))


@njit(cache=True)
def _laid_out(nodes_of, edges_of, src, dst, ends):  # type: ignore[no-untyped-def]
    count = len(nodes_of) - 1
    from_, to, graph_of = np.empty(len(src), np.int64), np.empty(len(src), np.int64), np.empty(len(src), np.int64)
    graph, own = np.empty(nodes_of[count], np.int64), np.empty((count, 2), np.int64)
    for b in range(count):
        first = nodes_of[b]
        graph[first : nodes_of[b + 1]] = b
        own[b, 0], own[b, 1] = ends[b, 0] + first, ends[b, 1] + first
        for edge in range(edges_of[b], edges_of[b + 1]):
            from_[edge], to[edge], graph_of[edge] = src[edge] + first, dst[edge] + first, b
    return from_, to, own, graph, graph_of


def seconds(age_ms: Array) -> NDArray[np.float32]:
    """Seconds as the network reads them: to 2 s at a year, 32 s at ten."""
    return (age_ms / 1000.0).astype(np.float32)


@njit(cache=True)
def log_one(value):  # type: ignore[no-untyped-def]
    """log(1 + value) to 2e-16, which no feature is told apart by, in less than half the time of log1p."""
    return np.log(1.0 + value)


@njit(cache=True)
def seconds_log(age_ms):  # type: ignore[no-untyped-def]
    """log(1 + seconds)."""
    return log_one(min(age_ms, NEVER_MS) / 1000.0)


@njit(cache=True)
def log_count(table, count):  # type: ignore[no-untyped-def]
    """log(1 + count), of small ones by the table."""
    return table[count] if count < len(table) else np.float32(log_one(count))


@njit(cache=True)
def most_of(starts):  # type: ignore[no-untyped-def]
    """How many the largest of the groups has that start there."""
    most = 0
    for b in range(len(starts) - 1):
        most = max(most, starts[b + 1] - starts[b])
    return most


@njit(cache=True)
def table_of(edges_of):  # type: ignore[no-untyped-def]
    """An empty table (`graph.adjacency_known.number`) for the edges of one subgraph at a time: keys, numbers."""
    room = 4
    while room < 2 * most_of(edges_of):
        room *= 2
    return np.zeros(room, np.int64), np.zeros(room, np.int32)
