"""What holds for an event network whatever it is made of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from scoring.core.architecture import Architecture
from scoring.core.batch import GraphBatch
from scoring.core.decomposition import Decomposition
from scoring.core.network import EventNetwork
from scoring.core.random_batch import Shape, random_batch

pytestmark = pytest.mark.usefixtures("one_thread")

OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "bases": {"decomposition": Decomposition(bases=2)},
    "blocks": {"decomposition": Decomposition(blocks=2)},
    "directed": {"body": "directed"},
    "directed sum": {"body": "directed", "aggregation": "sum", "ports": True},
    "fused": {"body": "fused", "heads": 2},
    "log clock": {"clock": "log"},
    "linear clock": {"clock": "linear"},
    "ports": {"ports": True},
    "structure": {"rounds": 2},
    "attend": {"attend": True, "heads": 2},
    "whole": {"whole": 3},
    "all": {
        "body": "fused", "decomposition": Decomposition(blocks=2), "clock": "log", "ports": True, "rounds": 1,
        "attend": True, "whole": 3, "heads": 2,
    },
    "all directed": {"body": "directed", "clock": "linear", "ports": True, "rounds": 1, "attend": True, "whole": 3},
}  # fmt: skip
SHAPES = st.lists(st.tuples(st.integers(2, 9), st.integers(0, 16)), min_size=1, max_size=5)
each_option = pytest.mark.parametrize("option", OPTIONS)


def network_of(option: str) -> EventNetwork:
    """A network with these techniques and random weights, in double precision: what differs is no rounding."""
    torch.manual_seed(0)
    architecture = Architecture(4, 2, 3, 2, hidden=8, dropout=0.0, **OPTIONS[option])
    network = EventNetwork(architecture).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))  # those that start as zeros as well
    return network.double()


def graphs(network: EventNetwork, shapes: list[tuple[int, int]], seed: int = 0) -> list[GraphBatch]:
    """Graphs of these nodes and edges; some edges are of one age."""
    made = []
    for place, (nodes, edges) in enumerate(shapes):
        one = random_batch(network.architecture, Shape(1, nodes, edges), seed + place)
        assert one.age is not None and one.whole is not None
        age = torch.where(torch.arange(edges) % 3 == 0, 3600.0, one.age).double()
        parts = {name: getattr(one, name).double() for name in ("x", "attributes", "event", "whole")}
        made.append(replace(one, age=age, **parts))
    return made


def together(parts: list[GraphBatch]) -> GraphBatch:
    """Graphs side by side."""

    def joined(name: str) -> Tensor:
        return torch.cat([getattr(part, name) for part in parts])

    first = [sum(len(part.x) for part in parts[:place]) for place in range(len(parts))]
    return GraphBatch(
        joined("x"), torch.cat([part.edges + at for part, at in zip(parts, first, strict=True)], 1),
        joined("relation"), joined("attributes"), joined("event"),
        torch.cat([part.ends + at for part, at in zip(parts, first, strict=True)]),
        torch.arange(len(parts)).repeat_interleave(torch.tensor([len(part.x) for part in parts])),
        joined("age"), joined("whole"),
    )  # fmt: skip


@each_option
@settings(max_examples=15, deadline=None)
@given(shapes=SHAPES, seed=st.integers(0, 1000))
def test_a_batch_scores_each_event_as_alone(option: str, shapes: list[tuple[int, int]], seed: int) -> None:
    """Nobody's score hangs on who stands beside it."""
    network = network_of(option)
    parts = graphs(network, shapes, seed)
    with torch.inference_mode():
        alone = torch.cat([network(part) for part in parts])
        assert torch.allclose(network(together(parts)), alone, atol=1e-9)


