"""Rate and decay for a variant: by hypergradient, or by random search that is given the same compute.

Both look at the same few batches of the earlier part of the training slice and are judged by the same later events of
it; both start from the same weights. Shapes: B events.
"""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch

from scoring.core.backend import CPU
from scoring.core.fit import FitSettings, fit, seed_everything
from scoring.core.hypergrad import Diverged
from scoring.core.lesson import Lesson
from scoring.core.losses import event_loss
from scoring.core.network import EventNetwork
from scoring.core.tuning import Search, tune_by_hypergradient
from scoring.teaching import Teaching

SEARCH = Search(steps=40, rounds=5)  # of 20 steps the best rate is one that learns fast and not well
PLAIN = 3  # plain steps that one differentiated step costs: 190 ms to 56 (the base, batches of 128, measured)
BATCHES, BATCH = 4, 128
HELD_OUT = 512  # events that judge, from the last fifth of the slice
RATES, DECAYS = (3e-4, 3e-2), (1e-4, 1.0)  # random search draws between, evenly in logarithms

Tuning = Literal["hypergradient", "random"]


@dataclass(frozen=True, slots=True)
class Found:
    """The pair that was best on the events held out, how many were tried and how long that took."""

    rate: float
    decay: float
    tried: int
    took_s: float

    def __str__(self) -> str:
        """For the notes."""
        return f"rate {self.rate:.2g}, decay {self.decay:.2g} of {self.tried} tried in {self.took_s:.1f} s"


def tuned(
    way: Tuning,
    network: EventNetwork,
    teaching: Teaching,
    fitting: FitSettings,
    seed: int,
    search: Search = SEARCH,
) -> Found:
    """Look for the rate and decay that train best; where none trains, those of `fitting` stand.

    Args:
        way: of looking.
        network: to start from; it is left as it was.
        teaching: the training slice, in the order of time.
        fitting: what is trained with; its rate and decay are where the hypergradient starts.
        seed: of the batches and draws.
        search: how long to look.
    """
    began_s, generator = time.perf_counter(), np.random.default_rng(seed)
    lessons, held_out = _lessons(teaching, generator)
    plain = replace(fitting, distil="none", average=0.0)
    if way == "hypergradient":
        try:
            best = tune_by_hypergradient(network, lessons, held_out, plain, search)
        except Diverged:
            return Found(fitting.rate, fitting.decay, search.rounds, time.perf_counter() - began_s)
        return Found(best.rate, best.decay, len(best.tried), time.perf_counter() - began_s)
    pairs = [_drawn(generator) for _ in range(search.rounds * PLAIN)]
    dealt = [lessons[step % len(lessons)] for step in range(search.steps)]
    losses = [_loss(copy.deepcopy(network), dealt, held_out, replace(plain, rate=r, decay=d), seed) for r, d in pairs]
    rate, decay = pairs[int(np.argmin(np.nan_to_num(losses, nan=np.inf)))]
    return Found(rate, decay, len(pairs), time.perf_counter() - began_s)


def _lessons(teaching: Teaching, generator: np.random.Generator) -> tuple[list[Lesson], Lesson]:
    """A few batches of the first four fifths, and later events with as many positives by share."""
    border = len(teaching.target) * 4 // 5
    earlier, later = np.arange(border), np.arange(border, len(teaching.target))
    drawn = generator.permutation(earlier)[: BATCHES * BATCH]
    share = float(teaching.target[drawn].mean())
    size = min(HELD_OUT, len(later))
    groups = (later[teaching.target[later]], later[~teaching.target[later]])
    few = [generator.permutation(group)[:most] for group, most in zip(groups, _parts(size, share), strict=True)]
    dealt = [_lesson(teaching, drawn[first : first + BATCH]) for first in range(0, len(drawn), BATCH)]
    return dealt, _lesson(teaching, np.concatenate(few))


def _parts(size: int, share: float) -> tuple[int, int]:
    positives = max(1, round(size * share))
    return positives, size - positives


def _lesson(teaching: Teaching, index: np.ndarray) -> Lesson:
    at = np.sort(index)
    target, weight = (torch.from_numpy(each[at]).float() for each in (teaching.target, teaching.weight))
    return Lesson(teaching.prepared.batch(at), target, weight)


def _drawn(generator: np.random.Generator) -> tuple[float, float]:
    rate, decay = (float(np.exp(generator.uniform(*np.log(bounds)))) for bounds in (RATES, DECAYS))
    return rate, decay


def _loss(network: EventNetwork, lessons: list[Lesson], held_out: Lesson, fitting: FitSettings, seed: int) -> float:
    """What is lost on the events held out after a short training."""
    seed_everything(seed)
    fit(network, lambda _: lessons, replace(fitting, epochs=1, steps=len(lessons)))
    return float(event_loss(CPU.logits(network, held_out.batch), held_out.target, held_out.weight))
