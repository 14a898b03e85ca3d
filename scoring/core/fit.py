"""Train an event network: one pass over the batches an epoch, AdamW, a one-cycle rate."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from scoring.core.network import EventNetwork, GraphBatch

Batches = Callable[[int], Iterable[tuple[GraphBatch, Tensor, Tensor]]]


@dataclass(frozen=True, slots=True)
class FitSettings:
    """How a network is trained.

    Attributes:
        epochs: passes over the data.
        steps: batches in one pass.
        rate: highest learning rate.
        decay: weight decay.
        positive_weight: how much more a positive counts in the loss; calibration takes it out again.
    """

    epochs: int
    steps: int
    rate: float = 3e-3
    decay: float = 1e-2
    positive_weight: float = 1.0


def seed_everything(seed: int) -> None:
    """Seed each generator that training draws from."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def fit(network: EventNetwork, batches: Batches, settings: FitSettings) -> list[float]:
    """Train the network in place.

    Args:
        network: the network.
        batches: gives the batches of an epoch, each with its targets [B] (0 or 1) and weights [B].
        settings: see there.

    Returns:
        The mean loss of each epoch.
    """
    optimiser = torch.optim.AdamW(network.parameters(), lr=settings.rate, weight_decay=settings.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.rate, total_steps=settings.epochs * settings.steps + 1, pct_start=0.2
    )
    loss_of = nn.BCEWithLogitsLoss(reduction="none", pos_weight=torch.tensor(settings.positive_weight))
    network.train()
    means = []
    for epoch in range(settings.epochs):
        losses = []
        for batch, target, weight in batches(epoch):
            optimiser.zero_grad(set_to_none=True)
            loss = (loss_of(network(batch), target) * weight).sum() / weight.sum()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            losses.append(float(loss.detach()))
        means.append(float(np.mean(losses)))
    network.eval()
    return means
