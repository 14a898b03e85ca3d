"""Rows that trees read of an event, each wider than the one before; behind the widest, the network's logit.

Shapes: B events, V event features, P features with a long look back, C columns of a matrix.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch

from scoring.baseline import Matrix, graph_matrix, row_columns
from scoring.cells import past_names
from scoring.columns import Floats, Ints
from scoring.core.batch import GraphBatch
from scoring.features import Features
from scoring.schema import NETWORK as NETWORK
from scoring.schema import NODE_FEATURES, FeatureSchema
from scoring.shuffle import SEED, derangement

SAYS_LABELS = ("fraud", "legit")


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of B events, each the beginning of the next wider one.

    Attributes:
        graph: [B, C] all columns.
        widths: of `row`, what the event's own row says; of `counts`, with causal counts, sums and rhythm of both
            ends, no label; of `labels`, with the labels known by then. Behind them, in `graph`, sums over the whole
            neighbourhood the network reads.
        kind: [B] the relation of each, counted from 0.
    """

    graph: Matrix
    widths: tuple[int, int, int]
    kind: Ints

    def named(self) -> dict[str, Matrix]:
        """By the names of the baselines."""
        widths = zip(("row", "counts", "labels", "graph"), (*self.widths, self.graph.shape[1]), strict=True)
        return {f"lightgbm_{name}": self.graph[:, :width] for name, width in widths}

    def with_network(self, logit: Floats) -> Matrix:
        """What trees read that read the network as well: all columns, behind them its logit [B], NaN for none."""
        return np.column_stack([self.graph, logit]).astype(np.float32)

    def shuffled(self, logit: Floats) -> Matrix:
        """The same, each event's own row beside all that another event of its relation has: the edge-shuffle control.

        What stays is in `scoring.shuffle`.
        """
        donor, own = derangement(self.kind, np.random.default_rng(SEED)), self.widths[0]
        return np.concatenate([self.graph[:, :own], self.with_network(logit)[donor, own:]], axis=1)


def rows_of(schema: FeatureSchema, features: Features, past: Matrix) -> Rows:
    """Rows of one chunk."""
    places, kinds, told = _plan(schema)
    told = told[: past.shape[1]]  # none in a set that was read without
    row = features.event[:, places]
    graph = np.concatenate([row, past[:, ~told], past[:, told], graph_matrix(features)], axis=1)
    width = row.shape[1] + int((~told).sum())
    widths = row.shape[1], width, width + int(told.sum())
    return Rows(graph, widths, features.event[:, kinds].argmax(axis=1))


@lru_cache(maxsize=16)
def _plan(schema: FeatureSchema) -> tuple[list[int], list[int], np.ndarray]:
    """Places of the event's own row and of its relation among its features, and what of the past tells labels."""
    kinds = [schema.event.index(f"is_{relation.name}") for relation in schema.relations]
    return row_columns(schema), kinds, _says_labels(schema)


def names_of(schema: FeatureSchema) -> list[str]:
    """Names of the columns of `Rows.graph`, and behind them `NETWORK`."""
    told, past = _says_labels(schema), np.array(past_names(schema))
    near = [f"event.{name}" for name in schema.event]
    near += [f"{of}.{name}" for of in ("source", "target", "mean") for name in schema.nodes[:NODE_FEATURES]]
    near += [f"{of}.{name}" for of in ("mean_edge", "largest_edge") for name in schema.edges]
    own = [f"event.{schema.event[at]}" for at in row_columns(schema)]
    return [*own, *past[~told].tolist(), *past[told].tolist(), *near, NETWORK]


def _says_labels(schema: FeatureSchema) -> np.ndarray:
    return np.array([any(word in name for word in SAYS_LABELS) for name in past_names(schema)], bool)


def put_together(parts: list[Rows]) -> Rows:
    """Chunks behind one another."""
    graph, kind = (np.concatenate([getattr(part, name) for part in parts]) for name in ("graph", "kind"))
    return Rows(graph, parts[0].widths, kind)


def batch_of(features: Features, past: Matrix, topology: bool = False) -> GraphBatch:
    """Features for the network: the long look back stands behind the event's own."""
    batch = features.batch(topology)
    return replace(batch, event=torch.cat([batch.event, torch.from_numpy(past)], dim=1))
