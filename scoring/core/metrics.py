"""Figures of a ranking: how much of what is looked for is found, at what cost, and whether p means p.

Shapes: B events.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score, roc_curve

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

FALSE_POSITIVE_RATES = (0.001, 0.01, 0.023, 0.051)  # 0.1 %, 1 %, and the 2.3 and 5.1 % of the baseline table
BINS = 10  # of both calibration errors
DAY_MS = 86_400_000


def pr_auc(target: Flags, score: Floats, weight: Floats | None = None) -> float:
    """Average precision, each sample counted by its weight if given; 0 where there is nothing to find."""
    return float(average_precision_score(target, score, sample_weight=weight)) if target.any() else 0.0


def roc_auc(target: Flags, score: Floats) -> float:
    """Area under the ROC curve; 0.5 where there is one class only."""
    return float(roc_auc_score(target, score)) if target.any() and not target.all() else 0.5


def recall_at_fpr(target: Flags, score: Floats, rate: float) -> float:
    """Highest recall at a threshold whose false positive rate is at most `rate`."""
    return recalls_at_fpr(target, score, (rate,))[0]


def recalls_at_fpr(target: Flags, score: Floats, rates: tuple[float, ...]) -> list[float]:
    """The same for several rates; 0 where there is one class only."""
    if not target.any() or target.all():
        return [0.0] * len(rates)
    false_positive, recall, _ = roc_curve(target, score, drop_intermediate=False)
    return [float(recall[false_positive <= rate].max()) for rate in rates]


def caught_at_fpr(target: Flags, score: Floats, rates: tuple[float, ...]) -> Flags:
    """What lies above the lowest threshold whose false positive rate is at most each of the rates: [K, B].

    Of the positives that is what `recalls_at_fpr` counts.
    """
    negatives = np.sort(score[~target])[::-1]
    shares = np.arange(1, len(negatives) + 1) / max(len(negatives), 1)
    allowed = [int(np.searchsorted(shares, rate, "right")) for rate in rates]
    floors = [negatives[most] if most < len(negatives) else -np.inf for most in allowed]
    return np.asarray(score[None, :] > np.array(floors)[:, None])


def precision_at(target: Flags, score: Floats, budget: int) -> float:
    """Share of hits among the `budget` highest scores; a tie at the end counts by its mean."""
    budget = min(budget, len(score))
    if budget == 0:
        return 0.0
    last = np.sort(score)[-budget]
    above, tied = score > last, score == last
    hits = target[above].sum() + target[tied].mean() * (budget - above.sum())
    return float(hits / budget)


def days_of(time_ms: Ints) -> Ints:
    """Number of each event's UTC day among the days that have events, by event time: [B], 0 and up."""
    return np.unique(np.asarray(time_ms) // DAY_MS, return_inverse=True)[1].astype(np.int64)


def precision_a_day(target: Flags, score: Floats, day: Ints, budget: int) -> float:
    """Share of hits among each day's `budget` highest scores, over all days' alerts.

    A day with fewer events spends what it has. Scores that tie at the end of a day's budget share its last
    places evenly: the figure is what a random order among them gives on average.

    Args:
        target: [B] what is looked for.
        score: [B] higher is more suspicious.
        day: [B] as `days_of` numbers them.
        budget: alerts a day.
    """
    order = np.argsort(day, kind="stable")
    hits = alerts = 0.0
    for part in np.split(order, np.flatnonzero(np.diff(day[order])) + 1):
        places = min(budget, len(part))
        hits += precision_at(target[part], score[part], places) * places
        alerts += places
    return hits / alerts if alerts else 0.0


def expected_calibration_error(target: Flags, probability: Floats, bins: int = BINS) -> float:
    """Mean gap between what was said and what came, over bins of equal width (Naeini et al. 2015).

    Where nearly all probabilities are small, nearly all events are in the first bin: see `ece_mass` beside it.
    """
    place = width_bins(probability, bins)
    return _gap(target, probability, place, bins)


def ece_mass(target: Flags, probability: Floats, bins: int = BINS) -> float:
    """The same over bins that hold the same number of events each (Nixon et al. 2019); ties stay together."""
    return _gap(target, probability, mass_bins(probability, bins), bins)


def _gap(target: Flags, probability: Floats, place: NDArray[np.int64], bins: int) -> float:
    said = np.bincount(place, probability, bins)
    came = np.bincount(place, target.astype(float), bins)
    return float(np.abs(said - came).sum() / len(target))


def width_bins(probability: Floats, bins: int = BINS) -> Ints:
    """Bin of each event [B], by equal widths of the probability."""
    return np.minimum((probability * bins).astype(np.int64), bins - 1)


def mass_bins(probability: Floats, bins: int = BINS) -> Ints:
    """Bin of each event [B], by equal numbers of events; equal probabilities share the bin of their first."""
    ranked = np.sort(probability)
    return np.searchsorted(ranked, probability, "left") * bins // max(len(ranked), 1)


def brier(target: Flags, probability: Floats) -> float:
    """Mean squared error of the probability."""
    return float(brier_score_loss(target, probability, pos_label=True))


@dataclass(frozen=True, slots=True)
class Budget:
    """How many alerts a day can be looked at, and which day [B] each event belongs to."""

    a_day: int
    day: Ints

    @property
    def figure(self) -> str:
        """Name of the precision at this budget."""
        return f"precision_at_{self.a_day}_a_day"


def names(a_day: int) -> tuple[str, ...]:
    """Names of the figures of `summary`, in its order."""
    recalls = (f"recall_at_fpr_{rate:g}" for rate in FALSE_POSITIVE_RATES)
    return ("pr_auc", "roc_auc", *recalls, f"precision_at_{a_day}_a_day", "ece", "ece_mass", "brier")


def summary(target: Flags, score: Floats, budget: Budget) -> dict[str, float]:
    """Every figure by its name in the reports; `score` is a probability for ece and brier."""
    figures = [pr_auc(target, score), roc_auc(target, score), *recalls_at_fpr(target, score, FALSE_POSITIVE_RATES)]
    figures += [precision_a_day(target, score, budget.day, budget.a_day)]
    figures += [expected_calibration_error(target, score), ece_mass(target, score), brier(target, score)]
    return dict(zip(names(budget.a_day), figures, strict=True))
