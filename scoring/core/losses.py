"""What training makes small: cross-entropy of a logit, weighted by sample and class, focused if asked.

Shapes: B events.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def event_loss(
    logit: Tensor, target: Tensor, weight: Tensor, positive_weight: float = 1.0, focus: float = 0.0
) -> Tensor:
    """Mean over the samples, by their weight, of (1 - p)^focus times the cross-entropy, p the share of the truth.

    With `focus` 0 it is cross-entropy; above, what is easy counts less (Lin et al. 2017, "Focal loss for dense
    object detection", eq. 4; they take 2).

    Args:
        logit: [B].
        target: [B] 0 or 1.
        weight: [B] how many samples each stands for.
        positive_weight: how much more a positive counts.
        focus: gamma, 0 or above.

    Returns:
        A scalar.
    """
    logit = logit.float() if logit.dtype in (torch.bfloat16, torch.float16) else logit
    more = logit.new_tensor(positive_weight)
    loss = nn.functional.binary_cross_entropy_with_logits(logit, target, reduction="none", pos_weight=more)  # [B]
    if focus:
        wrong = torch.sigmoid(torch.where(target > 0.5, -logit, logit))  # [B] 1 - p
        loss = loss * wrong**focus
    return (loss * weight).sum() / weight.sum()


def class_balance(negatives: float, positives: float, beta: float = 0.9999) -> float:
    """How much more a positive should count, by the effective number of samples (Cui et al. 2019, eq. 2).

    The effective number of n samples is (1 - beta^n) / (1 - beta): between 1 and n, the nearer n the nearer beta
    is to 1. The more negatives there are, the less a further one tells.

    Raises:
        ValueError: a class without a sample, or beta not between 0 and 1.
    """
    if not (negatives > 0 and positives > 0 and 0 <= beta < 1):
        raise ValueError(f"{negatives} negatives, {positives} positives, beta {beta}: need some of each, 0 <= beta < 1")
    return float((1.0 - beta**negatives) / (1.0 - beta**positives))
