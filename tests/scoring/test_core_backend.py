"""Only a backend that agrees with the CPU scores, and whatever else happens is said."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from scoring.core.architecture import Architecture
from scoring.core.backend import CPU, TOLERANCE, Backend, BackendMissing, parity_gate, picked
from scoring.core.batch import GraphBatch
from scoring.core.network import EventNetwork
from scoring.core.random_batch import Shape, random_batch

pytestmark = pytest.mark.usefixtures("one_thread")

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here: it was not scored on")
HALF = Backend("cpu", "bf16")


@pytest.fixture
def network() -> EventNetwork:
    """Random weights of every technique, as wide as one that serves."""
    torch.manual_seed(0)
    return EventNetwork(Architecture(64, 17, 53, 5, body="fused", clock="log", ports=True, attend=True)).eval()


def sample(network: EventNetwork) -> list[GraphBatch]:
    """Two batches."""
    return [random_batch(network.architecture, Shape(8, 30, 60), seed) for seed in range(2)]


def test_half_precision_that_agrees_scores(network: EventNetwork) -> None:
    """Within the stated tolerance, nothing to say, and the difference measured."""
    said: list[str] = []
    admitted = parity_gate(network, sample(network), HALF, said.append)
    assert admitted.backend == HALF
    assert 0 < admitted.difference < TOLERANCE["bf16"]
    assert said == []


def test_what_differs_too_much_does_not_score(network: EventNetwork) -> None:
    """It falls back to the CPU and says by how much."""
    said: list[str] = []
    admitted = parity_gate(network, sample(network), HALF, said.append, tolerance=1e-6)
    assert (admitted.backend, admitted.difference) == (CPU, 0.0)
    assert len(said) == 1 and said[0].startswith("cpu in bf16 differs from the CPU by")


def test_logits_that_are_no_numbers_do_not_score(network: EventNetwork) -> None:
    """A weight beyond what fp16 holds."""
    last = network.readout[-1]
    assert isinstance(last, nn.Linear)
    nn.init.constant_(last.weight, 1e5)
    said: list[str] = []
    assert parity_gate(network, sample(network), Backend("cpu", "fp16"), said.append).backend == CPU
    assert "by inf" in said[0]


def test_what_scores_in_fp16_trains_in_bf16() -> None:
    """Small gradients are lost in fp16."""
    assert Backend("cuda", "fp16").trains == Backend("cuda", "bf16")
    assert CPU.trains == CPU


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_without_a_device_auto_is_the_cpu_and_it_is_said() -> None:
    """In float32, whatever a CUDA device would compute in."""
    said: list[str] = []
    assert picked("auto", "bf16", said.append) == CPU
    assert said == ["no CUDA device here: computing on the CPU in float32"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_device_asked_for_by_name_has_to_be_there() -> None:
    """Or it is refused, with the mend."""
    with pytest.raises(BackendMissing, match="use cpu"):
        picked("cuda", "float32", pytest.fail)


@needs_cuda
def test_with_a_device_auto_is_that_one_and_it_is_said() -> None:
    """By its name."""
    said: list[str] = []
    assert picked("auto", "bf16", said.append) == Backend("cuda", "bf16")
    assert said == [f"computing on {torch.cuda.get_device_name()} in bf16"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_without_a_device_the_cpu_scores_and_it_is_said(network: EventNetwork) -> None:
    """Once for each precision tried."""
    said: list[str] = []
    admitted = parity_gate(network, sample(network), Backend("cuda", "fp16"), said.append)
    assert admitted.backend == CPU
    assert said and all("0 CUDA devices: use cpu" in line for line in said)


def test_the_network_given_is_left_alone(network: EventNetwork) -> None:
    """What scores is a copy."""
    assert parity_gate(network, sample(network), CPU, print).network is not network


@needs_cuda
@pytest.mark.parametrize("precision", ["float32", "bf16", "fp16"])
def test_a_cuda_device_agrees_with_the_cpu(network: EventNetwork, precision: str) -> None:
    """Each precision within its tolerance."""
    backend = next(
        b for b in (Backend("cuda"), Backend("cuda", "bf16"), Backend("cuda", "fp16")) if b.precision == precision
    )
    assert parity_gate(network, sample(network), backend, pytest.fail).backend == backend


@needs_cuda
def test_a_batch_goes_to_the_device_whole() -> None:
    """Every part of it, and nothing where there is nothing."""
    batch = random_batch(Architecture(4, 2, 3, 2), Shape(2, 3, 4), 0).to("cuda")
    assert {part.device.type for part in (batch.x, batch.edges, batch.ends, batch.graph)} == {"cuda"}
