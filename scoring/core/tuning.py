"""Learning rate and weight decay of a network's training, by the hypergradient of a held-out batch.

Shapes: B events of a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.func import functional_call

from scoring.core.fit import FitSettings, one_cycle
from scoring.core.hypergrad import Parameters, Tuned, Unrolled, tune
from scoring.core.lesson import Lesson
from scoring.core.losses import event_loss
from scoring.core.network import EventNetwork


@dataclass(frozen=True, slots=True)
class Search:
    """How long to look: steps of training in each round, pairs to try, and the largest change of a logarithm."""

    steps: int = 40
    rounds: int = 8
    stride: float = 0.5


def tune_by_hypergradient(
    network: EventNetwork,
    lessons: Sequence[Lesson],
    held_out: Lesson,
    settings: FitSettings,
    search: Search | None = None,
) -> Tuned:
    """The rate and decay that train best, from those of `settings` on, by what `held_out` loses after training.

    Each round trains from the network's weights as `fit` does (AdamW along a one-cycle rate, the same loss, on the
    CPU), but without dropout, clipping, teachers and averages, and with Adam's first beta at 0.9, where the cycle
    moves it. A step costs 3 to 6 plain ones, so take a small network and few batches, and `replace` rate and decay
    in the settings. In few steps a network learns the share of positives first: hold out a batch of the same share,
    or the rate is tuned to that.

    Args:
        network: to start from; it is left as it was.
        lessons: to train on, taken in turn.
        held_out: to judge by, with plain cross-entropy; later than the lessons, and in none of them.
        settings: whose rate and decay are tuned.
        search: how long to look.

    Raises:
        ValueError: no lesson, or a rate or decay of 0.
        Diverged: every pair tried diverged.
    """
    if not lessons:
        raise ValueError("there is no lesson to train on: give one batch at the least")
    search = search or Search()

    before = network.training
    network.eval()
    try:
        run = _run(network, lessons, held_out, settings, search.steps)
        return tune(run, settings.rate, settings.decay, search.rounds, search.stride)
    finally:
        network.train(before)


def _run(
    network: EventNetwork, lessons: Sequence[Lesson], held_out: Lesson, settings: FitSettings, steps: int
) -> Unrolled:
    """The training to differentiate."""
    pace = _pace(settings, steps)

    def logit(parameters: Parameters, lesson: Lesson) -> Tensor:
        said: Tensor = functional_call(network, parameters, (lesson.batch,))
        return said

    def train(parameters: Parameters, step: int) -> Tensor:
        lesson = lessons[step % len(lessons)]
        said = logit(parameters, lesson)
        return event_loss(said, lesson.target, lesson.weight, settings.positive_weight, settings.focus)

    def valid(parameters: Parameters) -> Tensor:
        return event_loss(logit(parameters, held_out), held_out.target, held_out.weight)

    return Unrolled(train, valid, dict(network.named_parameters()), steps, "adam", pace.__getitem__)


def _pace(settings: FitSettings, steps: int) -> list[float]:
    """The rate of `fit` at each step, as a share of its highest."""
    short = replace(settings, epochs=1, steps=steps)
    optimiser = torch.optim.SGD([torch.zeros(1)], lr=settings.rate)  # it only holds the rate
    schedule = one_cycle(optimiser, short)
    rates = []
    for _ in range(steps):
        rates.append(optimiser.param_groups[0]["lr"] / settings.rate)
        optimiser.step()
        schedule.step()
    return rates
