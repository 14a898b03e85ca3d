"""The trees of a hybrid, with and without the network among their columns, blended with the network itself.

Shapes: B events, P features with a long look back, C columns of the trees.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from scoring.baseline import Boosted
from scoring.columns import Floats
from scoring.manifest import BASELINE, TREES, Manifest, ModelRefused
from scoring.rows import Rows, names_of
from scoring.score import Contribution, strongest

Moved = Sequence[Sequence[tuple[str, float]]]  # of each event, what its edges add to the network's logit


class HybridTrees:
    """Trees of a model folder, and how much of each member makes the whole."""

    def __init__(self, manifest: Manifest, trees: str, baseline: str | None) -> None:
        """Read LightGBM's text; of the baseline only where the blend has a share of it.

        Raises:
            ModelRefused: it can't be read, or the trees read other columns than these features make.
        """
        self._slope, self._blend = manifest.calibration.slope, manifest.blend
        self._columns = names_of(manifest.features)
        self._trees = parsed(manifest, TREES, trees, len(self._columns))
        self._baseline = None
        if self._blend.baseline:
            self._baseline = parsed(manifest, BASELINE, baseline or "", len(self._columns) - 1)

    def blend(self, rows: Rows, logit: Floats) -> Floats:
        """Raw scores of events with these rows and this logit [B] of the network: [B]."""
        baseline = np.zeros(len(logit)) if self._baseline is None else self._baseline.logit(rows.graph)
        return self._blend.logit(logit, baseline, self._trees.logit(rows.with_network(logit)))

    def explain(self, rows: Rows, logit: Floats, edges: Moved, top: int) -> list[tuple[Contribution, ...]]:
        """What each edge and each feature adds to the calibrated logit: Shapley values (Lundberg et al. 2020).

        Of trees those of their columns; the network is one of the columns, and a member of the blend beside: both
        together are what it adds, shared out over its edges as `edges`, what each adds to its logit, weighs them.
        """
        values = self._blend.trees * self._trees.shares(rows.with_network(logit))[:, :-1]  # the last is the mean of all
        if self._baseline is not None:
            values[:, :-1] += self._blend.baseline * self._baseline.shares(rows.graph)[:, :-1]
        values[:, -1] += self._blend.network * (logit - self._blend.middle)
        explained = []
        for row, moved in zip((values * self._slope).tolist(), edges, strict=True):
            by_name: dict[str, float] = {}
            for name, value in zip(self._columns, row, strict=True):
                by_name[name] = by_name.get(name, 0.0) + value  # the row's own columns stand twice
            share = row[-1] / (sum(abs(by) for _, by in moved) or 1.0)
            shared = [(owner, share * abs(by)) for owner, by in moved]
            explained.append(strongest(shared, by_name.items(), top))
        return explained


def parsed(manifest: Manifest, name: str, text: str, columns: int) -> Boosted:
    """Trees of a model folder that read so many columns.

    Raises:
        ModelRefused: they can't be read, or read other columns.
    """
    try:
        trees = Boosted.parse(text)
    except Exception as error:  # LightGBM's own
        raise ModelRefused(Path(manifest.model), f"{name} can't be read: {error}") from error
    if (found := trees.booster.num_feature()) != columns:
        said = f"the trees of {name} read {found} columns, the features make {columns}"
        raise ModelRefused(Path(manifest.model), said)
    return trees
