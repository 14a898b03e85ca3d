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

    def shares(self, rows: Rows, logit: Floats) -> tuple[Floats, float]:
        """What each column adds to the raw score [B, C], the network's last, and the number they are added to.

        Shapley values of the trees (Lundberg et al. 2020), exact but for rounding. The network is one of the columns,
        and a member of the blend beside: both together are what it adds.
        """
        trees = self._trees.shares(rows.with_network(logit))
        values, mean = self._blend.trees * trees[:, :-1], self._blend.trees * trees[:, -1]  # the last: of all events
        if self._baseline is not None:
            beside = self._blend.baseline * self._baseline.shares(rows.graph)
            values[:, :-1] += beside[:, :-1]
            mean = mean + beside[:, -1]
        values[:, -1] += self._blend.network * (logit - self._blend.middle)
        return values, float(mean[0]) + self._blend.network * self._blend.middle

    def named(self, row: Sequence[float]) -> dict[str, float]:
        """What columns [C] add, by their names: those of the event's own row stand twice."""
        by_name: dict[str, float] = {}
        for name, value in zip(self._columns, row, strict=True):
            by_name[name] = by_name.get(name, 0.0) + value
        return by_name

    def explain(self, rows: Rows, logit: Floats, edges: Moved, top: int) -> list[tuple[Contribution, ...]]:
        """What each edge and each feature adds to the calibrated logit: see `shares`.

        What the network adds is shared out over its edges as `edges`, what each adds to its logit, weighs them.
        """
        values, _ = self.shares(rows, logit)
        explained = []
        for row, moved in zip((values * self._slope).tolist(), edges, strict=True):
            share = row[-1] / (sum(abs(by) for _, by in moved) or 1.0)
            shared = [(owner, share * abs(by)) for owner, by in moved]
            explained.append(strongest(shared, self.named(row).items(), top))
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
