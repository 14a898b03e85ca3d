"""Columns → tensors: the features of nodes, edges and events, a pure function of the subgraphs.

Everything is a count, a sum or an extreme over the edges of a subgraph, so the order of the edges
does not matter; all of it is as of the event, because a subgraph holds nothing later.

Shapes: B subgraphs, N nodes, E edges, R relations, K numeric slots.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from graph.model import Subgraph
from scoring.columns import Columns, Floats, Ints, Reader
from scoring.core.network import GraphBatch
from scoring.schema import HOUR_MS, NODE_FEATURES, WINDOWS_MS, FeatureSchema

DAY_MS = 24 * HOUR_MS
NEVER_MS = 10 * 365 * DAY_MS  # stands for "not seen": older than anything a cap lets through
BANDS_MS = np.array(list(WINDOWS_MS.values()))
LOG1P = np.log1p(np.arange(100_000)).astype(np.float32)
Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Features:
    """Features of B subgraphs as arrays; see `FeatureSchema` for the names.

    Attributes:
        nodes: [N, 64].
        edges: [E, A].
        event: [B, V].
        src, dst: [E] nodes, counted over all subgraphs.
        relation: [E].
        ends: [B, 2] nodes, counted over all subgraphs.
        graph: [N] which subgraph a node belongs to.
        edge_graph: [E] which subgraph an edge belongs to.
    """

    nodes: NDArray[np.float32]
    edges: NDArray[np.float32]
    event: NDArray[np.float32]
    src: Ints
    dst: Ints
    relation: Ints
    ends: Ints
    graph: Ints
    edge_graph: Ints

    def batch(self) -> GraphBatch:
        """The same as tensors."""
        return GraphBatch(
            torch.from_numpy(self.nodes),
            torch.from_numpy(np.stack([self.src, self.dst])),
            torch.from_numpy(self.relation),
            torch.from_numpy(self.edges),
            torch.from_numpy(self.event),
            torch.from_numpy(self.ends),
            torch.from_numpy(self.graph),
        )


@dataclass(frozen=True, slots=True)
class _Frame:
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


def features_of(subgraphs: Sequence[Subgraph], schema: FeatureSchema) -> Features:
    """Features of subgraphs; to serve many, keep a `Reader` and call `compute`."""
    return compute(Reader(schema).read(subgraphs), schema)


def compute(columns: Columns, schema: FeatureSchema) -> Features:
    """Features of columns that were read by the same schema."""
    frame = _frame(columns, len(schema.relations))
    return Features(
        _nodes(frame, schema),
        _edges(frame, len(schema.words)),
        _events(frame, len(schema.words)),
        frame.src,
        frame.dst,
        columns.relation.astype(np.int64),
        frame.ends,
        frame.graph,
        frame.edge_graph,
    )


def _frame(columns: Columns, relations: int) -> _Frame:
    graph = np.repeat(np.arange(len(columns)), np.diff(columns.nodes_of))
    edge_graph = np.repeat(np.arange(len(columns)), np.diff(columns.edges_of))
    first = columns.nodes_of[:-1]
    src, dst = columns.src + first[edge_graph], columns.dst + first[edge_graph]
    at = np.concatenate([src, dst])
    way = np.repeat([0, 1], len(src))
    slot = (at * relations + np.tile(columns.relation, 2)) * 2 + way
    ends = columns.ends + first[:, None]
    return _Frame(
        columns, relations, len(graph), src, dst, ends, graph, edge_graph, at, slot, np.tile(columns.age_ms, 2)
    )


def _least(key: Ints, value: Array, size: int, start: float) -> Floats:
    """Smallest value of each key, `start` where there is none."""
    out = np.full(size, start, np.float64)
    np.minimum.at(out, key, value.astype(np.float64))  # of one type: casting inside is ten times slower
    return out


def _distinct(key: Ints) -> Ints:
    """Each key once, sorted; a third of what np.unique takes on a few hundred."""
    ordered = np.sort(key)
    first = np.ones(len(ordered), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first]


def _seconds_log(age_ms: Array) -> Floats:
    return np.log1p(np.minimum(age_ms, NEVER_MS) / 1000.0)


def _nodes(frame: _Frame, schema: FeatureSchema) -> NDArray[np.float32]:
    columns, size = frame.columns, frame.nodes
    label = columns.label[:, None] == np.arange(len(schema.labels))  # [N, labels]
    is_end = np.zeros((size, 2))
    is_end[frame.ends[:, 0], 0] = 1
    is_end[frame.ends[:, 1], 1] = 1
    hop = _least(frame.at, np.tile(columns.hop, 2), size, 127)
    hop[frame.ends.ravel()] = 0
    counts = _counts(frame)  # [4, N, 2R]
    blocks = [label, is_end, np.stack([hop == 0, hop == 1, hop > 1], 1), _activity(frame, counts), _flows(frame)]
    blocks += [_log(counts[window]) for window in (3, 0, 1, 2)]
    matrix = np.concatenate(blocks, axis=1, dtype=np.float32)[:, :NODE_FEATURES]
    if matrix.shape[1] < NODE_FEATURES:
        matrix = np.pad(matrix, ((0, 0), (0, NODE_FEATURES - matrix.shape[1])))
    return np.ascontiguousarray(matrix)


def _counts(frame: _Frame) -> Ints:
    """Edges of each node by relation and direction within 1 h, 24 h, 7 days, ever: [4, N, 2R]."""
    band = np.searchsorted(BANDS_MS, frame.age)  # 0 within an hour, 3 over a week
    size = frame.nodes * frame.relations * 2
    counts = np.bincount(band * size + frame.slot, minlength=4 * size).reshape(4, frame.nodes, frame.relations * 2)
    for wider in (1, 2, 3):
        counts[wider] += counts[wider - 1]
    return counts


def _log(count: Ints) -> Array:
    """log(1 + count), by table: counts of a capped neighbourhood are small."""
    return LOG1P[np.minimum(count, len(LOG1P) - 1)]


def _activity(frame: _Frame, counts: Ints) -> Floats:
    """How much, how lately, with how many, and what is known of it: [N, 8]."""
    size, at, age = frame.nodes, frame.at, frame.age
    edges = [counts[window].sum(axis=1) for window in (3, 0, 1)]
    pairs = _distinct(np.minimum(frame.src, frame.dst) * size + np.maximum(frame.src, frame.dst))
    low, high = np.divmod(pairs, max(size, 1))
    met = np.bincount(low, minlength=size) + np.bincount(high[high != low], minlength=size)
    known = np.tile(frame.columns.known, 2)
    return np.stack(
        [
            *(_log(count) for count in edges),
            _log(met),
            _seconds_log(_least(at, age, size, NEVER_MS)),
            _seconds_log(np.maximum(-_least(at, -age, size, 0), 0)),
            _log(np.bincount(at[known == 1], minlength=size)),
            _log(np.bincount(at[known == 0], minlength=size)),
        ],
        axis=1,
    )


def _flows(frame: _Frame) -> Floats:
    """Sums and maxima of the first numeric attribute, out and in: [N, 6]."""
    size, value, late = frame.nodes, frame.columns.value[:, 0], frame.columns.age_ms <= DAY_MS
    sums = [np.bincount(end, value, size) for end in (frame.src, frame.dst)]
    tops = [-_least(end, -value, size, 0) for end in (frame.src, frame.dst)]
    lates = [np.bincount(end[late], value[late], size) for end in (frame.src, frame.dst)]
    return np.log1p(np.stack([*sums, *tops, *lates], axis=1))


def _edges(frame: _Frame, words: int) -> NDArray[np.float32]:
    columns, age = frame.columns, frame.columns.age_ms
    value = np.log1p(columns.value)  # [E, K]
    own = np.log1p(columns.amount)[frame.edge_graph, 0]  # [E]
    both = (own > 0) & (value[:, 0] > 0)
    ends = frame.ends[frame.edge_graph]  # [E, 2]
    time_ms = columns.time_ms[frame.edge_graph]
    flags = [
        np.where(both, np.exp(-np.abs(value[:, 0] - own)), 0.0),
        _seconds_log(age),
        age <= HOUR_MS,
        age <= DAY_MS,
        columns.known == 1,
        columns.known == 0,
        columns.hop > 1,
        (time_ms // HOUR_MS) % 24 == ((time_ms - age) // HOUR_MS) % 24,
        (frame.src == ends[:, 0]) & (frame.dst == ends[:, 1]),
    ]
    return np.concatenate([value, np.stack(flags, axis=1), _bits(columns.words, words)], axis=1, dtype=np.float32)


def _bits(mask: Ints, words: int) -> Ints:
    """A column for each word: [*, words]."""
    return (mask[:, None] >> np.arange(words)) & 1


def _events(frame: _Frame, words: int) -> NDArray[np.float32]:
    columns = frame.columns
    kind = columns.kind[:, None] == np.arange(frame.relations)  # [B, R]
    blocks = [kind, np.log1p(columns.amount), _ratios(frame), _clock(columns.time_ms), _novelty(frame)]
    blocks += [_recency(frame), _near(frame), _bits(columns.says, words)]
    return np.concatenate(blocks, axis=1, dtype=np.float32)


def _ratios(frame: _Frame) -> Floats:
    """The event's amount against the source's own past and its inflow of a day, as log ratios: [B, 3]."""
    columns, size = frame.columns, len(frame.columns)
    value, amount = columns.value[:, 0], columns.amount[:, 0]
    own = (frame.src == frame.ends[frame.edge_graph, 0]) & (columns.relation == columns.kind[frame.edge_graph])
    key, past = frame.edge_graph[own], value[own]
    mean = np.bincount(key, past, size) / np.maximum(np.bincount(key, minlength=size), 1)
    top = -_least(key, -past, size, 0)
    into = (frame.dst == frame.ends[frame.edge_graph, 0]) & (columns.age_ms <= DAY_MS)
    inflow = np.bincount(frame.edge_graph[into], value[into], size)
    against = np.stack([mean, top, inflow], axis=1)
    return np.where((against > 0) & (amount[:, None] > 0), np.log1p(amount)[:, None] - np.log1p(against), 0.0)


def _clock(time_ms: Ints) -> Floats:
    """Hour of the day and day of the week (UTC) on a circle: [B, 4]."""
    day, week = (time_ms % (24 * HOUR_MS)) / (24 * HOUR_MS), (time_ms % (7 * DAY_MS)) / (7 * DAY_MS)
    turns = 2 * np.pi * np.stack([day, week], axis=1)  # [B, 2]
    return np.stack([np.sin(turns[:, 0]), np.cos(turns[:, 0]), np.sin(turns[:, 1]), np.cos(turns[:, 1])], axis=1)


def _novelty(frame: _Frame) -> Floats:
    """What was not there before: the pair, the ends, their first edge of this relation; what is known: [B, 8]."""
    columns, size, graph = frame.columns, len(frame.columns), frame.edge_graph
    ends = frame.ends[graph]
    same = columns.relation == columns.kind[graph]
    pair = np.bincount(graph[same & (frame.src == ends[:, 0]) & (frame.dst == ends[:, 1])], minlength=size)
    touches = [(frame.src == end) | (frame.dst == end) for end in (ends[:, 0], ends[:, 1])]
    seen = [np.bincount(graph[touch], minlength=size) for touch in touches]
    first = [np.bincount(graph[same & touch], minlength=size) for touch in touches]
    known = [np.bincount(graph[columns.known == value], minlength=size) for value in (1, 0)]
    return np.stack(
        [np.log1p(pair), pair == 0, *(count == 0 for count in (*seen, *first)), *(np.log1p(count) for count in known)],
        axis=1,
    )


def _recency(frame: _Frame) -> Floats:
    """Log seconds since each end's last edge of each relation, either way: [B, 2R]."""
    columns, size, relations = frame.columns, len(frame.columns), frame.relations
    key = frame.edge_graph * relations + columns.relation
    parts = []
    for way in (0, 1):
        end = frame.ends[frame.edge_graph, way]
        touch = (frame.src == end) | (frame.dst == end)
        least = _least(key[touch], columns.age_ms[touch], size * relations, NEVER_MS)
        parts.append(_seconds_log(least).reshape(size, relations))
    return np.concatenate(parts, axis=1)


