"""Columns → tensors: the features of nodes, edges and events, a pure function of the subgraphs.

Everything is a count, a sum or an extreme over the edges of a subgraph, so the order of the edges
does not matter; all of it is as of the event, because a subgraph holds nothing later.

Shapes: B subgraphs, N nodes, E edges, R relations, K numeric slots.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from graph.model import Subgraph
from scoring.columns import Columns, Floats, Ints, Reader
from scoring.core.batch import GraphBatch
from scoring.core.topology import with_topology
from scoring.event_features import event_features
from scoring.frame import DAY_MS, NEVER_MS, Frame, bits, distinct, frame_of, least, log_count, seconds, seconds_log
from scoring.schema import HOUR_MS, NODE_FEATURES, WINDOWS_MS, FeatureSchema

BANDS_MS = np.array(list(WINDOWS_MS.values()))


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
        age: [E] seconds before the event.
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
    age: NDArray[np.float32]

    def batch(self, topology: bool = False) -> GraphBatch:
        """The same as tensors, with the topology of each subgraph where the network reads it.

        Raises:
            GudhiMissing: the topology is asked for and gudhi is not installed.
        """
        batch = GraphBatch(
            torch.from_numpy(self.nodes),
            torch.from_numpy(np.stack([self.src, self.dst])),
            torch.from_numpy(self.relation),
            torch.from_numpy(self.edges),
            torch.from_numpy(self.event),
            torch.from_numpy(self.ends),
            torch.from_numpy(self.graph),
            torch.from_numpy(self.age),
        )
        return with_topology(batch) if topology else batch


def features_of(subgraphs: Sequence[Subgraph], schema: FeatureSchema) -> Features:
    """Features of subgraphs; to serve many, keep a `Reader` and call `compute`."""
    return compute(Reader(schema).read(subgraphs), schema)


def compute(columns: Columns, schema: FeatureSchema) -> Features:
    """Features of columns that were read by the same schema."""
    frame = frame_of(columns, len(schema.relations))
    return Features(
        _nodes(frame, schema),
        _edges(frame, len(schema.words)),
        event_features(frame, len(schema.words)),
        frame.src,
        frame.dst,
        columns.relation.astype(np.int64),
        frame.ends,
        frame.graph,
        frame.edge_graph,
        seconds(columns.age_ms),
    )


def _nodes(frame: Frame, schema: FeatureSchema) -> NDArray[np.float32]:
    columns, size = frame.columns, frame.nodes
    label = columns.label[:, None] == np.arange(len(schema.labels))  # [N, labels]
    is_end = np.zeros((size, 2))
    is_end[frame.ends[:, 0], 0] = 1
    is_end[frame.ends[:, 1], 1] = 1
    hop = least(frame.at, np.tile(columns.hop, 2), size, 127)
    hop[frame.ends.ravel()] = 0
    counts = _counts(frame)  # [4, N, 2R]
    blocks = [label, is_end, np.stack([hop == 0, hop == 1, hop > 1], 1), _activity(frame, counts), _flows(frame)]
    blocks += [log_count(counts[window]) for window in (3, 0, 1, 2)]
    matrix = np.concatenate(blocks, axis=1, dtype=np.float32)[:, :NODE_FEATURES]
    if matrix.shape[1] < NODE_FEATURES:
        matrix = np.pad(matrix, ((0, 0), (0, NODE_FEATURES - matrix.shape[1])))
    return np.ascontiguousarray(matrix)


def _counts(frame: Frame) -> Ints:
    """Edges of each node by relation and direction within 1 h, 24 h, 7 days, ever: [4, N, 2R]."""
    band = np.searchsorted(BANDS_MS, frame.age)  # 0 within an hour, 3 over a week
    size = frame.nodes * frame.relations * 2
    counts = np.bincount(band * size + frame.slot, minlength=4 * size).reshape(4, frame.nodes, frame.relations * 2)
    for wider in (1, 2, 3):
        counts[wider] += counts[wider - 1]
    return counts


def _activity(frame: Frame, counts: Ints) -> Floats:
    """How much, how lately, with how many, and what is known of it: [N, 8]."""
    size, at, age = frame.nodes, frame.at, frame.age
    edges = [counts[window].sum(axis=1) for window in (3, 0, 1)]
    pairs = distinct(np.minimum(frame.src, frame.dst) * size + np.maximum(frame.src, frame.dst))
    low, high = np.divmod(pairs, max(size, 1))
    met = np.bincount(low, minlength=size) + np.bincount(high[high != low], minlength=size)
    known = np.tile(frame.columns.known, 2)
    return np.stack(
        [
            *(log_count(count) for count in edges),
            log_count(met),
            seconds_log(least(at, age, size, NEVER_MS)),
            seconds_log(np.maximum(-least(at, -age, size, 0), 0)),
            log_count(np.bincount(at[known == 1], minlength=size)),
            log_count(np.bincount(at[known == 0], minlength=size)),
        ],
        axis=1,
    )


def _flows(frame: Frame) -> Floats:
    """Sums and maxima of the first numeric attribute, out and in: [N, 6]."""
    size, value, late = frame.nodes, frame.columns.value[:, 0], frame.columns.age_ms <= DAY_MS
    sums = [np.bincount(end, value, size) for end in (frame.src, frame.dst)]
    tops = [-least(end, -value, size, 0) for end in (frame.src, frame.dst)]
    lates = [np.bincount(end[late], value[late], size) for end in (frame.src, frame.dst)]
    return np.log1p(np.stack([*sums, *tops, *lates], axis=1))


def _edges(frame: Frame, words: int) -> NDArray[np.float32]:
    columns, age = frame.columns, frame.columns.age_ms
    value = np.log1p(columns.value)  # [E, K]
    own = np.log1p(columns.amount)[frame.edge_graph, 0]  # [E]
    both = (own > 0) & (value[:, 0] > 0)
    ends = frame.ends[frame.edge_graph]  # [E, 2]
    time_ms = columns.time_ms[frame.edge_graph]
    flags = [
        np.where(both, np.exp(-np.abs(value[:, 0] - own)), 0.0),
        seconds_log(age),
        age <= HOUR_MS,
        age <= DAY_MS,
        columns.known == 1,
        columns.known == 0,
        columns.hop > 1,
        (time_ms // HOUR_MS) % 24 == ((time_ms - age) // HOUR_MS) % 24,
        (frame.src == ends[:, 0]) & (frame.dst == ends[:, 1]),
    ]
    return np.concatenate([value, np.stack(flags, axis=1), bits(columns.words, words)], axis=1, dtype=np.float32)
