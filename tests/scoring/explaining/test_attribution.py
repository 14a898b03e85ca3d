"""Integrated gradients of a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from scoring.core.batch import GraphBatch
from scoring.core.network import EventNetwork
from scoring.core.random_batch import Shape, random_batch
from scoring.explaining.attribution import Path, Precision
from scoring.registry import Manifest
from scoring.schema import FeatureSchema

EXACT = Precision(steps=512, most=512)


@pytest.fixture
def network(schema: FeatureSchema, manifest: Callable[[FeatureSchema], Manifest]) -> EventNetwork:
    """Random weights, biases too: without them its norms leap where all nodes are average, which no sum can follow."""
    torch.manual_seed(5)
    made = EventNetwork(manifest(schema).sizes).eval().requires_grad_(False)
    for part in made.parameters():
        if part.dim() == 1:
            part.normal_()
    return made


@pytest.fixture
def batch(network: EventNetwork) -> GraphBatch:
    """One event with 40 nodes and 60 edges."""
    return random_batch(network.architecture, Shape(1, 40, 60), 7)


@pytest.fixture
def stays(network: EventNetwork) -> Tensor:
    """No feature says what a node is."""
    return torch.zeros(network.architecture.nodes, dtype=torch.bool)


def total(path: Path, precision: Precision) -> float:
    """What all parts add."""
    found = path.attribute(precision, 0.0)
    return float(found.edges.sum() + found.nodes.sum() + found.event.sum()) + found.whole


def test_all_parts_add_up_to_the_difference(network: EventNetwork, batch: GraphBatch, stays: Tensor) -> None:
    """Completeness (Sundararajan et al. 2017, proposition 1), and the error says what is missing."""
    path = Path(network, batch, stays)
    found = path.attribute(EXACT, 0.0)
    assert total(path, EXACT) == pytest.approx(path.logit - path.reference, rel=0.01)
    assert total(path, EXACT) - (path.logit - path.reference) == pytest.approx(found.error, abs=1e-6)


def test_both_ends_are_what_the_network_says(network: EventNetwork, batch: GraphBatch, stays: Tensor) -> None:
    """The event as it is; and average nodes without an edge around an average event."""
    path = Path(network, batch, stays)
    average = replace(
        batch.keep(torch.zeros(60, dtype=torch.bool)),
        x=network.scale_nodes.mean.expand_as(batch.x), event=network.scale_event.mean[None],
    )  # fmt: skip
    assert path.logit == pytest.approx(network(batch).item(), abs=1e-5)
    assert path.reference == pytest.approx(network(average).item(), abs=1e-5)


def test_of_a_linear_network_a_part_is_its_weight_times_how_far_it_moved(
    network: EventNetwork, batch: GraphBatch, stays: Tensor
) -> None:
    """Whatever the number of steps; no other part has any."""
    weight = torch.randn(network.architecture.event)
    network.readout = nn.Sequential(nn.Linear(network.readout[0].in_features, 1, bias=False))
    with torch.no_grad():
        network.readout[0].weight.zero_()[0, : len(weight)] = weight
    found = Path(network, batch, stays).attribute(Precision(4, 4), 0.0)
    assert torch.allclose(found.event, (weight * network.scale_event(batch.event)[0]).double(), atol=1e-5)
    assert not found.edges.any() and not found.nodes.any()


def test_steps_are_doubled_until_the_error_is_allowed(network: EventNetwork, batch: GraphBatch, stays: Tensor) -> None:
    """Not beyond, and not past the most."""
    path = Path(network, batch, stays)
    assert path.attribute(Precision(4, 64), 1e9).steps == 4
    assert path.attribute(Precision(4, 64), 0.0).steps == 64
    allowed = 2 * abs(path.attribute(Precision(16, 16), 0.0).error) + 1e-6
    assert path.attribute(Precision(4, 64), allowed).steps <= 16


def test_how_many_steps_go_together_changes_nothing(network: EventNetwork, batch: GraphBatch, stays: Tensor) -> None:
    """It is a matter of memory."""
    path = Path(network, batch, stays)
    one, other = (path.attribute(Precision(16, 16, together=many), 0.0) for many in (4, 16))
    assert torch.allclose(one.edges, other.edges, atol=1e-5) and torch.allclose(one.event, other.event, atol=1e-5)


def test_what_a_node_is_adds_nothing(network: EventNetwork, batch: GraphBatch, stays: Tensor) -> None:
    """It is the same at both ends of the path."""
    stays[:3] = True
    found = Path(network, batch, stays).attribute(Precision(8, 8), 0.0)
    assert not found.nodes[:, :3].any() and found.nodes[:, 3:].any()


def test_an_event_without_edges_is_explained(network: EventNetwork, stays: Tensor) -> None:
    """By its features and those of its ends."""
    batch = random_batch(network.architecture, Shape(1, 2, 0), 3)
    path = Path(network, batch, stays)
    assert total(path, EXACT) == pytest.approx(path.logit - path.reference, rel=0.01, abs=1e-4)


def test_one_event_at_a_time(network: EventNetwork, stays: Tensor) -> None:
    """Copies of its graph are what fills a batch."""
    with pytest.raises(ValueError, match="one is explained at a time"):
        Path(network, random_batch(network.architecture, Shape(2, 5, 5), 0), stays)
