"""Rate and decay for a variant."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from test_ablation_inputs import drawn

from scoring.ablation_run import AblationSettings, Bench
from scoring.ablation_tuning import DECAYS, PLAIN, RATES, Tuning, tuned
from scoring.ablation_variants import BASE
from scoring.core.fit import FitSettings
from scoring.core.tuning import Search
from scoring.teaching import Teaching

pytestmark = pytest.mark.usefixtures("one_thread")
SHORT = Search(steps=8, rounds=4, stride=1.0)


@pytest.mark.parametrize("way", ["hypergradient", "random"])
def test_a_rate_that_is_far_too_low_is_raised(tmp_path: Path, way: Tuning) -> None:
    """The same pair again for the seed; the network is left as it was."""
    found = drawn(tmp_path, 300)
    bench, prepared = Bench(found, AblationSettings()), found.train.prepared
    network = bench.network(BASE, prepared, 0)
    before = copy.deepcopy(network.state_dict())
    teaching = Teaching(prepared, found.cut.train.target, found.cut.train.weight)
    low = FitSettings(1, 1, rate=1e-4, decay=1e-2)
    first, second = (tuned(way, network, teaching, low, 0, SHORT) for _ in range(2))
    assert first.rate > 3 * low.rate and (first.rate, first.decay) == (second.rate, second.decay)
    assert first.tried == SHORT.rounds * (1 if way == "hypergradient" else PLAIN)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    if way == "random":
        assert RATES[0] < first.rate < RATES[1] and DECAYS[0] < first.decay < DECAYS[1]
