"""Attention against PyG's, what each branch may see, and learning on a generated graph."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.nn import GATv2Conv
from torch_geometric.utils import stochastic_blockmodel_graph

from scoring.core.fusion import GranularityFusion, NeighbourAttention

pytestmark = pytest.mark.usefixtures("one_thread")

Agreement = Callable[[Callable[[], tuple[Tensor, Tensor]], nn.Module, float, int], Tensor]


def random_graph() -> tuple[Tensor, Tensor]:
    """Twelve nodes, the last of them alone."""
    torch.manual_seed(0)
    return torch.randn(12, 6), torch.randint(0, 9, (2, 20))


@pytest.mark.parametrize("heads", [1, 4])
def test_attention_equals_gatv2conv(heads: int) -> None:
    """1e-5, nodes without neighbours and parallel edges included."""
    x, edges = random_graph()
    ours, theirs = NeighbourAttention(6, 8, heads), GATv2Conv(6, 8 // heads, heads, add_self_loops=False)
    with torch.no_grad():
        theirs.lin_l.load_state_dict(ours.source.state_dict())
        theirs.lin_r.load_state_dict(ours.target.state_dict())
        theirs.att.copy_(ours.query[None])
        theirs.bias.copy_(ours.bias.normal_())
    assert torch.allclose(ours(x, edges), theirs(x, edges), atol=1e-5)


def test_each_branch_sees_its_own_ring_only() -> None:
    """On the path 0 - 1 - 2 - 3: of node 0, near reads 1, far reads 2, and neither reads 3 nor 0."""
    torch.manual_seed(0)
    layer = GranularityFusion(3, 4)
    edges = torch.tensor([[0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2]])
    x = torch.randn(4, 3, requires_grad=True)
    for parameter in [*layer.root.parameters(), *layer.gate.parameters()]:
        nn.init.zeros_(parameter)  # the node itself stays out, the gate stands half open
    for shut, seen in ((layer.far, 1), (layer.near, 2)):
        kept = shut.source.weight.detach().clone()
        for parameter in shut.source.parameters():
            nn.init.zeros_(parameter)
        reached = torch.autograd.grad(layer(x, edges)[0].sum(), x)[0].abs().sum(1) > 0
        assert reached.nonzero().flatten().tolist() == [seen]
        with torch.no_grad():
            shut.source.weight.copy_(kept)


@pytest.mark.parametrize(("bias", "branch"), [(50.0, "near"), (-50.0, "far")])
def test_an_open_gate_lets_the_near_branch_pass_and_a_shut_one_the_far(bias: float, branch: str) -> None:
    """The gate goes between the branches."""
    x, edges = random_graph()
    layer = GranularityFusion(6, 8)
    nn.init.zeros_(layer.gate.weight)
    nn.init.constant_(layer.gate.bias, bias)
    other = layer.far if branch == "near" else layer.near
    before = layer(x, edges)
    nn.init.normal_(other.bias)
    assert torch.allclose(before, layer(x, edges), atol=1e-6)


def test_a_gate_weighs_what_comes_two_steps_as_well() -> None:
    """On the path 0 - 1 - 2 with the far branch alone: node 0 hears 2 by both edges, and by neither when shut."""
    torch.manual_seed(0)
    layer, edges, x = GranularityFusion(3, 4), torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]), torch.randn(3, 3)
    nn.init.zeros_(layer.gate.weight)
    nn.init.constant_(layer.gate.bias, -50.0)
    gate = torch.ones(4, requires_grad=True)
    slope = torch.autograd.grad(layer(x, edges, gate=gate)[0].sum(), gate)[0]
    assert (slope != 0).tolist() == [False, True, False, True]
    shut = layer(x, edges, gate=torch.tensor([1.0, 0.0, 1.0, 1.0]))
    assert torch.allclose(shut[0], layer.root(x)[0] + layer.far.bias)


def test_gradients_are_right() -> None:
    """Of the states and of every weight, against finite differences, in double precision."""
    x, edges = random_graph()
    layer = GranularityFusion(2, 2, heads=2).double()
    inputs = (x[:, :2].double().requires_grad_(), *layer.parameters())
    assert torch.autograd.gradcheck(lambda a, *_: layer(a, edges), inputs)


def test_it_learns_what_only_the_second_ring_tells(agreement: Agreement) -> None:
    """People of two kinds meet at places of their kind: places look alike, people show their kind 7 times in 10."""
    torch.manual_seed(0)
    layer, head = GranularityFusion(3, 8), nn.Linear(8, 1)
    meet = torch.zeros(4, 4)
    meet[0, 2] = meet[2, 0] = meet[1, 3] = meet[3, 1] = 0.3

    def case() -> tuple[Tensor, Tensor]:
        edges = stochastic_blockmodel_graph([30, 30, 10, 10], meet)
        kind = torch.arange(60) // 30
        shown = torch.where(torch.rand(60) < 0.7, kind, 1 - kind)
        x = nn.functional.one_hot(torch.cat([shown, torch.full((20,), 2)]), 3).float()
        return head(layer(x, edges))[:60, 0], kind.float()

    assert agreement(case, nn.ModuleList([layer, head]), 3e-2, 60) > 0.9


@pytest.mark.parametrize("nodes", [12, 0])
def test_a_graph_without_edges_is_its_nodes(nodes: int) -> None:
    """Defined and finite: root and biases."""
    x, none = random_graph()[0][:nodes], torch.zeros(2, 0, dtype=torch.long)
    layer = GranularityFusion(6, 8)
    assert torch.allclose(layer(x, none), layer.root(x), atol=1e-6)  # biases start at zero


def test_heads_must_share_the_outputs() -> None:
    """The error names both numbers."""
    with pytest.raises(ValueError, match="8 outputs for 3 heads"):
        GranularityFusion(6, 8, heads=3)
