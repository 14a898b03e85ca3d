"""Distillation: a small student learns what a large teacher says of every class, at a temperature that moves.

Shapes: B examples, C classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

HOTTEST = 6.0  # 1 + 5, where training starts


def scheduled_temperature(step: int, total: int) -> float:
    """T = 1 + 5 * (1 - step / total): soft lessons first, the teacher as it is at the end (Jafari et al. 2021).

    Raises:
        ValueError: a step outside 0 to `total`, or nothing to do.
    """
    if total < 1 or not 0 <= step <= total:
        raise ValueError(f"step {step} of {total}: need 0 <= step <= total and a total of at least 1")
    return 1.0 + (HOTTEST - 1.0) * (1.0 - step / total)


def entropy_temperature(teacher: Tensor) -> Tensor:
    """T = 1 + 5 * (1 - H / log C) for each example, H the entropy of what the teacher says of it.

    A teacher that is sure says little about the other classes, so it is softened most; one that is torn is
    taken as it is. The example sets the pace instead of the clock (after Li et al. 2021, "Dynamic knowledge
    distillation", who let the student's uncertainty do so).

    Takes logits [B, C] and gives [B], without gradient.
    """
    log_share = teacher.detach().log_softmax(1)  # [B, C]
    entropy = -(log_share.exp() * log_share).sum(1)  # [B]
    return 1.0 + (HOTTEST - 1.0) * (1.0 - entropy / math.log(teacher.shape[1])).clamp(0.0, 1.0)


def two_classes(logit: Tensor) -> Tensor:
    """Logits of no and yes [B, 2] whose softmax is the sigmoid of this logit [B], at every temperature."""
    return torch.stack([torch.zeros_like(logit), logit], dim=1)


def distillation_loss(
    student: Tensor, teacher: Tensor, temperature: float | Tensor, weight: Tensor | None = None
) -> Tensor:
    """Mean of T^2 * KL(softmax(teacher / T) || softmax(student / T)) (Hinton et al. 2015, section 2).

    T^2 keeps the gradient's size: it is T * (softmax(student / T) - softmax(teacher / T)) / B.

    Args:
        student: [B, C] logits.
        teacher: [B, C] logits; no gradient flows into them.
        temperature: one, or [B] one an example.
        weight: [B] what each example counts in the mean; all the same by default.

    Returns:
        A scalar.

    Raises:
        ValueError: shapes that differ, or fewer than two classes.
    """
    if student.shape != teacher.shape or student.dim() != 2 or student.shape[1] < 2:
        raise ValueError(
            f"student {tuple(student.shape)}, teacher {tuple(teacher.shape)}: need equal [B, C] of two classes or "
            "more; see two_classes for a single logit"
        )
    heat = torch.as_tensor(temperature, dtype=student.dtype, device=student.device).reshape(-1, 1)  # [B or 1, 1]
    taught = (teacher.detach() / heat).log_softmax(1)
    learned = (student / heat).log_softmax(1)
    gap = (heat.square() * taught.exp() * (taught - learned)).sum(1)  # [B]
    return gap.mean() if weight is None else (gap * weight).sum() / weight.sum()


@dataclass(frozen=True, slots=True)
class Distillation:
    """The loss of a training run of `total` steps.

    Attributes:
        total: steps of the run.
        variant: what moves the temperature, the `schedule` or the teacher's `entropy`.
        share: of the teacher in the loss; the rest is cross-entropy with the labels, where there are any.
    """

    total: int
    variant: Literal["schedule", "entropy"] = "schedule"
    share: float = 0.9

    def loss(self, student: Tensor, teacher: Tensor, step: int, target: Tensor | None = None) -> Tensor:
        """The loss at one step, a scalar, from logits [B, C] of both and, where known, classes [B].

        Raises:
            ValueError: as `distillation_loss` and `scheduled_temperature` do.
        """
        taught = self.taught(student, teacher, step)
        if target is None:
            return taught
        return self.share * taught + (1.0 - self.share) * nn.functional.cross_entropy(student, target)

    def taught(self, student: Tensor, teacher: Tensor, step: int, weight: Tensor | None = None) -> Tensor:
        """The teacher's part of it at one step, a scalar; `weight` [B] is what each example counts.

        Raises:
            ValueError: as `distillation_loss` and `scheduled_temperature` do.
        """
        by_clock = self.variant == "schedule"
        heat = scheduled_temperature(step, self.total) if by_clock else entropy_temperature(teacher)
        return distillation_loss(student, teacher, heat, weight)
