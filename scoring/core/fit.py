"""Train an event network: one pass over the batches an epoch, AdamW, a one-cycle rate.

Shapes: B events of a batch.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from scoring.core.backend import CPU, Backend
from scoring.core.distill import Distillation, two_classes
from scoring.core.lesson import Lesson, Lessons
from scoring.core.losses import event_loss
from scoring.core.network import EventNetwork
from scoring.core.watch import Best, Watch

WARM_UP = 0.2  # share of the steps in which the rate rises
FEWEST = 10  # steps: of 5, torch divides by 0; of fewer than 10 the cycle is not gone to its end


@dataclass(frozen=True, slots=True)
class FitSettings:
    """How a network is trained.

    Attributes:
        epochs: passes over the data, at the most.
        steps: batches in one pass.
        rate: highest learning rate.
        decay: weight decay.
        positive_weight: how much more a positive counts in the loss; calibration takes it out again.
        focus: gamma of the focal loss; 0 is cross-entropy (see `event_loss`).
        clip: largest norm of a step's gradient.
        average: decay of a moving average of the weights, which then is what is kept; 0 is without.
        distil: what moves the temperature at which teachers' logits are learned; `none` leaves them alone.
        share: of the teacher in the loss.
        backend: where it trains, in float32 or bf16.
    """

    epochs: int
    steps: int
    rate: float = 3e-3
    decay: float = 1e-2
    positive_weight: float = 1.0
    focus: float = 0.0
    clip: float = 1.0
    average: float = 0.0
    distil: Literal["none", "schedule", "entropy"] = "none"
    share: float = 0.9
    backend: Backend = CPU


@dataclass(frozen=True, slots=True)
class Progress:
    """What an epoch came to: its mean loss and, where a slice is watched, the figure there and whether it is best."""

    epoch: int
    epochs: int
    loss: float
    watched: float | None = None
    best: bool = True


@dataclass(frozen=True, slots=True)
class Fitted:
    """Mean loss of each epoch, the figure watched after each, and the epoch whose weights were kept."""

    losses: tuple[float, ...]
    watched: tuple[float, ...]
    epoch: int


def seed_everything(seed: int) -> None:
    """Seed each generator that training draws from."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def fit(
    network: EventNetwork,
    lessons: Lessons,
    settings: FitSettings,
    watch: Watch | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Fitted:
    """Train the network in place; it comes back on the CPU, ready to score.

    Args:
        network: the network.
        lessons: gives the batches of an epoch.
        settings: see there.
        watch: later events to stop early by; the weights of the best epoch are kept.
        progress: told after every epoch.

    Raises:
        BackendMissing: the device is not there.
        ValueError: fp16 (train in bf16), a lesson without the teacher that is to be learned from, or a slice to
            watch that can't be measured.
    """
    loop = _Loop(network, settings)
    best, losses = Best(), []
    for epoch in range(settings.epochs):
        losses.append(float(np.mean([loop.step(lesson) for lesson in lessons(epoch)])))
        if watch is None:
            progress(Progress(epoch, settings.epochs, losses[-1]))
            continue
        better = best.see(watch.measure(loop.kept.eval(), settings.backend), loop.kept)
        progress(Progress(epoch, settings.epochs, losses[-1], best.figures[-1], better))
        if best.waited >= watch.patience:
            break
    network.load_state_dict(best.state or loop.kept.state_dict())
    network.cpu().eval()
    return Fitted(tuple(losses), tuple(best.figures), best.epoch if best.state else len(losses) - 1)


def one_cycle(optimiser: torch.optim.Optimizer, settings: FitSettings) -> torch.optim.lr_scheduler.OneCycleLR:
    """The rate over all steps: up to its highest in the first fifth, then down to nothing (Smith and Topin 2018)."""
    total = max(settings.epochs * settings.steps + 1, FEWEST)
    return torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.rate, total_steps=total, pct_start=WARM_UP)


class _Loop:
    """Optimiser, rate and average of one training."""

    def __init__(self, network: EventNetwork, settings: FitSettings) -> None:
        if settings.backend.precision == "fp16":
            raise ValueError("fp16 loses small gradients: train in bf16, and score in fp16 if the parity gate lets it")
        settings.backend.check()
        self.settings, self.network = settings, network.to(settings.backend.device)
        self.optimiser = torch.optim.AdamW(network.parameters(), lr=settings.rate, weight_decay=settings.decay)
        self.schedule = one_cycle(self.optimiser, settings)
        mean = get_ema_multi_avg_fn(settings.average)  # type: ignore[no-untyped-call]  # torch ships no type
        self.average = AveragedModel(network, multi_avg_fn=mean) if settings.average else None
        self.kept = network if self.average is None else cast(EventNetwork, self.average.module)
        self.distillation: Distillation | None = None
        if settings.distil != "none":
            self.distillation = Distillation(settings.epochs * settings.steps, settings.distil, settings.share)
        self.steps = 0

    def step(self, lesson: Lesson) -> float:
        """Take one step, and say what the loss was."""
        self.network.train()
        self.optimiser.zero_grad(set_to_none=True)
        loss = self._loss(lesson.to(self.settings.backend.device))
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip)
        self.optimiser.step()
        self.schedule.step()
        if self.average is not None:
            self.average.update_parameters(self.network)
        self.steps += 1
        return float(loss.detach())

    def _loss(self, lesson: Lesson) -> Tensor:
        settings = self.settings
        with settings.backend.autocast():
            logit = self.network(lesson.batch).float()
        own = event_loss(logit, lesson.target, lesson.weight, settings.positive_weight, settings.focus)
        if self.distillation is None:
            return own
        if lesson.teacher is None:
            raise ValueError(f"step {self.steps}: distil is {settings.distil!r} and the lesson has no teacher's logits")
        student, teacher = two_classes(logit), two_classes(lesson.teacher)
        taught = self.distillation.taught(student, teacher, self.steps, lesson.weight)
        return settings.share * taught + (1.0 - settings.share) * own
