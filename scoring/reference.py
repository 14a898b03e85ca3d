"""What a model read and said when it was made: bins of every column, to compare what comes with later.

Shapes: B events, C columns.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from scoring.baseline import Matrix
from scoring.columns import Floats

BINS = 10
NOTHING = 1e-4  # the share an empty bin counts as, or one event of many would weigh without bound


class Bins(msgspec.Struct, frozen=True):
    """Bins of one column: the inner edges, rising, and the share of events in each; NaN has a bin of its own, last."""

    edges: tuple[float, ...]
    shares: tuple[float, ...]

    @classmethod
    def of(cls, values: NDArray[np.floating], weight: Floats | None = None) -> Bins:
        """Bins that hold equal shares of these values, as far as ties let them.

        Args:
            values: [B].
            weight: [B] how many events each stands for; None: one.
        """
        weights = np.ones(len(values)) if weight is None else weight
        edges = _quantiles(values, weights)
        return cls(edges, tuple((_counts(values, edges, weights) / (weights.sum() or 1.0)).tolist()))

    def psi(self, values: NDArray[np.floating]) -> float:
        """How far these values [B] are from those the bins were made of."""
        if not len(values):
            return 0.0
        then = np.maximum(self.shares, NOTHING)
        now = np.maximum(_counts(values, self.edges, np.ones(len(values))) / len(values), NOTHING)
        return float(((now - then) * np.log(now / then)).sum())


class Reference(msgspec.Struct, frozen=True):
    """What a model read and said when it was made, by the names of its columns; its score by log-odds."""

    columns: dict[str, Bins]
    score: Bins
    events: int

    @classmethod
    def of(cls, names: Sequence[str], rows: Matrix, probability: Floats, weight: Floats | None = None) -> Reference:
        """Of rows [B, C] and what was said of them [B]. Of columns of one name, which are equal, one counts."""
        columns = {name: Bins.of(rows[:, at], weight) for at, name in enumerate(names[: rows.shape[1]])}
        return cls(columns, Bins.of(log_odds(probability), weight), len(rows))


def _quantiles(values: NDArray[np.floating], weight: Floats) -> tuple[float, ...]:
    """The inner edges of bins of equal weight, each once."""
    known = np.isfinite(values)
    order = np.argsort(values[known], kind="stable")
    ranked, share = values[known][order], np.cumsum(weight[known][order])
    if not len(ranked):
        return ()
    at = np.searchsorted(share, share[-1] * np.arange(1, BINS) / BINS)
    return tuple(float(edge) for edge in np.unique(ranked[np.minimum(at, len(ranked) - 1)]))


def log_odds(probability: Floats) -> Floats:
    """Of probabilities, finite at the ends."""
    inside = np.clip(probability, 1e-9, 1 - 1e-9)
    odds: Floats = np.log(inside) - np.log1p(-inside)
    return odds


def _counts(values: NDArray[np.floating], edges: Sequence[float], weight: Floats) -> Floats:
    """What weighs in each bin, and behind them what is NaN."""
    known = ~np.isnan(values)
    at = np.searchsorted(edges, values[known], side="left")
    found = np.bincount(at, weight[known], minlength=len(edges) + 1)
    return np.append(found, weight[~known].sum())
