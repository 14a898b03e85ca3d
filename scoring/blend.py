"""One opinion of the network, of boosting beside it, and of trees that read it: a weighted mean of their log-odds.

Models that err apart are together better than the best of them. Each says by its own sigmoid, fitted on the slice of
time after what it learned from, how much its logit means; of those log-odds 15 % are the network's, the rest is
the trees', which hold better where fraud drifts. Shares that the newest slice chooses itself (forward selection,
Caruana et al. 2004; stacking, Wolpert 1992) were tried and are worse where the next weeks differ (decision 45).

Shapes: B events.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scoring.columns import Floats
from scoring.core.calibration import calibrate, or_unchanged
from scoring.dataset import Flags

SHARES = (0.15, 0.425, 0.425)  # of the network, of boosting without it, of the trees that read it


@dataclass(frozen=True, slots=True)
class Blend:
    """How much of each raw logit. As made it is the trees that read the network, alone.

    Attributes:
        network: of the network's own logit.
        baseline: of boosting on everything but the network.
        trees: of the trees that read the network beside that.
        middle: mean of the network's logit on the slice that weighed: what it adds is told against that.
    """

    network: float = 0.0
    baseline: float = 0.0
    trees: float = 1.0
    middle: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what turns a member round, or leaves none."""
        weights = self.network, self.baseline, self.trees
        if min(weights) < 0 or not sum(weights):
            raise ValueError(f"blend {weights}: weights are 0 or more, and one of them above; train again")

    def logit(self, network: Floats, baseline: Floats, trees: Floats) -> Floats:
        """The blend of three raw logits [B]."""
        return self.network * network + self.baseline * baseline + self.trees * trees


def blended(network: Floats, baseline: Floats, trees: Floats, target: Flags, weight: Floats) -> Blend:
    """Weigh the members on events none of them learned from.

    Args:
        network, baseline, trees: their raw logits [B].
        target: [B] what came.
        weight: [B] how many events each stands for.
    """
    slopes = (or_unchanged(calibrate, logit, target, weight).slope for logit in (network, baseline, trees))
    own, without, within = (share * slope for share, slope in zip(SHARES, slopes, strict=True))
    return Blend(own, without, within, float(np.average(network, weights=weight)))
