"""The strong baseline: gradient-boosted trees on causal graph counts with delayed labels (LightGBM).

One row an event: what the event says of itself, the features of its two ends, and means and maxima
over its neighbourhood. The same arrays the network reads, without its message passing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
from numba import njit
from numpy.typing import NDArray

from scoring.features import Features
from scoring.schema import FeatureSchema

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class BoostSettings:
    """How trees are grown; rounds stop early on the calibration slice, by log loss: the average precision of its few
    frauds leaps, and stopped one seed after 2 trees, the next after 98 (decision 45).
    """

    rounds: int = 400
    patience: int = 40
    leaves: int = 15
    rate: float = 0.05
    columns: float = 0.5  # share of them that a tree may read
    shrink: float = 20.0  # L2 of the leaves
    threads: int = 1

    def parameters(self, seed: int) -> dict[str, Any]:
        """As LightGBM takes them."""
        return {
            "objective": "binary",
            "metric": "binary_logloss",
            "num_leaves": self.leaves,
            "learning_rate": self.rate,
            "feature_fraction": self.columns,
            "lambda_l2": self.shrink,
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "min_data_in_leaf": 20,
            "num_threads": self.threads,
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows [B, C], their targets [B], and how many events each stands for [B]."""

    matrix: Matrix
    target: NDArray[np.bool_]
    weight: NDArray[np.float64]

    def followed_by(self, later: Rows) -> Rows:
        """These and, behind them, later ones."""
        return Rows(
            np.concatenate([self.matrix, later.matrix]),
            np.concatenate([self.target, later.target]),
            np.concatenate([self.weight, later.weight]),
        )


def row_columns(schema: FeatureSchema) -> list[int]:
    """Places of the event's features that its own row tells: relation, amounts, the clock."""
    own = {f"is_{relation.name}" for relation in schema.relations} | {f"value_{k}_log" for k in range(schema.slots)}
    own |= {"=".join((f"{relation}.{attribute}", value)) for relation, attribute, value in schema.words}
    own |= {"hour_sin", "hour_cos", "week_sin", "week_cos"}
    return [index for index, name in enumerate(schema.event) if name in own]


def graph_matrix(features: Features) -> Matrix:
    """[B, V + 2 * 64 + 64 + 3 * A]: event, both ends, mean node; mean, maximum and known-fraud share of edges."""
    size = len(features.event)
    ends = features.nodes[features.ends].reshape(size, -1)
    nodes, _ = means_and_tops(features.nodes, features.graph, size)
    edges, top = means_and_tops(features.edges, features.edge_graph, size)
    return np.concatenate([features.event, ends, nodes, edges, top], axis=1, dtype=np.float32)


@njit(cache=True)
def means_and_tops(rows, group, size):  # type: ignore[no-untyped-def]
    """Mean and maximum of the rows of each group, at least 0: [size, C] each; a group without rows has 0.

    Groups stand behind one another: a row's is not below that of the row before.
    """
    width = rows.shape[1]
    sums, means = np.zeros(width), np.zeros((size, width), np.float32)
    tops, row = np.zeros((size, width), np.float32), 0
    for at in range(size):
        first = row
        sums[:] = 0.0
        while row < len(rows) and group[row] == at:
            for column in range(width):
                value = rows[row, column]
                sums[column] += value
                tops[at, column] = max(tops[at, column], value)
            row += 1
        if row > first:
            for column in range(width):
                means[at, column] = sums[column] / (row - first)
    return means, tops


class Boosted:
    """A trained baseline; `score` gives probabilities as the trees see them, `logit` for calibration."""

    def __init__(self, booster: Any, threads: int = 1) -> None:
        """Wrap a LightGBM booster."""
        self.booster, self.threads = booster, threads

    @classmethod
    def train(
        cls,
        data: Rows,
        watch: Rows,
        seed: int,
        settings: BoostSettings | None = None,
    ) -> Boosted:
        """Grow trees on `data`, and stop when `watch` (a later slice) gets no better."""
        chosen = settings or BoostSettings()
        train = lightgbm.Dataset(data.matrix, data.target.astype(np.float32), weight=data.weight)
        valid = lightgbm.Dataset(watch.matrix, watch.target.astype(np.float32), train, watch.weight)
        stop = lightgbm.early_stopping(chosen.patience, verbose=False)
        grown = lightgbm.train(chosen.parameters(seed), train, chosen.rounds, [valid], callbacks=[stop])
        return cls(grown, chosen.threads)

    @classmethod
    def grow(cls, data: Rows, rounds: int, seed: int, settings: BoostSettings | None = None) -> Boosted:
        """Grow so many trees on `data`: once more, with the newest slice too, as many as were found best without it."""
        chosen = settings or BoostSettings()
        train = lightgbm.Dataset(data.matrix, data.target.astype(np.float32), weight=data.weight)
        return cls(lightgbm.train(chosen.parameters(seed), train, max(1, rounds)), chosen.threads)

    @classmethod
    def parse(cls, text: str, threads: int = 1) -> Boosted:
        """Read a model back from LightGBM's text form."""
        return cls(lightgbm.Booster(model_str=text), threads)

    @property
    def rounds(self) -> int:
        """How many trees count: those up to the best round."""
        return int(self.booster.best_iteration) or int(self.booster.current_iteration())

    def text(self) -> str:
        """LightGBM's text form; no pickle."""
        return str(self.booster.model_to_string(num_iteration=self.booster.best_iteration))

    def shares(self, matrix: Matrix) -> NDArray[np.float64]:
        """[B, C + 1] what each column adds to the raw score, and last the mean of all: Shapley values of the trees."""
        found = self.booster.predict(matrix, pred_contrib=True, num_threads=self.threads)
        return np.asarray(found, dtype=np.float64)

    def logit(self, matrix: Matrix) -> NDArray[np.float64]:
        """[B] raw scores."""
        return np.asarray(self.booster.predict(matrix, raw_score=True, num_threads=self.threads), dtype=np.float64)
