"""The fused relational convolution against PyG's, and against itself."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch_geometric.nn import RGCNConv

from scoring.core.conv import Layout, RelationalConv, both_directions, slots_of
from scoring.core.decomposition import Decomposition

LAYOUTS: tuple[Layout, ...] = ("dense", "compact")
GRAPHS = [(40, 200, 6), (30, 20, 10), (5, 0, 3), (1, 4, 2), (200, 1500, 10)]  # nodes, edges, relations


def random_graph(nodes: int, edges: int, relations: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Features, edges and relations; the last nodes stay isolated and the last relation empty."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(nodes, 16, generator=generator)
    busy = max(1, nodes - nodes // 4)
    return (
        x,
        torch.randint(0, busy, (2, edges), generator=generator),
        torch.randint(0, max(1, relations - 1), (edges,), generator=generator),
    )


def twins(relations: int, layout: Layout) -> tuple[RelationalConv, RGCNConv]:
    """Ours and PyG's with the same weights."""
    torch.manual_seed(1)
    ours, theirs = RelationalConv(16, 8, relations, layout=layout), RGCNConv(16, 8, relations)
    with torch.no_grad():
        theirs.weight.copy_(ours.weight)
        theirs.root.copy_(ours.root)
        theirs.bias.copy_(ours.bias.normal_())
    return ours, theirs


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("nodes", "edges", "relations"), GRAPHS)
def test_it_equals_rgcnconv(nodes: int, edges: int, relations: int, layout: Layout) -> None:
    """Mean aggregation, root weight and bias: 1e-5, isolated nodes and empty relations included."""
    ours, theirs = twins(relations, layout)
    x, edge, relation = random_graph(nodes, edges, relations)
    assert torch.allclose(ours(x, edge, relation), theirs(x, edge, relation), atol=1e-5, rtol=0)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_its_gradients_equal_rgcnconvs(layout: Layout) -> None:
    """Of the inputs and of every weight."""
    ours, theirs = twins(6, layout)
    x, edge, relation = random_graph(40, 200, 6)
    found = []
    for conv in (ours, theirs):
        leaf = x.clone().requires_grad_()
        loss = conv(leaf, edge, relation).square().sum()
        found.append(torch.autograd.grad(loss, [leaf, conv.weight, conv.root, conv.bias]))
    for mine, reference in zip(*found, strict=True):
        assert torch.allclose(mine, reference, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_gradients_with_attributes_and_gates_are_right(layout: Layout) -> None:
    """Against finite differences, in double precision."""
    conv = RelationalConv(3, 2, 4, attributes=2, layout=layout).double()
    x, edge, relation = random_graph(6, 9, 4)
    inputs = (x[:, :3].double().requires_grad_(), torch.rand(9, 2).double().requires_grad_())
    gate = torch.rand(9).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b, g: conv(a, edge, relation, b, g), (*inputs, gate))


def test_the_layouts_agree_with_attributes() -> None:
    """Edge attributes reach the message the same way in both."""
    torch.manual_seed(2)
    dense, compact = (RelationalConv(16, 8, 6, 5, layout) for layout in LAYOUTS)
    compact.load_state_dict(dense.state_dict())
    x, edge, relation = random_graph(40, 200, 6)
    attributes = torch.rand(200, 5)
    slots = slots_of(edge, relation, 40, 6)
    shared = compact(x, edge, relation, attributes, slots=slots)
    assert torch.allclose(dense(x, edge, relation, attributes), shared, atol=1e-5)
    assert torch.equal(shared, compact(x, edge, relation, attributes))


def test_the_order_of_edges_does_not_matter() -> None:
    """A mean is a mean."""
    conv = RelationalConv(16, 8, 6)
    x, edge, relation = random_graph(40, 200, 6)
    turn = torch.randperm(200)
    assert torch.allclose(conv(x, edge, relation), conv(x, edge[:, turn], relation[turn]), atol=1e-6)


def test_each_edge_gets_its_reverse_as_a_relation_of_its_own() -> None:
    """Directed relations pass messages both ways, told apart."""
    edges, relation = both_directions(torch.tensor([[0, 1], [2, 3]]), torch.tensor([0, 4]), 5)
    assert edges.tolist() == [[0, 1, 2, 3], [2, 3, 0, 1]]
    assert relation.tolist() == [0, 4, 5, 9]


SHARED = [Decomposition(bases=3), Decomposition(blocks=4)]


@pytest.mark.parametrize("shared", SHARED)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_shared_weights_equal_rgcnconvs_in_both_directions(layout: Layout, shared: Decomposition) -> None:
    """Bases and blocks, each directed relation and its reverse: 1e-5, gradients too."""
    torch.manual_seed(3)
    x, edge, relation = random_graph(40, 200, 5)
    edge, relation = both_directions(edge, relation, 5)
    ours = RelationalConv(16, 8, 10, layout=layout, decomposition=shared)
    theirs = RGCNConv(16, 8, 10, num_bases=shared.bases, num_blocks=shared.blocks)
    theirs.load_state_dict({name.replace("mix", "comp"): weight for name, weight in ours.state_dict().items()})
    results = [conv(x, edge, relation) for conv in (ours, theirs)]
    assert torch.allclose(results[0], results[1], atol=1e-5, rtol=0)
    for result in results:
        result.square().mean().backward()
    for name, weight in ours.named_parameters():
        reference = theirs.get_parameter(name.replace("mix", "comp")).grad
        assert weight.grad is not None and reference is not None
        assert torch.allclose(weight.grad, reference, atol=1e-5, rtol=0)


def test_free_weights_keep_the_names_saved_models_have() -> None:
    """An option that is off leaves no trace in a model's folder."""
    assert set(RelationalConv(4, 4, 2).state_dict()) == {"weight", "root", "bias"}


@pytest.mark.parametrize("options", [{"bases": 2, "blocks": 2}, {"bases": 0}, {"blocks": -1}])
def test_a_decomposition_without_meaning_is_refused(options: dict[str, int]) -> None:
    """Both at once, or fewer than one."""
    with pytest.raises(ValueError, match=r"choose one|at least 1"):
        Decomposition(**options)


def test_blocks_must_divide_the_widths() -> None:
    """The error names the widths: 16 node features and 1 edge attribute make 17."""
    with pytest.raises(ValueError, match="17 inputs and 8 outputs"):
        RelationalConv(16, 8, 2, attributes=1, decomposition=Decomposition(blocks=4))
