"""Hypergradients: how the validation loss after training moves with learning rate and weight decay.

Training is T steps with decoupled weight decay on the parameters p,

    p' = p - rate * pace(step) * (u + decay * p),

u the gradient g of the training loss (`descent`) or Adam's direction (`adam`, so that the step is AdamW's), and its
derivatives by rate and decay are carried along with it (forward mode, Franceschi et al. 2017):

    Z_rate'  = Z_rate  - rate * pace * (U Z_rate  + decay * Z_rate)  - pace * (u + decay * p)
    Z_decay' = Z_decay - rate * pace * (U Z_decay + decay * Z_decay) - rate * pace * p

U Z is how the direction moves with p along Z: the Hessian-vector product H Z (Pearlmutter 1994) for `descent`, and
that sent through Adam's two moving means for `adam`. Memory does not grow with T; a step costs 3 to 6 plain ones
(measured). The derivative is that of the T steps taken, not of the optimum they head for: with few small steps it
may only learn to shrink the weights it started from (Wu et al. 2018, "Understanding short-horizon bias").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from scoring.core.direction import Adam, Descent, Rule, Tensors

Parameters = dict[str, Tensor]
TrainLoss = Callable[[Parameters, int], Tensor]  # parameters and step (which batch) to a scalar
ValidLoss = Callable[[Parameters], Tensor]


class Diverged(Exception):
    """Training left the finite numbers: take a smaller learning rate."""


@dataclass(frozen=True, slots=True)
class HyperGradient:
    """What training came to, and which way to turn.

    Attributes:
        parameters: as trained.
        value: validation loss there.
        rate: derivative of the value by the learning rate.
        decay: derivative of the value by the weight decay.
    """

    parameters: Parameters
    value: float
    rate: float
    decay: float


@dataclass(frozen=True, slots=True)
class Unrolled:
    """A training run to differentiate.

    Attributes:
        train: training loss of parameters at a step; twice differentiable, and the same for the same step.
        valid: validation loss of parameters.
        start: parameters to start from, as `dict(module.named_parameters())` and `torch.func.functional_call` use.
        steps: T.
        rule: what is stepped along, the gradient (`descent`) or Adam's direction (`adam`).
        pace: factor on the rate at a step, as a schedule has it; 1 by default.
    """

    train: TrainLoss
    valid: ValidLoss
    start: Parameters
    steps: int
    rule: Rule = "descent"
    pace: Callable[[int], float] = lambda _: 1.0

    def hypergradient(self, rate: float, decay: float) -> HyperGradient:
        """Train, and differentiate the validation loss by rate and decay.

        Raises:
            Diverged: a loss or a derivative is no longer finite.
        """
        names = list(self.start)
        point = [value.detach() for value in self.start.values()]
        by_rate = [torch.zeros_like(value) for value in point]
        by_decay = [torch.zeros_like(value) for value in point]
        direction = Adam(point) if self.rule == "adam" else Descent()
        for step in range(self.steps):
            point = [value.requires_grad_() for value in point]
            loss = self.train(dict(zip(names, point, strict=True)), step)
            slope = torch.autograd.grad(loss, point, create_graph=True, materialize_grads=True)
            bend_rate, bend_decay = _bend(slope, point, by_rate), _bend(slope, point, by_decay)
            with torch.no_grad():
                going, (along_rate, along_decay) = direction.turn(slope, (bend_rate, bend_decay))
                pull = [u + decay * p for u, p in zip(going, point, strict=True)]
                pace, small = self.pace(step), rate * self.pace(step)
                by_rate = _carried(by_rate, along_rate, small, decay, [pace * g for g in pull])
                by_decay = _carried(by_decay, along_decay, small, decay, [small * p for p in point])
                point = [p.detach() - small * g for p, g in zip(point, pull, strict=True)]
        return self._judge(dict(zip(names, point, strict=True)), by_rate, by_decay)

    def _judge(self, trained: Parameters, by_rate: list[Tensor], by_decay: list[Tensor]) -> HyperGradient:
        point = [value.requires_grad_() for value in trained.values()]
        loss = self.valid(dict(zip(trained, point, strict=True)))
        slope = torch.autograd.grad(loss, point, materialize_grads=True)
        figures = float(loss.detach()), _dot(slope, by_rate), _dot(slope, by_decay)
        if not all(torch.isfinite(torch.tensor(figures))):
            raise Diverged(f"after {self.steps} steps the validation loss is {figures[0]}: lower the learning rate")
        return HyperGradient({name: value.detach() for name, value in trained.items()}, *figures)


@dataclass(frozen=True, slots=True)
class Tuned:
    """The best pair seen, and every one tried as (rate, decay, validation loss); infinite where it diverged."""

    rate: float
    decay: float
    value: float
    tried: list[tuple[float, float, float]]


def tune(run: Unrolled, rate: float, decay: float, rounds: int = 10, stride: float = 0.5) -> Tuned:
    """Descend the validation loss in (log rate, log decay) from a starting pair, by Adam.

    In logarithms both stay above 0 and one stride means the same factor anywhere (0.5 is a factor of 1.65).
    Where training diverged, the rate is cut to a quarter and the round is spent.

    Args:
        run: the training run; each round takes it once.
        rate: learning rate to start from, above 0.
        decay: weight decay to start from, above 0.
        rounds: pairs to try.
        stride: largest step of a logarithm in one round.

    Raises:
        ValueError: a start that is not above 0, or no round.
        Diverged: every pair tried diverged.
    """
    if not (rate > 0 and decay > 0 and rounds > 0):
        raise ValueError(f"rate {rate}, decay {decay}, rounds {rounds}: each must be above 0")
    place = torch.tensor([rate, decay], dtype=torch.double).log()
    optimiser = torch.optim.Adam([place], lr=stride, betas=(0.7, 0.9))  # short memory: rounds are few
    tried: list[tuple[float, float, float]] = []
    for _ in range(rounds):
        now_rate, now_decay = place.exp().tolist()
        try:
            found = run.hypergradient(now_rate, now_decay)
        except Diverged:
            tried.append((now_rate, now_decay, float("inf")))
            place[0] -= torch.tensor(4.0).log()
            continue
        tried.append((now_rate, now_decay, found.value))
        place.grad = torch.tensor([now_rate * found.rate, now_decay * found.decay], dtype=torch.double)
        optimiser.step()
    best = min(tried, key=lambda pair: pair[2])
    if best[2] == float("inf"):
        raise Diverged(f"all {rounds} rates from {rate} down diverged: start lower")
    return Tuned(*best, tried)


def _carried(along: Tensors, moved: Tensors, small: float, decay: float, own: Tensors) -> list[Tensor]:
    """A derivative of the parameters behind one step; `own` is what the step itself hangs on rate or decay by."""
    return [z - small * (h + decay * z) - o for z, h, o in zip(along, moved, own, strict=True)]


def _bend(slope: tuple[Tensor, ...], point: list[Tensor], along: Tensors) -> tuple[Tensor, ...]:
    """The Hessian times `along`; a parameter whose slope is constant or that is not used has no share in it."""
    curved = [(g, z) for g, z in zip(slope, along, strict=True) if g.requires_grad]
    if not curved:
        return tuple(torch.zeros_like(value) for value in point)
    slopes, directions = zip(*curved, strict=True)
    return torch.autograd.grad(slopes, point, directions, retain_graph=True, materialize_grads=True)


def _dot(left: tuple[Tensor, ...], right: list[Tensor]) -> float:
    return float(sum((a * b).sum() for a, b in zip(left, right, strict=True)))
