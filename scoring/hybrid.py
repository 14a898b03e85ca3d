"""The trees of a hybrid: they read everything a baseline may, and what the network says, and have the last word.

Shapes: B events, P features with a long look back, C columns of the trees.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scoring.baseline import Boosted, Matrix
from scoring.columns import Floats
from scoring.features import Features
from scoring.manifest import Manifest, ModelRefused
from scoring.rows import names_of, rows_of, with_network
from scoring.score import Contribution, strongest


class HybridTrees:
    """Trees of a model folder, with what they need to make their columns."""

    def __init__(self, manifest: Manifest, text: str) -> None:
        """Read LightGBM's text.

        Raises:
            ModelRefused: it can't be read, or the trees read other columns than these features make.
        """
        self._schema, self._slope = manifest.features, manifest.calibration.slope
        self._columns = names_of(manifest.features)
        try:
            self._trees = Boosted.parse(text)
        except Exception as error:  # LightGBM's own
            raise ModelRefused(Path(manifest.model), f"its trees can't be read: {error}") from error
        if (found := self._trees.booster.num_feature()) != len(self._columns):
            said = f"its trees read {found} columns, the features make {len(self._columns)}"
            raise ModelRefused(Path(manifest.model), said)

    def logit(self, features: Features, past: Matrix, logit: Floats) -> Floats:
        """Raw scores of events with these features and this logit of the network: [B]."""
        return self._trees.logit(self._matrix(features, past, logit))

    def explain(
        self, features: Features, past: Matrix, logit: Floats, edges: Sequence[Sequence[tuple[str, float]]], top: int
    ) -> list[tuple[Contribution, ...]]:
        """What each column adds to the calibrated logit (Shapley values of the trees, Lundberg et al. 2020).

        The network is one of the columns: its value is shared out over its edges, as `edges`, what each adds to the
        network's logit, weighs them.
        """
        values = self._trees.shares(self._matrix(features, past, logit)) * self._slope
        explained = []
        for row, moved in zip(values.tolist(), edges, strict=True):
            by_name: dict[str, float] = {}
            for name, value in zip(self._columns, row, strict=False):  # behind them the mean of all
                by_name[name] = by_name.get(name, 0.0) + value  # the row's own columns stand twice
            share = row[len(self._columns) - 1] / (sum(abs(by) for _, by in moved) or 1.0)
            shared = [(owner, share * abs(by)) for owner, by in moved]
            explained.append(strongest(shared, by_name.items(), top))
        return explained

    def _matrix(self, features: Features, past: Matrix, logit: Floats) -> Matrix:
        return with_network(rows_of(self._schema, features, past).graph, logit)
