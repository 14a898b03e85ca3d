"""Two ways to share weight between relations, so that rare ones do not overfit (Schlichtkrull et al. 2018, 2.2).

Shapes: R relations, M message width, H outputs, B bases or blocks.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Decomposition:
    """How the R weight matrices of a relational convolution are made up; as made, each is free.

    Attributes:
        bases: every matrix is a mix of this many bases (eq. 3).
        blocks: every matrix is block-diagonal with this many blocks (eq. 4).

    Raises:
        ValueError: both were asked for, or fewer than one.
    """

    bases: int | None = None
    blocks: int | None = None

    def __post_init__(self) -> None:
        """Refuse what has no meaning."""
        if self.bases is not None and self.blocks is not None:
            raise ValueError("bases and blocks exclude each other: choose one")
        if any(count is not None and count < 1 for count in (self.bases, self.blocks)):
            raise ValueError(f"bases {self.bases}, blocks {self.blocks}: at least 1, or None for free weights")

    def weight_shape(self, relations: int, inputs: int, outputs: int) -> tuple[int, ...]:
        """The parameter's shape: [R, M, H] free, [B, M, H] bases, [R, B, M/B, H/B] blocks.

        Raises:
            ValueError: the widths can't be cut into that many blocks.
        """
        if self.bases is not None:
            return self.bases, inputs, outputs
        if self.blocks is None:
            return relations, inputs, outputs
        if inputs % self.blocks or outputs % self.blocks:
            raise ValueError(f"{inputs} inputs and {outputs} outputs: {self.blocks} blocks do not divide both")
        return relations, self.blocks, inputs // self.blocks, outputs // self.blocks

    def make_mix(self, relations: int) -> nn.Parameter | None:
        """The share each relation takes of each basis, [R, B]; None where there are no bases."""
        return None if self.bases is None else nn.Parameter(torch.randn(relations, self.bases) / self.bases**0.5)

    def expand(self, weight: Tensor, mix: Tensor | None) -> Tensor:
        """Each relation's matrix [R, M, H] from the parameter and, for bases, the mix [R, B]."""
        if mix is not None:
            return torch.einsum("rb,bmh->rmh", mix, weight)
        if self.blocks is None:
            return weight
        apart = torch.eye(self.blocks, dtype=weight.dtype, device=weight.device)  # [B, B]
        return torch.einsum("rbij,bc->rbicj", weight, apart).flatten(3, 4).flatten(1, 2)


FREE = Decomposition()
