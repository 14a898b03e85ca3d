"""Frame: columns with every node counted over all subgraphs, and the few sums that features are made of.

Shapes: B subgraphs, N nodes, E edges, R relations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.columns import Columns, Floats, Ints
from scoring.schema import HOUR_MS

DAY_MS = 24 * HOUR_MS
NEVER_MS = 10 * 365 * DAY_MS  # stands for "not seen": older than anything a cap lets through
LOG1P = np.log1p(np.arange(100_000)).astype(np.float32)
Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Frame:
    """Columns with every node counted over all subgraphs, and each edge's two ends side by side."""

    columns: Columns
    relations: int
    nodes: int
    src: Ints  # [E]
    dst: Ints  # [E]
    ends: Ints  # [B, 2]
    graph: Ints  # [N]
    edge_graph: Ints  # [E]
    at: Ints  # [2E] node at which an edge is seen, sources first
    slot: Ints  # [2E] that node, relation and direction as one number
    age: Ints  # [2E]


def frame_of(columns: Columns, relations: int) -> Frame:
    """Lay out columns; `relations` is how many the schema has."""
    graph = np.repeat(np.arange(len(columns)), np.diff(columns.nodes_of))
    edge_graph = np.repeat(np.arange(len(columns)), np.diff(columns.edges_of))
    first = columns.nodes_of[:-1]
    src, dst = columns.src + first[edge_graph], columns.dst + first[edge_graph]
    at = np.concatenate([src, dst])
    way = np.repeat([0, 1], len(src))
    slot = (at * relations + np.tile(columns.relation, 2)) * 2 + way
    ends = columns.ends + first[:, None]
    return Frame(
        columns, relations, len(graph), src, dst, ends, graph, edge_graph, at, slot, np.tile(columns.age_ms, 2)
    )


def least(key: Ints, value: Array, size: int, start: float) -> Floats:
    """Smallest value of each key, `start` where there is none."""
    out = np.full(size, start, np.float64)
    np.minimum.at(out, key, value.astype(np.float64))  # of one type: casting inside is ten times slower
    return out


def distinct(key: Ints) -> Ints:
    """Each key once, sorted; a third of what np.unique takes on a few hundred."""
    ordered = np.sort(key)
    first = np.ones(len(ordered), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first]


def seconds(age_ms: Array) -> NDArray[np.float32]:
    """Seconds as the network reads them: to 2 s at a year, 32 s at ten."""
    return (age_ms / 1000.0).astype(np.float32)


def seconds_log(age_ms: Array) -> Floats:
    return np.log1p(np.minimum(age_ms, NEVER_MS) / 1000.0)


def log_count(count: Ints) -> Array:
    """log(1 + count), by table: counts of a capped neighbourhood are small."""
    return LOG1P[np.minimum(count, len(LOG1P) - 1)]


def bits(mask: Ints, words: int) -> Ints:
    """A column for each word: [*, words]."""
    return (mask[:, None] >> np.arange(words)) & 1
