"""Prepared events with what is known of them, dealt out in batches to learn from.

Shapes: B events.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from scoring.columns import Floats, Ints
from scoring.core.lesson import Lesson, Lessons
from scoring.dataset import Flags
from scoring.prepared import Prepared


@dataclass(frozen=True, slots=True)
class Teaching:
    """Events [B], their targets, how many events each stands for, and a teacher's logits where one teaches."""

    prepared: Prepared
    target: Flags
    weight: Floats
    teacher: Floats | None = None

    def lessons(self, index: Ints, size: int, seed: int) -> Lessons:
        """Batches of `size` of these events, each epoch in another order; the same for a seed."""
        target, weight = torch.from_numpy(self.target).float(), torch.from_numpy(self.weight).float()
        taught = None if self.teacher is None else torch.from_numpy(self.teacher).float()
        generator = np.random.default_rng(seed)

        def deal(_: int) -> Iterator[Lesson]:
            order = generator.permutation(index)
            for first in range(0, len(order), size):
                at = np.sort(order[first : first + size])
                yield Lesson(self.prepared.batch(at), target[at], weight[at], None if taught is None else taught[at])

        return deal
