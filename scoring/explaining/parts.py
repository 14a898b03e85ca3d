"""Parts that add up to a score: the network's, and beside them those of the trees that read it.

A hybrid is told by the Shapley values of its trees; the network is one of their columns, and what that column adds is
handed on to what the network reads, in proportion (the rescale rule of Chen, Lundberg and Lee 2022, "Explaining a
series of models by propagating Shapley values").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scoring.core.calibration import Calibration
from scoring.explaining.attribution import Path
from scoring.hybrid import HybridTrees
from scoring.rows import Rows

TELLING = 0.5  # logits: of a smaller difference the network's parts are mostly for and against, and say little


@dataclass(slots=True)
class Parts:
    """Parts that add `logit` to `reference`, but for an error, by name."""

    edges: list[tuple[str, float]]
    features: dict[str, float]
    logit: float
    reference: float

    @property
    def total(self) -> float:
        """What all parts add."""
        return sum(value for _, value in self.edges) + sum(self.features.values())

    def calibrated(self, calibration: Calibration) -> Parts:
        """The same in calibrated log-odds: by the slope, where that is bent by that of the line between both ends."""
        logit, reference = calibration.odds([self.logit, self.reference]).tolist()
        apart = self.logit - self.reference
        by = (logit - reference) / apart if apart else calibration.slope
        edges = [(owner, by * value) for owner, value in self.edges]
        return Parts(edges, {name: by * value for name, value in self.features.items()}, logit, reference)


@dataclass(slots=True)
class Share:
    """What the network has to hand on to its parts: `rate` of each, and what other columns add by themselves."""

    rate: float
    columns: dict[str, float]
    logit: float
    reference: float

    @classmethod
    def of_network(cls, path: Path) -> Share:
        """All there is."""
        return cls(1.0, {}, path.logit, path.reference)

    @classmethod
    def of_hybrid(cls, trees: HybridTrees, rows: Rows, path: Path) -> Share:
        """Beside the columns of the trees.

        Where the network's own parts nearly cancel, or point the other way than its share, that can't be handed on,
        and stays "the pattern around it".
        """
        logit = np.array([path.logit])
        values, reference = trees.shares(rows, logit)
        row: list[float] = values[0].tolist()
        difference = path.logit - path.reference
        rate = max(row[-1] / difference, 0.0) if abs(difference) >= TELLING else 0.0
        row[-1] -= rate * difference
        return cls(rate, trees.named(row), float(trees.blend(rows, logit)[0]), reference)

    @property
    def allowed(self) -> float:
        """Of an error of the network's, what would be as large as all that is explained."""
        return abs(self.logit - self.reference) / self.rate if self.rate else np.inf

    def dealt(self, edges: list[tuple[str, float]], features: dict[str, float]) -> Parts:
        """All parts together."""
        added = dict(self.columns)
        for name, value in features.items():
            added[name] = added.get(name, 0.0) + self.rate * value
        return Parts([(owner, self.rate * value) for owner, value in edges], added, self.logit, self.reference)
