"""Which way a training step goes, and how that moves when the gradient moves: what hypergradients are carried through.

A direction is a function of the gradients so far; so is how it moves, to first order, of their derivatives along
something (here two things, learning rate and weight decay).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

Rule = Literal["descent", "adam"]
Tensors = Sequence[Tensor]


class Descent:
    """The gradient itself."""

    def turn(self, slope: Tensors, bends: tuple[Tensors, Tensors]) -> tuple[Tensors, tuple[Tensors, Tensors]]:
        """The direction at a gradient, and how it moves where the gradient moves so."""
        return slope, bends


class Adam:
    """Adam's direction (Kingma and Ba 2015), and how it moves, with the means of both."""

    BETAS, EPS = (0.9, 0.999), 1e-8  # as torch.optim.AdamW has them

    def __init__(self, like: Tensors) -> None:
        """Start from nothing, for parameters like these."""
        zeros = [torch.zeros_like(value) for value in like]
        self.mean, self.square = zeros, zeros
        self.moves = [(zeros, zeros), (zeros, zeros)]  # of mean and square, along each of the two
        self.step = 0

    def turn(self, slope: Tensors, bends: tuple[Tensors, Tensors]) -> tuple[Tensors, tuple[Tensors, Tensors]]:
        """The direction at a gradient, and how it moves where the gradient moves so."""
        self.step += 1
        first, second = self.BETAS
        near, far = 1 - first**self.step, 1 - second**self.step
        self.mean = [first * m + (1 - first) * g for m, g in zip(self.mean, slope, strict=True)]
        self.square = [second * v + (1 - second) * g * g for v, g in zip(self.square, slope, strict=True)]
        root = [(v / far).sqrt() for v in self.square]
        going = [m / near / (r + self.EPS) for m, r in zip(self.mean, root, strict=True)]
        moved = []
        for place, bend in enumerate(bends):
            mean, square = self.moves[place]
            mean = [first * d + (1 - first) * b for d, b in zip(mean, bend, strict=True)]
            square = [second * d + (1 - second) * 2 * g * b for d, g, b in zip(square, slope, bend, strict=True)]
            self.moves[place] = mean, square
            moved.append(
                [
                    # a gradient that was always 0 has root 0 and stays put
                    (m / near - u * v / far / (2 * r).clamp(min=1e-30)) / (r + self.EPS)
                    for m, v, u, r in zip(mean, square, going, root, strict=True)
                ]
            )
        return going, (moved[0], moved[1])