def _near(frame: _Frame) -> Floats:
    """Around the source and its neighbours, per relation: edges of an hour and a day, the newest new pair: [B, 3R]."""
    columns, relations = frame.columns, frame.relations
    size = len(columns) * relations
    near = np.zeros(frame.nodes, bool)
    near[frame.ends[:, 0]] = True
    source = frame.ends[frame.edge_graph, 0]
    near[frame.dst[frame.src == source]] = True
    near[frame.src[frame.dst == source]] = True
    mine = near[frame.src] | near[frame.dst]
    key, age = (frame.edge_graph * relations + columns.relation)[mine], columns.age_ms[mine]
    counts = [np.log1p(np.bincount(key[age <= window], minlength=size)) for window in (HOUR_MS, DAY_MS)]
    pair = (frame.src * frame.nodes + frame.dst)[mine] * relations + columns.relation[mine]
    pairs, place, index = np.unique(pair, return_index=True, return_inverse=True)
    oldest = -_least(index, -age, len(pairs), 0)  # when each pair was first seen
    newest = _least(key[place], oldest, size, NEVER_MS)
    return (
        np.stack([*counts, _seconds_log(newest)], axis=0)
        .reshape(3, len(columns), relations)
        .swapaxes(0, 1)
        .reshape(len(columns), 3 * relations)
    )
