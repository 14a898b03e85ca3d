"""An outcome measured: every figure of every model, and of every difference, with its interval.

An interval is the widest of several ways to draw anew: event by event, and whole UTC days (and accounts, where the
outcome names them). Fraud comes in rings and bursts, so events alone would promise too much. Seeds are drawn too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from scoring.columns import Floats
from scoring.core.bootstrap import Plan, resampled
from scoring.core.interval import Interval, interval, widest
from scoring.core.metrics import Budget, days_of, names, summary
from scoring.outcome import Outcome

FEWEST_BLOCKS = 5  # fewer days or accounts say nothing of how they vary
ABSOLUTE = ("ece", "ece_mass")  # means of absolute gaps: see `interval`
LOWER = ("ece", "ece_mass", "brier")  # is better


@dataclass(frozen=True, slots=True)
class Settings:
    """How figures are made: alerts a day that can be looked at, resamples, and the seed of their draws."""

    a_day: int = 100
    rounds: int = 500
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures of an outcome.

    Attributes:
        outcome: what was measured.
        settings: how.
        figures: their names.
        means: each model's figures [M], mean over seeds, as scikit-learn has them.
        samples: by what was drawn, each model's figures on each resample [R, M].
    """

    outcome: Outcome
    settings: Settings
    figures: tuple[str, ...]
    means: Mapping[str, Floats]
    samples: Mapping[str, Mapping[str, Floats]]

    def figure(self, model: str, name: str) -> Interval:
        """A model's figure."""
        place, value = self.figures.index(name), self.value(model, name)
        return widest(
            interval(value, drawn[model][:, place], by, name in ABSOLUTE) for by, drawn in self.samples.items()
        )

    def difference(self, model: str, rival: str, name: str) -> Interval:
        """How far `model` is above `rival`, both taken on the same resamples."""
        place, value = self.figures.index(name), self.value(model, name) - self.value(rival, name)
        return widest(
            interval(value, drawn[model][:, place] - drawn[rival][:, place], by) for by, drawn in self.samples.items()
        )

    def value(self, model: str, name: str) -> float:
        """A model's figure, mean over seeds."""
        return float(self.means[model][self.figures.index(name)])

    def strongest(self, models: Iterable[str]) -> str | None:
        """The one of them with the highest PR-AUC; None of none."""
        return max(models, key=lambda model: self.value(model, "pr_auc"), default=None)

    @property
    def rival(self) -> str | None:
        """The strongest model that is not ours."""
        return self.strongest(model for model in self.outcome.said if model not in self.outcome.ours)

    @property
    def rivals(self) -> tuple[str, ...]:
        """The rival, then the other bars of the outcome."""
        first = tuple(filter(None, [self.rival]))
        return first + tuple(model for model in self.outcome.bars if model not in first)

    @property
    def shown(self) -> tuple[str, ...]:
        """Models whose figures are the outcome's: ours, or the strongest where none is."""
        return self.outcome.ours or tuple(filter(None, [self.strongest(self.outcome.said)]))


def measure(outcome: Outcome, settings: Settings | None = None) -> Measured:
    """Measure every model. A model of 5 seeds on 500,000 events takes a core about 15 s for 500 resamples a draw."""
    chosen = settings or Settings()
    budget = Budget(chosen.a_day, days_of(outcome.time_ms))
    means = {model: _mean(outcome, scores, budget) for model, scores in outcome.said.items()}
    plans = _plans(outcome, budget, chosen)
    samples = {by: resampled(outcome.target, outcome.said, budget, plan) for by, plan in plans.items()}
    return Measured(outcome, chosen, names(chosen.a_day), means, samples)


def _mean(outcome: Outcome, scores: Floats, budget: Budget) -> Floats:
    mean: Floats = np.mean([list(summary(outcome.target, score, budget).values()) for score in scores], axis=0)
    return mean


def _plans(outcome: Outcome, budget: Budget, settings: Settings) -> dict[str, Plan]:
    """Ways to draw, by what is drawn."""
    plans = {"events": Plan(settings.rounds, seed=settings.seed)}
    blocks = {"days": budget.day} | {
        name: np.unique(group, return_inverse=True)[1].astype(np.int64) for name, group in outcome.groups.items()
    }
    for name, unit in blocks.items():
        if unit.max() + 1 >= FEWEST_BLOCKS:
            plans[name] = Plan(settings.rounds, unit, by_day=name == "days", seed=settings.seed)
    return plans
