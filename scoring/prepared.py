"""Features of a whole training set, computed once and kept at half precision, cut into batches on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from scoring.columns import Columns, Floats, Ints, ragged
from scoring.core.batch import GraphBatch
from scoring.core.scaling import Scaling
from scoring.core.topology import FEATURES
from scoring.features import Features, compute
from scoring.frame import seconds
from scoring.schema import FeatureSchema

BLOCK = 512  # subgraphs computed at a time: about 0.1 GB at 300 edges each


def blocks(columns: Columns, schema: FeatureSchema) -> Iterator[tuple[Ints, Features]]:
    """Features of consecutive subgraphs, a block at a time."""
    for first in range(0, len(columns), BLOCK):
        index = np.arange(first, min(first + BLOCK, len(columns)))
        yield index, compute(columns.take(index), schema)


class Prepared:
    """Features kept for training: about 20 kB a subgraph of 150 nodes and 250 edges."""

    def __init__(
        self,
        columns: Columns,
        schema: FeatureSchema,
        topology: bool = False,
        beside: NDArray[Any] | None = None,
        show: Callable[[Ints, Features], None] = lambda index, features: None,
    ) -> None:
        """Compute and keep the features of every subgraph.

        Args:
            columns: the subgraphs.
            schema: of the features.
            topology: compute the subgraphs' topology too.
            beside: [B, H] stands behind the event's own features.
            show: told of the features at full precision, a block of events at a time.
        """
        self.columns = columns
        self.nodes = np.empty((len(columns.label), len(schema.nodes)), np.float16)
        self.edges = np.empty((len(columns.src), len(schema.edges)), np.float16)
        self.event = np.empty((len(columns), len(schema.event)), np.float32)
        self.whole = np.empty((len(columns), FEATURES), np.float32) if topology else None
        for index, features in blocks(columns, schema):
            nodes, edges = (starts[[index[0], index[-1] + 1]] for starts in (columns.nodes_of, columns.edges_of))
            self.nodes[slice(*nodes)] = features.nodes
            self.edges[slice(*edges)] = features.edges
            self.event[index] = features.event
            show(index, features)
            if self.whole is not None:
                self.whole[index] = features.batch(topology=True).whole
        if beside is not None:
            self.event = np.concatenate([self.event, beside.astype(np.float32)], axis=1)

    def __len__(self) -> int:
        """How many subgraphs."""
        return len(self.columns)

    def slim(self) -> Prepared:
        """The same without the columns that only features are computed from: a third of what is kept of an edge."""
        columns = self.columns
        self.columns = replace(
            columns, known=columns.known[:0], hop=columns.hop[:0], value=columns.value[:0], words=columns.words[:0]
        )
        return self

    def extend(self, more: Prepared) -> None:
        """Put a further chunk, slim as this one is, behind what is here."""
        mine, other = self.columns, more.columns
        starts = [
            _longer(first, first[-1] + second[1:])
            for first, second in ((mine.nodes_of, other.nodes_of), (mine.edges_of, other.edges_of))
        ]
        names = Columns.__slots__[2:]
        self.columns = Columns(*starts, *(_longer(getattr(mine, name), getattr(other, name)) for name in names))
        self.nodes, self.edges = _longer(self.nodes, more.nodes), _longer(self.edges, more.edges)
        self.event = _longer(self.event, more.event)
        if self.whole is not None and more.whole is not None:
            self.whole = _longer(self.whole, more.whole)

    def scaling(self) -> Scaling:
        """Mean and spread of every feature."""
        whole = None if self.whole is None else _figures(self.whole)
        return Scaling(_figures(self.nodes), _figures(self.edges), _figures(self.event), whole)

    def batch(self, index: Ints) -> GraphBatch:
        """These subgraphs as one disjoint graph."""
        columns = self.columns
        nodes_of, nodes = ragged(columns.nodes_of, index)
        edges_of, edges = ragged(columns.edges_of, index)
        first = np.repeat(nodes_of[:-1], np.diff(edges_of))
        return GraphBatch(
            torch.from_numpy(self.nodes[nodes]).float(),
            torch.from_numpy(np.stack([columns.src[edges] + first, columns.dst[edges] + first])),
            torch.from_numpy(columns.relation[edges].astype(np.int64)),
            torch.from_numpy(self.edges[edges]).float(),
            torch.from_numpy(self.event[index]),
            torch.from_numpy(columns.ends[index] + nodes_of[:-1, None]),
            torch.from_numpy(np.repeat(np.arange(len(index)), np.diff(nodes_of))),
            torch.from_numpy(seconds(columns.age_ms[edges])),
            None if self.whole is None else torch.from_numpy(self.whole[index]),
        )


def _longer(array: NDArray[Any], more: NDArray[Any]) -> NDArray[Any]:
    """The array with more rows behind it, made longer where it lies: a large one is then never there twice."""
    if not array.flags.owndata:  # compiled code owns it
        array = array.copy()
    before = len(array)
    array.resize((before + len(more), *array.shape[1:]), refcheck=False)
    array[before:] = more
    return array


def _figures(rows: NDArray[Any], most: int = 400_000) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and spread of each column, over at most so many rows taken evenly."""
    sample: Floats = rows[:: max(1, len(rows) // most)].astype(np.float64)
    if not len(sample):
        return torch.zeros(rows.shape[1]), torch.ones(rows.shape[1])
    return torch.from_numpy(sample.mean(0)).float(), torch.from_numpy(sample.std(0)).float()
