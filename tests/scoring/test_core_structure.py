"""Structure learning: the objective falls, each step is a minimum, and noise between planted blocks is cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.utils import stochastic_blockmodel_graph

from scoring.core.structure import Structure, relation_matrices, rows_to_simplex, to_simplex

pytestmark = pytest.mark.usefixtures("one_thread")


def problem(seed: int, nodes: int = 8, stay: float = 1.0, anchor: float = 1.0) -> Structure:
    """Random states and edges of three relations, the last of them empty."""
    generator = torch.Generator().manual_seed(seed)
    edges = torch.randint(0, nodes, (2, 3 * nodes), generator=generator)
    relation = torch.randint(0, 2, (3 * nodes,), generator=generator)
    x = torch.randn(nodes, 3, generator=generator, dtype=torch.double)
    return Structure(x, relation_matrices(edges, relation, nodes, 3).double(), stay, anchor)


def is_a_graph(graph: Tensor) -> bool:
    """Nothing negative, rows summing to 1, an empty diagonal."""
    sums = torch.allclose(graph.sum(1), torch.ones(len(graph), dtype=graph.dtype))
    return sums and bool((graph >= 0).all()) and not bool(graph.diagonal().any())


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 10), st.floats(0.01, 100.0), st.floats(0.01, 100.0))
def test_the_objective_falls_at_every_step(seed: int, nodes: int, stay: float, anchor: float) -> None:
    """Any states, edges and weights; graph and weights stay on their simplices."""
    learned = problem(seed, nodes, stay, anchor).learn(rounds=3)
    assert all(after <= before + 1e-9 * (1 + abs(before)) for before, after in pairwise(learned.objective))
    assert learned.objective[-1] < learned.objective[0]
    assert is_a_graph(learned.graph)
    assert (learned.weight >= 0).all() and learned.weight.sum() == pytest.approx(1.0)


def test_the_x_step_is_where_the_gradient_is_zero() -> None:
    """The closed form solves the problem it says."""
    structure = problem(1)
    learned = structure.learn(rounds=1)
    x = structure.step_x(learned.graph).requires_grad_()
    slope = torch.autograd.grad(structure.objective(x, learned.graph, learned.weight), x)[0]
    assert slope.abs().max() < 1e-9


def test_no_other_graph_is_better_than_that_of_the_graph_step() -> None:
    """Against a thousand of the allowed ones, near and far."""
    structure, torch_seed = problem(2), torch.manual_seed(2)
    weight = torch.tensor([0.5, 0.3, 0.2], dtype=torch.double)
    best = structure.step_graph(structure.x0, weight)
    least = structure.objective(structure.x0, best, weight)
    for scale in torch.logspace(-3, 1, 1000):
        other = rows_to_simplex(best + scale * torch.randn(8, 8, dtype=torch.double, generator=torch_seed))
        assert structure.objective(structure.x0, other, weight) >= least


def test_a_graph_made_of_the_relations_gives_their_weights_back() -> None:
    """The weight step finds the mix."""
    structure = problem(3)
    true = torch.tensor([0.8, 0.2, 0.0], dtype=torch.double)
    start = torch.full((3,), 1 / 3, dtype=torch.double)
    found = structure.step_weight(torch.einsum("r,rij->ij", true, structure.relations), start)
    assert torch.allclose(found, true, atol=1e-3)


def test_the_projection_is_the_nearest_point_of_the_simplex() -> None:
    """Its optimality: the residual is one constant where the point is positive, and no larger elsewhere."""
    torch.manual_seed(0)
    value = torch.randn(200, 6, dtype=torch.double) * 3
    point = to_simplex(value)
    rest = value - point
    shift = rest.masked_fill(point == 0, -torch.inf).amax(1, keepdim=True)
    assert torch.allclose(point.sum(1), torch.ones(200, dtype=torch.double))
    assert torch.allclose(rest[point > 0], shift.expand_as(rest)[point > 0])
    assert (rest <= shift + 1e-12).all()


def test_gradients_reach_the_states_it_started_from() -> None:
    """Through every step, against finite differences: it can stand inside a network."""
    structure = problem(4, nodes=4)

    def outcome(x0: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        learned = Structure(x0, structure.relations).learn(rounds=1)
        return learned.x, learned.graph, learned.weight

    assert torch.autograd.gradcheck(outcome, structure.x0.clone().requires_grad_())


def test_edges_between_planted_blocks_lose_weight_and_the_noisy_relation_too() -> None:
    """A stochastic block model as one relation, random edges as the other."""
    torch.manual_seed(0)
    block = torch.arange(40) // 20
    planted = stochastic_blockmodel_graph([20, 20], [[0.3, 0.05], [0.05, 0.3]])
    noise = torch.randint(0, 40, (2, planted.shape[1]))
    relation = torch.arange(2).repeat_interleave(planted.shape[1])
    x = torch.nn.functional.one_hot(block, 2).double() + 0.5 * torch.randn(40, 2, dtype=torch.double)
    relations = relation_matrices(torch.cat([planted, noise], 1), relation, 40, 2).double()
    learned = Structure(x, relations, stay=0.5, anchor=0.5).learn()
    across = block[:, None] != block
    assert learned.graph[across].sum() < 0.5 * relations.mean(0)[across].sum()
    assert learned.weight[0] > learned.weight[1]


@pytest.mark.parametrize(
    ("nodes", "stay", "value"), [(1, 1.0, 0.0), (3, 0.0, 0.0), (3, 1.0, float("nan")), (3, float("nan"), 0.0)]
)
def test_what_has_no_solution_is_refused(nodes: int, stay: float, value: float) -> None:
    """One node, no pull to the start, values that are no numbers."""
    with pytest.raises(ValueError, match=r"two nodes|above 0|not finite"):
        Structure(torch.full((nodes, 2), value), torch.zeros(1, nodes, nodes), stay)
