"""Standardise inputs by figures of the training data, which travel with the weights."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Scaling:
    """Mean and spread of each input, taken on the training data; `whole` where the network reads it."""

    nodes: tuple[Tensor, Tensor]
    attributes: tuple[Tensor, Tensor]
    event: tuple[Tensor, Tensor]
    whole: tuple[Tensor, Tensor] | None = None


class Standardise(nn.Module):
    """Shift and scale by fixed figures that travel with the weights."""

    def __init__(self, width: int) -> None:
        """Start as the identity on `width` features."""
        super().__init__()
        self.mean: Tensor
        self.spread: Tensor
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("spread", torch.ones(width))

    def fit(self, mean: Tensor, spread: Tensor) -> None:
        """Take the figures; a feature that never varies is only shifted."""
        self.mean.copy_(mean)
        self.spread.copy_(torch.where(spread > 1e-6, spread, torch.ones_like(spread)))

    def forward(self, x: Tensor) -> Tensor:
        """Standardise and clip to ±8, so that one odd amount can't carry the score: [*, width]."""
        return ((x - self.mean) / self.spread).clamp(-8.0, 8.0)
