"""What models read of a set's events: the subgraphs for the network, and rows for trees, all as of each event.

Shapes: B events, V event features, P features with a long look back, C columns of a matrix.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from graph.model import Caps
from scoring.baseline import Matrix, graph_matrix, row_columns
from scoring.cells import past_names
from scoring.columns import Columns, Ints
from scoring.core.batch import GraphBatch
from scoring.features import Features, compute
from scoring.flat_set import FlatSet

CHUNK = 2_048  # events read at a time
SAYS_LABELS = ("fraud", "legit")


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of B events, each wider than the one before.

    Attributes:
        row: [B, C] what the event's own row says.
        counts: [B, C] and causal counts, sums and rhythm of both ends; no label.
        labels: [B, C] and the labels known by then.
        graph: [B, C] and sums over the whole neighbourhood the network reads.
    """

    row: Matrix
    counts: Matrix
    labels: Matrix
    graph: Matrix

    def named(self) -> dict[str, Matrix]:
        """By the names of the baselines."""
        return {f"lightgbm_{name}": getattr(self, name) for name in self.__slots__}


def read(data: FlatSet, index: Ints, caps: Caps) -> Iterator[tuple[slice, Columns, Matrix]]:
    """Events in chunks: their place among the index, columns, and the long look back [B, P]."""
    for first in range(0, len(index), CHUNK):
        events = [data.events[at] for at in index[first : first + CHUNK]]
        yield slice(first, first + len(events)), data.sampler.columns(events, caps), data.sampler.past(events)


def stream(data: FlatSet, index: Ints, caps: Caps) -> Iterator[tuple[slice, Features, Matrix]]:
    """Events in chunks: their place among the index, features, and the long look back [B, P]."""
    for span, columns, past in read(data, index, caps):
        yield span, compute(columns, data.schema), past


def rows_of(data: FlatSet, features: Features, past: Matrix) -> Rows:
    """Rows of one chunk."""
    row = features.event[:, row_columns(data.schema)]
    told = np.array([any(word in name for word in SAYS_LABELS) for name in past_names(data.schema)])
    counts = np.concatenate([row, past[:, ~told]], axis=1)
    labels = np.concatenate([counts, past[:, told]], axis=1)
    return Rows(row, counts, labels, np.concatenate([labels, graph_matrix(features)], axis=1))


def put_together(parts: list[Rows]) -> Rows:
    """Chunks behind one another."""
    return Rows(*(np.concatenate([getattr(part, name) for part in parts]) for name in Rows.__slots__))


def batch_of(features: Features, past: Matrix) -> GraphBatch:
    """A chunk for the network: the long look back stands behind the event's own features."""
    batch = features.batch()
    return replace(batch, event=torch.cat([batch.event, torch.from_numpy(past)], dim=1))