@each_option
@settings(max_examples=15, deadline=None)
@given(shapes=SHAPES, seed=st.integers(0, 1000))
def test_a_gate_of_zero_is_the_edge_not_being_there(option: str, shapes: list[tuple[int, int]], seed: int) -> None:
    """Any edges of any graph, shares of means, ports, rings and learned structure included; and one is no gate."""
    network = network_of(option)
    batch = together(graphs(network, shapes, seed))
    stays = torch.rand(batch.edges.shape[1], generator=torch.Generator().manual_seed(seed)) < 0.6
    with torch.inference_mode():
        assert torch.allclose(network(batch, stays.double()), network(batch.keep(stays)), atol=1e-9)
        assert torch.allclose(network(batch, torch.ones(len(stays)).double()), network(batch), atol=1e-9)


@each_option
def test_the_slope_of_a_gate_is_that_of_the_score(option: str) -> None:
    """At 1, against finite differences of every edge: explanations may use it."""
    network = network_of(option)
    batch = together(graphs(network, [(6, 9), (4, 5)]))
    gate = torch.ones(14).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda g: network(batch, g), gate)
    slope = torch.autograd.grad(network(batch, gate).sum(), gate)[0]
    assert (slope != 0).any()


@each_option
@settings(max_examples=10, deadline=None)
@given(shapes=SHAPES, seed=st.integers(0, 1000))
def test_the_order_of_nodes_and_edges_does_not_matter(option: str, shapes: list[tuple[int, int]], seed: int) -> None:
    """Shuffled over the whole batch, edges of one age included."""
    network = network_of(option)
    batch = together(graphs(network, shapes, seed))
    generator = torch.Generator().manual_seed(seed)
    nodes = torch.randperm(len(batch.x), generator=generator)
    edges = torch.randperm(batch.edges.shape[1], generator=generator)
    place = torch.argsort(nodes)  # where each node went
    shuffled = replace(
        batch.keep(edges), x=batch.x[nodes], graph=batch.graph[nodes], ends=place[batch.ends],
        edges=place[batch.edges[:, edges]],
    )  # fmt: skip
    with torch.inference_mode():
        assert torch.allclose(network(shuffled), network(batch), atol=1e-9)


@each_option
def test_an_event_without_edges_has_a_score_and_no_events_have_none(option: str) -> None:
    """One whose ends are the same lonely node too."""
    network = network_of(option)
    (bare,) = graphs(network, [(2, 0)])
    lonely = replace(bare, x=bare.x[:1], graph=bare.graph[:1], ends=torch.zeros(1, 2, dtype=torch.long))
    with torch.inference_mode():
        assert torch.isfinite(network(together([bare, lonely]))).all()
        nothing = replace(bare.keep(bare.edges[0] > 9), x=bare.x[:0], graph=bare.graph[:0], ends=bare.ends[:0])
        empty = replace(nothing, event=bare.event[:0], whole=None if bare.whole is None else bare.whole[:0])
        assert network(empty).shape == (0,)


@each_option
def test_every_weight_learns(option: str) -> None:
    """Nothing was made that the score does not hang on."""
    network = network_of(option)
    batch = together(graphs(network, [(8, 20), (9, 20), (7, 20)]))
    network(batch).sum().backward()
    idle = [name for name, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert idle == []


@pytest.mark.parametrize("option", ["clock", "ports", "whole"])
def test_what_a_batch_lacks_is_named(option: str) -> None:
    """An age or a whole that the architecture reads."""
    network = network_of({"clock": "log clock"}.get(option, option))
    (batch,) = graphs(network, [(4, 6)])
    with pytest.raises(ValueError, match="whole" if option == "whole" else "`age`"):
        network(replace(batch, age=None, whole=None))


def test_half_precision_products_pass_through_every_option() -> None:
    """No layer mixes types; on the CPU here, as on a device that is faster at it."""
    for option in OPTIONS:
        network = network_of(option).float()
        for edges in (20, 200):  # both layouts of the convolution
            batch = random_batch(network.architecture, Shape(6, 8, edges), 0)
            with torch.autocast("cpu", torch.bfloat16):
                network(batch).sum().backward()
        assert all(bool(p.grad.isfinite().all()) for p in network.parameters() if p.grad is not None)
