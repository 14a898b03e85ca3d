"""A figure with its interval, from resamples."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from scoring.core.metrics import Floats

TAILS = (0.025, 0.975)


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with the bounds that hold 95 % of its resamples, and what was drawn for them (events, days)."""

    value: float
    low: float
    high: float
    by: str = ""

    @property
    def width(self) -> float:
        """From low to high."""
        return self.high - self.low

    @property
    def above_zero(self) -> bool:
        """Whether all of it is above nought."""
        return self.low > 0

    @property
    def below_zero(self) -> bool:
        """Whether all of it is below nought."""
        return self.high < 0


def interval(value: float, samples: Floats, by: str = "", recentre: bool = False) -> Interval:
    """The middle 95 % of the resamples (percentile bootstrap), of those that have the figure at all.

    Args:
        value: the figure on all events.
        samples: [R] on each resample, nan where it can't be had.
        by: what was drawn.
        recentre: move the resamples so that their mean is the figure. For calibration errors: a mean of absolute
            gaps grows with noise, so resamples lie above it and the plain interval would miss what was measured.
    """
    known = samples[~np.isnan(samples)]
    if not len(known):
        return Interval(value, float("-inf"), float("inf"), by)
    low, high = np.quantile(known, TAILS)
    if recentre:
        shift = value - float(known.mean())
        low, high = max(0.0, low + shift), high + shift
    return Interval(value, float(low), float(high), by)


def widest(intervals: Iterable[Interval]) -> Interval:
    """The one that admits most: of several ways to draw, the one to report."""
    return max(intervals, key=lambda each: each.width)
