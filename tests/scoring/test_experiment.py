"""Every model on a set nobody prepared, by one split."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from flat_payments import write

from graph.adjacency_lines import FRAUD, INFO
from graph.model import Caps
from scoring.baseline import BoostSettings
from scoring.core.backend import CPU, Backend
from scoring.core.metrics import pr_auc
from scoring.experiment import OURS, TITLES, ExperimentSettings, run
from scoring.flat_set import FlatSet, read_flat
from scoring.inputs import stream
from scoring.rows import rows_of

SMALL = ExperimentSettings((0, 1), Caps((8, 2)), epochs=2, boost=BoostSettings(rounds=40))


@pytest.fixture
def data(tmp_path: Path) -> FlatSet:
    """The small bank."""
    return read_flat(write(tmp_path), tmp_path, pytest.fail)


@pytest.mark.usefixtures("one_thread")
def test_every_model_speaks_of_every_test_event(data: FlatSet) -> None:
    """With each seed; those that read labels find the terminals that were taken over; twice the same."""
    found = run(data, SMALL)
    assert set(found.said) == set(TITLES) and found.ours == OURS
    assert all(scores.shape == (2, 450) for scores in found.said.values())
    means = {name: np.mean([pr_auc(found.target, each) for each in scores]) for name, scores in found.said.items()}
    assert min(means["lightgbm_labels"], means["hybrid"]) > means["lightgbm_row"] + 0.1
    again = run(data, SMALL)
    assert all(np.array_equal(found.said[name], again.said[name]) for name in found.said)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(
    "backend",
    [
        Backend("cpu", "bf16"),
        Backend("cpu", "fp16"),
        *(
            pytest.param(
                Backend("cuda", precision),
                marks=pytest.mark.skipif(
                    not torch.cuda.is_available(), reason="no CUDA device here: no set was evaluated on one"
                ),
            )
            for precision in ("float32", "bf16", "fp16")
        ),
    ],
    ids=str,
)
def test_another_backend_says_nearly_the_same(data: FlatSet, backend: Backend) -> None:
    """It was used: the network's scores differ, and as a ranking they are as good; boosting alone is untouched."""
    there, here = (run(data, replace(SMALL, seeds=(0,), backend=each)) for each in (backend, CPU))
    apart = np.abs(there.said["network"] - here.said["network"]).max()
    figures = [pr_auc(each.target, each.said["network"][0]) for each in (there, here)]
    assert apart > 0 and figures[0] == pytest.approx(figures[1], abs=0.1)
    assert np.array_equal(there.said["lightgbm_graph"], here.said["lightgbm_graph"])
    assert str(backend) in there.notes["Device"]


def test_only_the_last_two_rows_hold_labels(data: FlatSet) -> None:
    """Taking every label away changes neither the event's row nor the counts."""
    index, caps = np.arange(1_000, 1_100), Caps((8, 2))
    _, features, past = next(stream(data, index, caps))
    with_labels = rows_of(data.schema, features, past)
    data.mirror._adjacent.labels.rows[:, INFO] ^= FRAUD
    _, features, past = next(stream(data, index, caps))
    without = rows_of(data.schema, features, past)
    before, after = with_labels.named(), without.named()
    same = {name for name in before if np.array_equal(before[name], after[name])}
    assert same == {"lightgbm_row", "lightgbm_counts"}
