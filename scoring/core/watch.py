"""Watch training on later events, and keep the weights that were best there.

Shapes: B events.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from scoring.core.backend import Backend
from scoring.core.lesson import Lesson
from scoring.core.losses import event_loss
from scoring.core.metrics import pr_auc
from scoring.core.network import EventNetwork


@dataclass(frozen=True, slots=True)
class Watch:
    """A slice of events, later than those trained on, and what is to be best there.

    Attributes:
        lessons: its batches, kept and read again each epoch.
        figure: the `loss` (plain cross-entropy, by weight) or the `pr_auc` (by weight).
        patience: epochs without a better figure before training ends.
    """

    lessons: Iterable[Lesson]
    figure: Literal["loss", "pr_auc"] = "loss"
    patience: int = 3

    def measure(self, network: EventNetwork, backend: Backend) -> float:
        """The figure of a network on the backend's device, the higher the better: the loss counts as negative.

        Raises:
            ValueError: there is no event, or none is positive and PR-AUC is asked for.
        """
        lessons = list(self.lessons)
        logit = torch.cat([backend.logits(network, lesson.batch) for lesson in lessons])  # [B]
        target = torch.cat([lesson.target.cpu() for lesson in lessons])
        weight = torch.cat([lesson.weight.cpu() for lesson in lessons])
        if self.figure == "loss":
            return -float(event_loss(logit, target, weight))
        if not bool((target > 0.5).any()):
            raise ValueError(f"none of the {len(target)} events watched is positive: watch the loss, or a longer slice")
        return pr_auc((target > 0.5).numpy(), logit.double().numpy(), weight.double().numpy())


class Best:
    """The best weights so far, and for how many epochs there were none better."""

    def __init__(self) -> None:
        """Nothing seen."""
        self.figures: list[float] = []
        self.epoch = -1
        self.state: dict[str, Tensor] = {}

    def see(self, figure: float, network: EventNetwork) -> bool:
        """Note the figure of one more epoch; whether it is the best, and its weights were kept."""
        better = self.epoch < 0 or figure > self.figures[self.epoch]
        self.figures.append(figure)
        if better:
            self.epoch = len(self.figures) - 1
            self.state = {name: value.detach().clone() for name, value in network.state_dict().items()}
        return better

    @property
    def waited(self) -> int:
        """Epochs since the best."""
        return len(self.figures) - 1 - self.epoch
