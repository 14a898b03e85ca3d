"""Rate and decay by hypergradient, for the training that fit does."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from scoring.core.architecture import Architecture
from scoring.core.fit import FitSettings
from scoring.core.lesson import Lesson
from scoring.core.network import EventNetwork
from scoring.core.random_batch import Shape, random_batch
from scoring.core.tuning import Search, tune_by_hypergradient

pytestmark = pytest.mark.usefixtures("one_thread")

ARCHITECTURE = Architecture(4, 2, 3, 2, hidden=8)
SETTINGS = FitSettings(epochs=1, steps=1, rate=1e-3, decay=1e-3)


def lesson(seed: int) -> Lesson:
    """Is the sum of the source's first feature and the event's large?"""
    batch = random_batch(ARCHITECTURE, Shape(100, 6, 9), seed)
    value = batch.x[batch.ends[:, 0], 0] + batch.event[:, 0]
    target = value > value.median()  # half of each batch, or a short training would learn the share of yes first
    return Lesson(batch, target.float(), torch.ones(100))


@pytest.mark.parametrize(
    "architecture", [ARCHITECTURE, replace(ARCHITECTURE, body="directed", rounds=1, attend=True, clock="log")]
)
def test_a_rate_that_is_far_too_low_is_raised_until_held_out_events_are_learned(architecture: Architecture) -> None:
    """The loss held out falls, and the network is left as it was."""
    torch.manual_seed(0)
    network = EventNetwork(architecture)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    train, held_out = [lesson(seed) for seed in range(4)], lesson(9)
    tuned = tune_by_hypergradient(network, train, held_out, SETTINGS, Search(steps=12, rounds=7, stride=1.0))
    assert tuned.rate > 5 * SETTINGS.rate
    assert tuned.value < 0.99 * tuned.tried[0][2]
    assert network.training
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_there_must_be_something_to_learn_from() -> None:
    """The error says so."""
    with pytest.raises(ValueError, match="give one batch"):
        tune_by_hypergradient(EventNetwork(ARCHITECTURE), [], lesson(0), SETTINGS)
