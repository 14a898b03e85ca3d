"""The network as plain tensors, as compiled loops and filled up with nothing: the same logits."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from scoring.core.architecture import Architecture
from scoring.core.backend import CPU, TOLERANCE, Backend, Precision
from scoring.core.batch import GraphBatch
from scoring.core.compiled import CompiledNetwork
from scoring.core.decomposition import Decomposition
from scoring.core.network import EventNetwork
from scoring.core.padding import padded
from scoring.core.random_batch import Shape, random_batch
from scoring.core.scaling import Scaling
from scoring.core.serving import NotServable, ServingForm, tensors_of

pytestmark = pytest.mark.usefixtures("one_thread")

PLAIN = Architecture(8, 3, 4, 3, hidden=8)
SERVABLE = [
    PLAIN,
    replace(PLAIN, layers=1),
    replace(PLAIN, layers=3, hidden=16, attributes=0),
    replace(PLAIN, event=0),
    replace(PLAIN, decomposition=Decomposition(bases=2)),
    replace(PLAIN, decomposition=Decomposition(blocks=4)),
]
REFUSED = {
    "directed": replace(PLAIN, body="directed"),
    "fused": replace(PLAIN, body="fused"),
    "clock='log'": replace(PLAIN, clock="log"),
    "ports=True": replace(PLAIN, ports=True),
    "rounds=1": replace(PLAIN, rounds=1),
    "attend=True, whole=2": replace(PLAIN, attend=True, whole=2),
}


def made(architecture: Architecture) -> EventNetwork:
    """Random weights, biases, norms and scaling, so that none of them can be forgotten."""
    torch.manual_seed(0)
    network = EventNetwork(architecture)
    scales = (architecture.nodes, architecture.attributes, architecture.event)
    network.fit_scaling(Scaling(*((torch.rand(width), 0.1 + torch.rand(width)) for width in scales)))
    for weight in network.parameters():
        if weight.dim() == 1:
            torch.nn.init.normal_(weight)
    return network.eval()


@pytest.mark.parametrize("architecture", SERVABLE, ids=str)
def test_the_serving_form_and_the_compiled_network_equal_the_network(architecture: Architecture) -> None:
    """1e-5, of every relational architecture; bases and blocks are expanded."""
    network = made(architecture)
    batch = random_batch(architecture, Shape(9, 20, 45), 1)
    truth = CPU.logits(network, batch)
    with torch.inference_mode():
        assert torch.allclose(ServingForm(network)(*tensors_of(batch)), truth, atol=1e-5, rtol=0)
    assert torch.allclose(CompiledNetwork(network).logits(batch), truth, atol=1e-5, rtol=0)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_the_serving_form_agrees_in_half_precision(precision: Precision) -> None:
    """Within the tolerance of the gate; products are rounded, sums are not."""
    network, half = made(PLAIN), Backend("cpu", precision)
    batch = random_batch(PLAIN, Shape(9, 20, 45), 1)
    with torch.inference_mode(), half.autocast():
        found = ServingForm(network)(*tensors_of(batch)).float()
    assert 0 < float((found - CPU.logits(network, batch)).abs().max()) < TOLERANCE[precision]


@pytest.mark.parametrize(("said", "architecture"), REFUSED.items(), ids=list(REFUSED))
@pytest.mark.parametrize("form", [ServingForm, CompiledNetwork])
def test_other_techniques_are_refused_by_name(
    form: type[ServingForm] | type[CompiledNetwork], said: str, architecture: Architecture
) -> None:
    """With what scores them."""
    with pytest.raises(NotServable, match=rf"{said}.*use eager"):
        form(EventNetwork(architecture))


@pytest.mark.parametrize("room", [1, 40, 100_000])
def test_a_batch_scores_the_same_in_pieces_of_any_size(monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    """One event at a time, some, or all at once."""
    network = made(PLAIN)
    batch = random_batch(PLAIN, Shape(12, 20, 45), 2)
    monkeypatch.setattr("scoring.core.compiled.PIECE_NODES", room)
    assert torch.allclose(CompiledNetwork(network).logits(batch), CPU.logits(network, batch), atol=1e-5, rtol=0)


def test_nodes_and_edges_in_no_order_score_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a batch can't be cut: it goes through whole."""
    network, batch = made(PLAIN), random_batch(PLAIN, Shape(6, 20, 45), 3)
    turn, edges = torch.randperm(len(batch.x)), torch.randperm(len(batch.relation))
    place = turn.argsort()  # where each node is now
    mixed = replace(
        batch, x=batch.x[turn], graph=batch.graph[turn], edges=place[batch.edges][:, edges], ends=place[batch.ends],
        relation=batch.relation[edges], attributes=batch.attributes[edges],
    )  # fmt: skip
    monkeypatch.setattr("scoring.core.compiled.PIECE_NODES", 1)
    assert torch.allclose(CompiledNetwork(network).logits(mixed), CPU.logits(network, batch), atol=1e-5, rtol=0)


def broken(batch: GraphBatch, part: str, value: int) -> GraphBatch:
    """One number of a part replaced."""
    changed = getattr(batch, part).clone()
    changed.view(-1)[-1] = value
    return replace(batch, **{part: changed})


@pytest.mark.parametrize("value", [-1, 1_000])
@pytest.mark.parametrize("part", ["edges", "relation", "ends", "graph"])
def test_what_a_batch_does_not_have_is_refused(part: str, value: int) -> None:
    """Compiled loops would read and write beside their arrays."""
    batch = broken(random_batch(PLAIN, Shape(2, 4, 6), 4), part, value)
    with pytest.raises(IndexError, match="names a node, a relation or an event"):
        CompiledNetwork(made(PLAIN)).logits(batch)


@pytest.mark.parametrize("part", ["x", "edges", "relation", "attributes", "event", "ends", "graph"])
@pytest.mark.parametrize("axis", [0, -1])
def test_parts_that_do_not_fit_are_refused(part: str, axis: int) -> None:
    """A row or a column too few; with the shape it must have."""
    batch = random_batch(PLAIN, Shape(2, 4, 6), 4)
    shorter: Tensor = getattr(batch, part)
    shorter = shorter.narrow(axis, 0, shorter.shape[axis] - 1)
    with pytest.raises(ValueError, match="it must be"):
        CompiledNetwork(made(PLAIN)).logits(replace(batch, **{part: shorter}))


@pytest.mark.parametrize("shape", [Shape(1, 2, 0), Shape(3, 20, 45), Shape(8, 8, 8)])
def test_what_fills_a_batch_up_changes_no_logit(shape: Shape) -> None:
    """Sizes are powers of two, and the first events are the batch's own."""
    network = made(replace(PLAIN, ports=True, whole=2, attend=True))
    batch = random_batch(network.architecture, shape, 5)
    filled = padded(batch)
    assert all(size & (size - 1) == 0 for size in (len(filled), len(filled.x), len(filled.relation)))
    assert torch.allclose(CPU.logits(network, filled)[: len(batch)], CPU.logits(network, batch), atol=1e-5, rtol=0)
