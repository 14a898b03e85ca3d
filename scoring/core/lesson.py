"""A batch with what is known of it: what training learns from and is judged by.

Shapes: B events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torch import Tensor

from scoring.core.batch import GraphBatch


@dataclass(frozen=True, slots=True)
class Lesson:
    """A batch to learn from.

    Attributes:
        batch: B events.
        target: [B] 0 or 1.
        weight: [B] how many events each stands for.
        teacher: [B] a teacher's logits, where they are learned from too.
    """

    batch: GraphBatch
    target: Tensor
    weight: Tensor
    teacher: Tensor | None = None

    def to(self, device: str) -> Lesson:
        """The same on a device."""
        teacher = None if self.teacher is None else self.teacher.to(device)
        return Lesson(self.batch.to(device), self.target.to(device), self.weight.to(device), teacher)


Lessons = Callable[[int], Iterable[Lesson]]
