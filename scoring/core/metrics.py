"""Figures of a ranking: how much of what is looked for is found, at what cost, and whether p means p."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit  # type: ignore[import-untyped]  # scipy ships no types
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score, roc_curve

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

FALSE_POSITIVE_RATES = (0.001, 0.01, 0.023, 0.051)  # 0.1 %, 1 %, and the 2.3 and 5.1 % of the baseline table


def pr_auc(target: Flags, score: Floats, weight: Floats | None = None) -> float:
    """Average precision, each sample counted by its weight if given; 0 where there is nothing to find."""
    return float(average_precision_score(target, score, sample_weight=weight)) if target.any() else 0.0


def roc_auc(target: Flags, score: Floats) -> float:
    """Area under the ROC curve; 0.5 where there is one class only."""
    return float(roc_auc_score(target, score)) if target.any() and not target.all() else 0.5


def recall_at_fpr(target: Flags, score: Floats, rate: float) -> float:
    """Highest recall at a threshold whose false positive rate is at most `rate`."""
    if not target.any() or target.all():
        return 0.0
    false_positive, recall, _ = roc_curve(target, score, drop_intermediate=False)
    return float(recall[false_positive <= rate].max())


def precision_at(target: Flags, score: Floats, budget: int) -> float:
    """Share of hits among the `budget` highest scores; a tie at the end counts by its mean."""
    budget = min(budget, len(score))
    if budget == 0:
        return 0.0
    last = np.sort(score)[-budget]
    above, tied = score > last, score == last
    hits = target[above].sum() + target[tied].mean() * (budget - above.sum())
    return float(hits / budget)


def expected_calibration_error(target: Flags, probability: Floats, bins: int = 10) -> float:
    """Mean gap between what was said and what came, over bins of equal width (Naeini et al. 2015)."""
    place = np.minimum((probability * bins).astype(int), bins - 1)
    said = np.bincount(place, probability, bins)
    came = np.bincount(place, target.astype(float), bins)
    return float(np.abs(said - came).sum() / len(target))


def brier(target: Flags, probability: Floats) -> float:
    """Mean squared error of the probability."""
    return float(brier_score_loss(target, probability, pos_label=True))


def summary(target: Flags, score: Floats, budget: int) -> dict[str, float]:
    """Every figure by its name in the reports; `score` is a probability for ece and brier."""
    figures = {"pr_auc": pr_auc(target, score), "roc_auc": roc_auc(target, score)}
    figures |= {f"recall_at_fpr_{rate:g}": recall_at_fpr(target, score, rate) for rate in FALSE_POSITIVE_RATES}
    figures["precision_at_budget"] = precision_at(target, score, budget)
    figures["ece"] = expected_calibration_error(target, score)
    figures["brier"] = brier(target, score)
    return figures


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with the bounds that hold 95 % of its resamples."""

    value: float
    low: float
    high: float


def paired_bootstrap(
    target: Flags,
    score: Floats,
    rival: Floats,
    metric: Callable[[Flags, Floats], float] = pr_auc,
    rounds: int = 500,
    seed: int = 0,
) -> Interval:
    """How far `score` beats `rival` on the same events: both are taken on the same resamples.

    Each is [B], or [S, B] for several runs, whose metric is averaged. [low, high] holds 95 % of the resamples.
    """
    ours, theirs = np.atleast_2d(score), np.atleast_2d(rival)

    def gain(pick: NDArray[np.int64]) -> float:
        means = [np.mean([metric(target[pick], run[pick]) for run in runs]) for runs in (ours, theirs)]
        return float(means[0] - means[1])

    generator = np.random.default_rng(seed)
    gains = np.empty(rounds)
    for index in range(rounds):
        pick = generator.integers(0, len(target), len(target))
        gains[index] = gain(pick)
    low, high = np.quantile(gains, [0.025, 0.975])
    return Interval(gain(np.arange(len(target))), float(low), float(high))


def mean_interval(values: list[float]) -> Interval:
    """Mean over seeds with a 95 % interval (Student's t); no width with one seed."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return Interval(mean, mean, mean)
    half = float(stdtrit(len(values) - 1, 0.975) * np.std(values, ddof=1) / np.sqrt(len(values)))
    return Interval(mean, mean - half, mean + half)
