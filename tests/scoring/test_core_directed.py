"""The direction-aware edge convolution: against PyG's gated convolution, the definition, and on generated graphs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.nn import GatedGraphConv
from torch_geometric.utils import erdos_renyi_graph

from scoring.core.directed import DirectedEdgeConv, Pooling
from scoring.core.ports import port_numbers

pytestmark = pytest.mark.usefixtures("one_thread")

POOLINGS: tuple[Pooling, ...] = ("sum", "mean")

Agreement = Callable[[Callable[[], tuple[Tensor, Tensor]], nn.Module, float, int], Tensor]


def random_graph() -> tuple[Tensor, Tensor, Tensor]:
    """A multigraph with loops and parallel edges; its last nodes are alone."""
    torch.manual_seed(0)
    return torch.randn(12, 4), torch.randint(0, 9, (2, 40)), torch.randn(40, 3)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_it_is_what_its_formula_says(pooling: Pooling) -> None:
    """Edge by edge, node by node."""
    x, edges, attributes = random_graph()
    conv = DirectedEdgeConv(4, 3, 5, pooling)
    expected = []
    for node in range(len(x)):
        means = []
        for end, message in ((1, conv.incoming), (0, conv.outgoing)):
            weight = torch.cat([message.node.weight, message.edge.weight], dim=1)
            mine = [edge for edge in range(edges.shape[1]) if edges[end, edge] == node]
            pairs = [torch.cat([x[edges[1 - end, edge]], attributes[edge]]) for edge in mine]
            total = sum((torch.relu(weight @ pair + message.edge.bias) for pair in pairs), torch.zeros(5))
            means.append(total / max(len(mine), 1) if pooling == "mean" else total)
        expected.append(conv.update(torch.cat(means), x[node]))
    assert torch.allclose(conv(x, edges, attributes), torch.stack(expected), atol=1e-5)


def test_read_one_way_without_attributes_it_equals_gatedgraphconv() -> None:
    """Sums and nothing negative, so that relu does nothing: 1e-5."""
    x, edges, _ = random_graph()
    x = x.abs()
    ours, theirs = DirectedEdgeConv(4, 0, 4, "sum"), GatedGraphConv(4, num_layers=1)
    with torch.no_grad():
        ours.incoming.node.weight.abs_()
        ours.incoming.edge.bias.zero_()
        ours.update.weight_ih[:, 4:] = 0.0  # deaf to what goes out
        theirs.weight[0] = ours.incoming.node.weight.t()
        theirs.rnn.load_state_dict(ours.update.state_dict() | {"weight_ih": ours.update.weight_ih[:, :4]})
    assert torch.allclose(ours(x, edges, torch.zeros(40, 0)), theirs(x, edges), atol=1e-5)


def test_turning_every_edge_swaps_in_and_out() -> None:
    """The two directions are alike but for their weights."""
    x, edges, attributes = random_graph()
    conv, mirrored = DirectedEdgeConv(4, 3, 5), DirectedEdgeConv(4, 3, 5)
    mirrored.load_state_dict(conv.state_dict())
    mirrored.incoming, mirrored.outgoing = mirrored.outgoing, mirrored.incoming
    with torch.no_grad():
        mirrored.update.weight_ih.copy_(conv.update.weight_ih.roll(5, dims=1))
    assert torch.allclose(conv(x, edges, attributes), mirrored(x, edges.flip(0), attributes), atol=1e-6)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_gradients_are_right(pooling: Pooling) -> None:
    """Of states and attributes, against finite differences, in double precision."""
    x, edges, attributes = random_graph()
    conv = DirectedEdgeConv(4, 3, 2, pooling).double()
    inputs = (x.double().requires_grad_(), attributes.double().requires_grad_())
    assert torch.autograd.gradcheck(lambda a, b: conv(a, edges, b), inputs)


def test_with_ports_it_tells_one_neighbour_from_three() -> None:
    """Three edges from one neighbour or one from each of three: equal without ports, different with."""
    torch.manual_seed(0)
    conv, time = DirectedEdgeConv(2, 2, 8, "sum"), torch.arange(3)
    graphs = torch.tensor([[1, 1, 1], [0, 0, 0]]), torch.tensor([[1, 2, 3], [0, 0, 0]])
    without, ported = (
        [conv(torch.ones(4, 2), edges, of(edges))[0] for edges in graphs]
        for of in (lambda edges: torch.zeros(3, 2), lambda edges: port_numbers(edges, time).float())
    )
    assert torch.allclose(without[0], without[1])
    assert not torch.allclose(ported[0], ported[1], atol=1e-2)


def test_it_learns_which_way_edges_point(agreement: Agreement) -> None:
    """Random directed graphs: does more weight come in than goes out? Undirected messages could not say."""
    torch.manual_seed(0)
    conv, head = DirectedEdgeConv(8, 1, 8, "sum"), nn.Linear(8, 1)

    def case() -> tuple[Tensor, Tensor]:
        edges = erdos_renyi_graph(60, 0.1, directed=True)
        weight = torch.rand(edges.shape[1])
        balance = torch.zeros(60).index_add(0, edges[1], weight).index_add(0, edges[0], -weight)
        return head(conv(torch.ones(60, 8), edges, weight[:, None])).squeeze(1), (balance > 0).float()

    assert agreement(case, nn.ModuleList([conv, head]), 2e-2, 80) > 0.9


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_graph_without_edges_keeps_a_state(pooling: Pooling) -> None:
    """Defined and finite: the update of nothing."""
    conv = DirectedEdgeConv(4, 3, 5, pooling)
    for x in (torch.randn(12, 4), torch.zeros(0, 4)):
        state = conv(x, torch.zeros(2, 0, dtype=torch.long), torch.zeros(0, 3))
        assert torch.allclose(state, conv.update(torch.zeros(len(x), 10), x))


def test_attributes_must_match_the_edges() -> None:
    """The error counts both."""
    x, edges, attributes = random_graph()
    with pytest.raises(ValueError, match="39 rows of attributes for 40 edges"):
        DirectedEdgeConv(4, 3, 5)(x, edges, attributes[1:])
