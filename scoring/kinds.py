"""Recall by kind of fraud: how much of each kind lies above a threshold that all of them share.

A kind has no negatives of its own, so the thresholds are those of the whole test set: the given share of all its
negatives lies above. Intervals come from drawing the kind's events anew, and the days they fall on; thresholds stay.

Shapes: P events of one kind, S seeds, K rates, R resamples.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from scoring.columns import Floats, Ints
from scoring.core.bootstrap import over_seeds
from scoring.core.interval import Interval, interval, widest
from scoring.core.metrics import caught_at_fpr, days_of
from scoring.measured import FEWEST_BLOCKS, Settings
from scoring.outcome import Outcome

RATES = (0.023, 0.051)


@dataclass(frozen=True, slots=True)
class KindRecall:
    """One kind: its name, its events, and each model's recall at each of the rates, mean over seeds."""

    kind: str
    events: int
    recall: Mapping[str, tuple[Interval, ...]]


def recall_by_kind(
    outcome: Outcome, settings: Settings | None = None, rates: tuple[float, ...] = RATES
) -> list[KindRecall]:
    """Every kind of an outcome that knows kinds, by name; none of one that does not."""
    if outcome.kinds is None:
        return []
    chosen = settings or Settings()
    caught = {model: _caught(outcome, scores, rates) for model, scores in outcome.said.items()}
    found = []
    for kind in sorted(set(outcome.kinds[outcome.target].tolist()) - {""}):
        index = np.flatnonzero(outcome.kinds == kind)
        units = dict(_units(outcome.time_ms[index]))
        recall = {model: tuple(_intervals(hits[:, :, index], units, chosen)) for model, hits in caught.items()}
        found.append(KindRecall(kind, len(index), recall))
    return found


def _caught(outcome: Outcome, scores: Floats, rates: tuple[float, ...]) -> Floats:
    """1 for what each seed finds at each rate: [S, K, B]."""
    return np.stack([caught_at_fpr(outcome.target, score, rates) for score in scores]).astype(np.float64)


def _units(time_ms: Ints) -> Iterator[tuple[str, Ints]]:
    """What is drawn: events, and days where there are enough of them [P]."""
    yield "events", np.arange(len(time_ms))
    day = days_of(time_ms)
    if day.max() + 1 >= FEWEST_BLOCKS:
        yield "days", day


def _intervals(hits: Floats, units: Mapping[str, Ints], settings: Settings) -> Iterator[Interval]:
    """Of hits [S, K, P]: the wider of the ways to draw, rate by rate."""
    samples = {by: _resampled(hits, unit, settings) for by, unit in units.items()}
    for place, value in enumerate(hits.mean(axis=(0, 2))):
        yield widest(interval(float(value), drawn[:, place], by) for by, drawn in samples.items())


def _resampled(hits: Floats, unit: Ints, settings: Settings) -> Floats:
    """Recall on each resample [R, K]; the same draws for every model."""
    generator = np.random.default_rng([settings.seed, 2])
    size = int(unit.max()) + 1
    times = generator.multinomial(size, np.full(size, 1 / size), settings.rounds)[:, unit]  # [R, P]
    found = np.einsum("rp,skp->rsk", times, hits) / times.sum(axis=1)[:, None, None]
    return np.clip(over_seeds(found, generator), 0, 1)
