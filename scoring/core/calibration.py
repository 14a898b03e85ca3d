"""Turn logits into probabilities that mean what they say (Platt 1999): p = sigmoid(slope * logit + bias).

The slope is one over the temperature of Guo et al. 2017. Fitted on a slice of time after the training
data, so that it corrects both over-confidence and a weighted loss.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import LogisticRegression


class CalibrationError(Exception):
    """The slice can't calibrate the model: take a longer one, or train again."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """p = sigmoid(slope * logit + bias); as made it changes nothing."""

    slope: float = 1.0
    bias: float = 0.0

    def probability(self, logit: ArrayLike) -> NDArray[np.float64]:
        """Map logits to probabilities, elementwise."""
        value = np.clip(self.slope * np.asarray(logit, dtype=np.float64) + self.bias, -40.0, 40.0)
        return np.asarray(1.0 / (1.0 + np.exp(-value)))

    def logit(self, probability: float) -> float:
        """The raw logit that maps to this probability."""
        return float((np.log(probability) - np.log1p(-probability) - self.bias) / self.slope)


def calibrate(logit: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None) -> Calibration:
    """Fit slope and bias by maximum likelihood; `weight` says how many events each stands for.

    Raises:
        CalibrationError: one class only, or logits that do not rise with the target.
    """
    logits, targets = np.asarray(logit, dtype=np.float64), np.asarray(target).astype(bool)
    if targets.all() or not targets.any():
        raise CalibrationError(f"{len(targets)} events of one class: calibrate on a slice that has both")
    centre, spread = float(logits.mean()), float(logits.std()) or 1.0
    model = LogisticRegression(C=np.inf).fit(((logits - centre) / spread)[:, None], targets, weight)
    slope = float(model.coef_[0, 0]) / spread
    if slope <= 0:
        raise CalibrationError(f"slope {slope:.3g}: the model ranks this slice the wrong way round")
    return Calibration(slope, float(model.intercept_[0]) - slope * centre)
