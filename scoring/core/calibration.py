"""Turn logits into probabilities that mean what they say, fitted on a slice of time after the training data.

Two ways. The sigmoid (Platt 1999): log-odds = slope * logit + bias; the slope is one over the temperature of
Guo et al. 2017. The isotonic (Zadrozny and Elkan 2002): what came, as a rising function of the logit. Both
correct over-confidence and a weighted loss; `weight` says how many events each of the slice stands for.

The isotonic is centred (Oron and Flournoy 2017): each step counts at the middle of its logits, straight lines of
the log-odds between, and beyond the first and last step the sigmoid's slope. So it rises everywhere, no two
events tie that did not, and no figure of the ranking depends on which way was taken.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Way = Literal["sigmoid", "isotonic"]
LARGEST = 40.0  # of log-odds: beyond it 1 - p is 0 in double precision
FOLDS = 5
DIGITS = 12  # of a share: steps that differ beyond are one, told apart by rounding


class CalibrationError(Exception):
    """The slice can't calibrate the model: take a longer one, or train again."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Log-odds as a rising function of the logit; as made it changes nothing.

    Attributes:
        slope, bias: of the sigmoid; where there are knots, the slope holds beyond the first and the last.
        knots: (logit, log-odds), both rising, two at least; () for the sigmoid alone.
    """

    slope: float = 1.0
    bias: float = 0.0
    knots: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        """Refuse knots that do not rise: two logits would share a probability, or swap."""
        steps = np.diff(np.asarray(self.knots, dtype=np.float64), axis=0) if self.knots else np.ones((1, 2))
        if not len(steps) or not (steps > 0).all():
            raise ValueError("calibration: knots must be two or more pairs, rising in both; calibrate again")

    @property
    def way(self) -> Way:
        """Which of the two it is."""
        return "isotonic" if self.knots else "sigmoid"

    def probability(self, logit: ArrayLike) -> Floats:
        """Map logits to probabilities, elementwise."""
        return np.asarray(1.0 / (1.0 + np.exp(-self.odds(logit))))

    def odds(self, logit: ArrayLike) -> Floats:
        """Map logits to calibrated log-odds, elementwise."""
        value = np.asarray(logit, dtype=np.float64)
        odds = self._along(value, 0) if self.knots else self.slope * value + self.bias
        return np.asarray(np.clip(odds, -LARGEST, LARGEST))

    def logit(self, probability: float) -> float:
        """The raw logit that maps to this probability."""
        odds = np.log(probability) - np.log1p(-probability)
        return float(self._along(np.asarray(odds), 1) if self.knots else (odds - self.bias) / self.slope)

    def _along(self, value: Floats, side: Literal[0, 1]) -> Floats:
        """From one side of the knots (0 logits, 1 log-odds) to the other."""
        knots = np.asarray(self.knots)
        here, there = knots[:, side], knots[:, 1 - side]
        slope = self.slope if side == 0 else 1 / self.slope
        beyond = slope * (np.minimum(value - here[0], 0) + np.maximum(value - here[-1], 0))
        return np.asarray(np.interp(value, here, there) + beyond)


Fit = Callable[[ArrayLike, ArrayLike, ArrayLike], Calibration]


def calibrate(logit: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None) -> Calibration:
    """Fit the sigmoid by maximum likelihood.

    Args:
        logit: [B] what the model says.
        target: [B] what came.
        weight: [B] how many events each stands for; None: itself.

    Raises:
        CalibrationError: one class only, or logits that do not rise with the target.
    """
    logits, targets, _ = _checked(logit, target, weight)
    centre, spread = float(logits.mean()), float(logits.std()) or 1.0
    model = LogisticRegression(C=np.inf).fit(((logits - centre) / spread)[:, None], targets, weight)
    slope = float(model.coef_[0, 0]) / spread
    if slope <= 0:
        raise CalibrationError(f"slope {slope:.3g}: the model ranks this slice the wrong way round")
    return Calibration(slope, float(model.intercept_[0]) - slope * centre)


def isotonic(logit: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None) -> Calibration:
    """Fit the centred isotonic; the sigmoid alone where it has one step only. Arguments and errors as `calibrate`."""
    logits, targets, weights = _checked(logit, target, weight)
    sigmoid = calibrate(logits, targets, weights)
    came = IsotonicRegression().fit_transform(logits, targets.astype(float), sample_weight=weights)
    least = 0.5 / weights.sum()  # half an event: no slice shows that a thing never comes
    share, place = np.unique(np.clip(came, least, 1 - least).round(DIGITS), return_inverse=True)
    middle = np.bincount(place, logits * weights) / np.bincount(place, weights)
    knots = _rising(middle, np.log(share) - np.log1p(-share))
    return Calibration(sigmoid.slope, sigmoid.bias, knots) if len(knots) > 1 else sigmoid


def _rising(logit: Floats, odds: Floats) -> tuple[tuple[float, float], ...]:
    """Knots that rise in both: where rounding has made one equal to the one before it, that one is left out."""
    knots: list[tuple[float, float]] = []
    for knot in zip(logit.tolist(), odds.tolist(), strict=True):
        if not knots or (knot[0] > knots[-1][0] and knot[1] > knots[-1][1]):
            knots.append(knot)
    return tuple(knots)


def chosen(logit: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None, seed: int = 0) -> Calibration:
    """The way with the lower Brier score on events it was not fitted on (5 folds), fitted on the whole slice.

    The sigmoid where they are equal, or where a class has fewer events than folds. Arguments and errors as
    `calibrate`; `seed` deals the folds.
    """
    logits, targets, weights = _checked(logit, target, weight)
    if min(targets.sum(), (~targets).sum()) < FOLDS:
        return calibrate(logits, targets, weights)
    errors = {calibrate: 0.0, isotonic: 0.0}
    for learn, watch in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(logits[:, None], targets):
        for way in errors:
            fitted = way(logits[learn], targets[learn], weights[learn])
            square = (fitted.probability(logits[watch]) - targets[watch]) ** 2
            errors[way] += float((square * weights[watch]).sum())
    return min(errors, key=lambda way: errors[way])(logits, targets, weights)


def or_unchanged(way: Fit, logit: ArrayLike, target: ArrayLike, weight: ArrayLike) -> Calibration:
    """As `calibrate`, `isotonic` or `chosen` fits it; what changes nothing where the slice can't calibrate.

    For a model that tells nothing: its own log-odds stand, and a table beside others shows it.
    """
    try:
        return way(logit, target, weight)
    except CalibrationError:
        return Calibration()


def _checked(logit: ArrayLike, target: ArrayLike, weight: ArrayLike | None) -> tuple[Floats, Flags, Floats]:
    logits, targets = np.asarray(logit, dtype=np.float64), np.asarray(target).astype(bool)
    if targets.all() or not targets.any():
        raise CalibrationError(f"{len(targets)} events of one class: calibrate on a slice that has both")
    return logits, targets, np.ones(len(logits)) if weight is None else np.asarray(weight, dtype=np.float64)
