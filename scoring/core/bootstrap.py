"""Paired bootstrap of every figure of several models, on the same resamples (Efron and Tibshirani 1993, ch. 13).

Each run is sorted once. A resample is then how often each event was drawn, and every figure follows from one
pass over these counts in the run's order, ties included: 500 resamples of 500,000 events need no sort.

Seeds are drawn anew as well: training again is chance as much as the events are (Bouthillier et al. 2021).
With S seeds the mean of a draw strays by (S - 1) / S of the variance it should, so it is stretched by that.

Shapes: B events, U units that are drawn (events, days, groups), D days, S seeds, M figures, R resamples.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from scoring.core.metrics import (
    BINS,
    FALSE_POSITIVE_RATES,
    Budget,
    Flags,
    Floats,
    Ints,
    mass_bins,
    names,
    width_bins,
)

Counts = NDArray[np.int32]
Bins = NDArray[np.uint8]
Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Ranked:
    """One run's events by falling score.

    Attributes:
        order: [B] places of the events.
        hit: [B] whether it is what is looked for.
        last: [B] whether the next one has a lower score.
        score: [B].
        width, mass: [B] bins of the two calibration errors.
        daily: [B] places of the events by day, then by falling score.
        tied: [B] whether the next one in `daily` has the same day and score.
    """

    order: Counts
    hit: Flags
    last: Flags
    score: Floats
    width: Bins
    mass: Bins
    daily: Counts
    tied: Flags


def ranked(target: Flags, score: Floats, day: Ints) -> Ranked:
    """Sort a run once: target [B], score [B] (a probability), day [B]."""
    order = np.argsort(-score, kind="stable")
    fallen = score[order]
    daily = order[np.argsort(day[order], kind="stable")]
    tied = (np.diff(day[daily]) == 0) & (np.diff(score[daily]) == 0)
    return Ranked(
        order.astype(np.int32),
        target[order],
        np.append(np.diff(fallen) != 0, True),
        fallen,
        width_bins(fallen).astype(np.uint8),
        mass_bins(fallen).astype(np.uint8),
        daily.astype(np.int32),
        np.append(tied, False),
    )


@dataclass(frozen=True, slots=True)
class Plan:
    """How events are drawn again.

    Attributes:
        rounds: resamples.
        unit: [B] which unit each event belongs to, 0 and up; None: each event is one.
        by_day: the units are the budget's days: a day drawn twice has its budget twice.
        seed: of the draws.
    """

    rounds: int = 500
    unit: Ints | None = None
    by_day: bool = False
    seed: int = 0


def resampled(target: Flags, said: Mapping[str, Floats], budget: Budget, plan: Plan) -> dict[str, Floats]:
    """Figures of each model on each resample, averaged over seeds drawn anew.

    Args:
        target: [B].
        said: each model's probabilities [S, B].
        budget: alerts a day, and the days.
        plan: how to draw.

    Returns:
        [R, M] for each model, figures in the order of `metrics.names`; a row of nan where a resample holds one
        class only, of which no figure can be had.
    """
    # Events of like rank lie side by side, or every count would be a miss of the cache: half the time.
    near = np.argsort(-np.mean([scores.mean(axis=0) for scores in said.values()], axis=0))
    target, budget, plan = target[near], replace(budget, day=budget.day[near]), _moved(plan, near)
    said = {model: scores[:, near] for model, scores in said.items()}
    runs = {model: [ranked(target, score, budget.day) for score in scores] for model, scores in said.items()}
    width = len(names(budget.a_day))
    sums = {model: np.full((plan.rounds, len(ranks), width), np.nan) for model, ranks in runs.items()}
    starts = np.searchsorted(np.sort(budget.day), np.arange(int(budget.day.max()) + 2))
    for index, (count, places) in enumerate(draws(len(target), budget, plan)):
        positives = int(count[target].sum())
        negatives = int(count.sum()) - positives
        if not positives or not negatives:
            continue
        limits = _limits(negatives)
        for model, ranks in runs.items():
            for seed, rank in enumerate(ranks):
                _measure(rank, target, count, limits, starts, places, sums[model][index, seed])
    generator = np.random.default_rng([plan.seed, 1])
    return {model: over_seeds(each, generator) for model, each in sums.items()}


def _moved(plan: Plan, near: Ints) -> Plan:
    return plan if plan.unit is None else replace(plan, unit=plan.unit[near])


RATES = np.array(FALSE_POSITIVE_RATES)


def draws(events: int, budget: Budget, plan: Plan) -> Iterator[tuple[Counts, Ints]]:
    """How often each event [B] is drawn, and each day's budget [D], resample by resample."""
    generator = np.random.default_rng([plan.seed, 0])
    units = events if plan.unit is None else int(plan.unit.max()) + 1
    usual: Ints = np.full(int(budget.day.max()) + 1, budget.a_day, np.int64)
    for _ in range(plan.rounds):
        drawn = np.bincount(generator.integers(0, units, units), minlength=units).astype(np.int32)
        count = drawn if plan.unit is None else drawn[plan.unit]
        yield count, usual * drawn if plan.by_day else usual


