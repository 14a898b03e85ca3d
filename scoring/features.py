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
from scoring.columns import Columns, Ints, Reader
from scoring.core.batch import GraphBatch
from scoring.core.topology import with_topology
from scoring.edge_features import edge_features
from scoring.event_features import event_features
from scoring.frame import frame_of, seconds
from scoring.node_features import node_features
from scoring.schema import FeatureSchema


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
    frame, words = frame_of(columns), len(schema.words)
    return Features(
        node_features(columns, schema),
        edge_features(columns, words),
        event_features(columns, len(schema.relations), words),
        frame.src,
        frame.dst,
        columns.relation.astype(np.int64),
        frame.ends,
        frame.graph,
        frame.edge_graph,
        seconds(columns.age_ms),
    )
