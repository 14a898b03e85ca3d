"""The curves of a report: precision over recall, recall over false positives, and what came over what was said.

Shapes: B events, P points of a curve, at most 500.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np
from scipy.special import ndtri  # type: ignore[import-untyped]  # scipy ships no types
from sklearn.metrics import auc, precision_recall_curve, roc_curve

from scoring.core.metrics import BINS, Flags, Floats, mass_bins

POINTS = 500
MOST_MOVED = 1e-4  # of the area, by thinning
Z = float(ndtri(0.975))


@dataclass(frozen=True, slots=True)
class Curve:
    """Points x [P], rising, and y [P]."""

    x: Floats
    y: Floats

    @property
    def area(self) -> float:
        """Under the straight lines between the points."""
        return float(auc(self.x, self.y))

    @property
    def points(self) -> list[tuple[float, float]]:
        """As pairs."""
        return list(zip(self.x.tolist(), self.y.tolist(), strict=True))


def pr_curve(target: Flags, score: Floats) -> Curve:
    """Precision over recall, thinned."""
    precision, recall, _ = precision_recall_curve(target, score, drop_intermediate=True)
    return thinned(Curve(recall[::-1], precision[::-1]))


def roc(target: Flags, score: Floats) -> Curve:
    """Recall over the false positive rate, thinned."""
    false_positive, recall, _ = roc_curve(target, score)
    return thinned(Curve(false_positive, recall))


def log_roc(target: Flags, score: Floats, least: float) -> Curve:
    """The same from a false positive rate of `least` on, thinned as a logarithmic axis shows it; x is its log10."""
    false_positive, recall, _ = roc_curve(target, score)
    first = int(np.searchsorted(false_positive, least, "right")) - 1  # the last at or below `least` stands for it
    return thinned(Curve(np.log10(np.maximum(false_positive[first:], least)), recall[first:]))


def thinned(curve: Curve, most: int = POINTS) -> Curve:
    """The same curve by at most so many of its own points.

    The stretch whose chord leaves most area between itself and the curve is split where it is farthest from it,
    again and again (Douglas and Peucker 1973, with area as the measure).
    """
    x, y = curve.x, curve.y
    if len(x) <= most:
        return curve
    kept, waiting = {0, len(x) - 1}, [_stretch(x, y, 0, len(x) - 1)]
    while waiting and len(kept) < most:
        _, first, split, last = heappop(waiting)
        kept.add(split)
        for ends in ((first, split), (split, last)):
            if ends[1] - ends[0] > 1:
                heappush(waiting, _stretch(x, y, *ends))
    places = np.array(sorted(kept))
    return Curve(x[places], y[places])


def _stretch(x: Floats, y: Floats, first: int, last: int) -> tuple[float, int, int, int]:
    """Less the area between chord and curve, where it starts, where they are farthest apart, where it ends."""
    at, up = x[first : last + 1], y[first : last + 1]
    run = at[-1] - at[0]
    share = (at - at[0]) / run if run else np.linspace(0, 1, len(at))
    apart = np.abs(up - (up[0] + share * (up[-1] - up[0])))
    return -float(auc(at, apart)), first, first + 1 + int(apart[1:-1].argmax()), last


@dataclass(frozen=True, slots=True)
class Bin:
    """Events of like probability: how many, the mean of what was said, and what share came, with its bounds."""

    events: int
    hits: int
    said: float
    came: float
    low: float
    high: float


def reliability(target: Flags, probability: Floats, bins: int = BINS) -> list[Bin]:
    """What came of events of like probability, bins of the same number of events, with 95 % bounds (Wilson 1927)."""
    place = mass_bins(probability, bins)
    events = np.bincount(place, minlength=bins)
    hits = np.bincount(place, target, bins).astype(int)
    sums = np.bincount(place, probability, bins)
    return [
        Bin(int(n), int(k), float(s / n), float(k / n), *wilson(int(k), int(n)))
        for n, k, s in zip(events, hits, sums, strict=True)
        if n
    ]


def wilson(hits: int, events: int) -> tuple[float, float]:
    """95 % bounds of a share (Wilson 1927, eq. 4): they hold where hits are few or none."""
    share, extra = hits / events, Z**2 / events
    centre = (share + extra / 2) / (1 + extra)
    half = Z / (1 + extra) * np.sqrt(share * (1 - share) / events + extra / (4 * events))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))