def _limits(negatives: int) -> Ints:
    """Most false positives at each rate, by the comparison scikit-learn's rates give: count / negatives <= rate."""
    near: Ints = np.floor(RATES * negatives).astype(np.int64)
    near += (near + 1) / negatives <= RATES
    near -= near / negatives > RATES
    return near


def _measure(rank: Ranked, target: Flags, count: Counts, limits: Ints, starts: Ints, places: Ints, out: Floats) -> None:
    """Fill `out` [M] with a run's figures where event b counts `count[b]` times."""
    _by_rank(rank.order, rank.hit, rank.last, count, limits, out)
    out[2 + len(RATES)] = _a_day(rank.daily, rank.tied, target, count, starts, places)
    _by_bin(rank.order, rank.hit, rank.score, rank.width, rank.mass, count, out)


@njit(cache=True)  # the loops the whole file is about: numpy would pass over the events twenty times
def _by_rank(order: Array, hit: Array, last: Array, count: Array, limits: Array, out: Array) -> None:
    out[: 2 + len(limits)] = 0.0
    found = false = found_before = false_before = 0
    for i in range(len(order)):
        times = count[order[i]]
        found += times * hit[i]
        false += times - times * hit[i]
        if not last[i]:
            continue
        if found > found_before:
            out[0] += (found - found_before) * found / (found + false)
        out[1] += (false - false_before) * (found + found_before)
        for k in range(len(limits)):
            if false <= limits[k]:
                out[2 + k] = found
        found_before, false_before = found, false
    out[: 2 + len(limits)] /= found
    out[1] /= 2 * false


@njit(cache=True)
def _a_day(daily: Array, tied: Array, target: Array, count: Array, starts: Array, places: Array) -> float:
    hits = alerts = 0.0
    for day in range(len(places)):
        used = weight = right = 0
        for i in range(starts[day], starts[day + 1]):
            weight += count[daily[i]]
            right += count[daily[i]] * target[daily[i]]
            if tied[i] or weight == 0:
                continue
            room = min(weight, places[day] - used)
            hits += right * room / weight
            used += room
            weight = right = 0
            if used == places[day]:
                break
        alerts += used
    return hits / alerts if alerts else 0.0


@njit(cache=True)
def _by_bin(order: Array, hit: Array, score: Array, width: Array, mass: Array, count: Array, out: Array) -> None:
    by_width, by_mass = np.zeros(BINS), np.zeros(BINS)
    square, total = 0.0, 0
    for i in range(len(order)):
        times = count[order[i]]
        off = score[i] - hit[i]
        by_width[width[i]] += times * off
        by_mass[mass[i]] += times * off
        square += times * off * off
        total += times
    out[-3] = np.abs(by_width).sum() / total
    out[-2] = np.abs(by_mass).sum() / total
    out[-1] = square / total


def over_seeds(figures: Floats, generator: np.random.Generator) -> Floats:
    """Mean over as many seeds drawn anew for each resample, stretched (see above): [R, S, M] to [R, M]."""
    rounds, seeds, _ = figures.shape
    mean: Floats = figures.mean(axis=1)
    if seeds == 1:
        return mean
    pick = generator.integers(0, seeds, (rounds, seeds))
    drawn = figures[np.arange(rounds)[:, None], pick].mean(axis=1)
    return np.asarray(mean + (drawn - mean) * np.sqrt(seeds / (seeds - 1)))
