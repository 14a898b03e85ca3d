"""Structure learning inside a network: the steps of `Structure`, for many graphs at once."""

from __future__ import annotations

import pytest
import torch

from scoring.core import refinement
from scoring.core.architecture import Architecture
from scoring.core.conv import both_directions
from scoring.core.random_batch import Shape, random_batch
from scoring.core.refinement import Refinement, groups_of
from scoring.core.structure import Structure, relation_matrices, rows_to_simplex

pytestmark = pytest.mark.usefixtures("one_thread")

ARCHITECTURE = Architecture(4, 2, 3, 2)


def layer(rounds: int = 2) -> Refinement:
    """Random weights, in double precision."""
    torch.manual_seed(0)
    made = Refinement(6, 2, rounds).double()
    for parameter in (made.mix, made.log_stay, made.log_anchor):
        torch.nn.init.normal_(parameter)
    return made


def test_each_graph_learned_is_what_the_steps_of_structure_make() -> None:
    """Two rounds of X and G on each of three graphs, at the same weights."""
    made, batch = layer(), random_batch(ARCHITECTURE, Shape(3, 7, 15), 0)
    x0 = made.project(torch.randn(21, 6).double())
    (group,) = groups_of(batch)
    found = made.learn(group.spread(x0), group.matrix(made._links(batch, None)), group.there)
    edges, relation = both_directions(batch.edges, batch.relation, 2)
    for place in range(3):
        mine = batch.graph[edges[0]] == place
        relations = relation_matrices(edges[:, mine] - 7 * place, relation[mine], 7, 4).double()
        structure = Structure(
            x0[7 * place : 7 * place + 7], relations, made.log_stay.exp().item(), made.log_anchor.exp().item()
        )
        weight = made.mix.softmax(0)
        graph = rows_to_simplex(torch.einsum("r,rij->ij", weight, relations))
        for _ in range(2):
            graph = structure.step_graph(structure.step_x(graph), weight)
        assert torch.allclose(found[place], graph, atol=1e-9)


def test_graphs_of_any_size_are_learned_as_if_each_were_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one group or in several, filled up or not."""
    made, batch = layer(), random_batch(ARCHITECTURE, Shape(5, 6, 12), 1)
    batch.graph[3:6] = 1  # graphs of 3, 9, 6, 6 and 6 nodes; edges across do not matter here
    batch.edges.clamp_(min=6)
    x = torch.randn(30, 6).double()
    at_once = made(x, batch)
    monkeypatch.setattr(refinement, "CELLS", 40)
    assert len(groups_of(batch)) == 5
    assert torch.allclose(made(x, batch), at_once, atol=1e-12)


def test_nodes_that_no_edge_joins_may_hear_one_another() -> None:
    """What a gate of zero takes out is the edge, not every way between its ends."""
    made, batch = layer(), random_batch(ARCHITECTURE, Shape(1, 5, 0), 0)
    x = torch.randn(5, 6).double().requires_grad_()
    slope = torch.autograd.grad(made(x, batch)[0].sum(), x)[0]
    assert (slope[1:] != 0).any()


def test_a_node_alone_in_its_graph_hears_nobody() -> None:
    """Its row has no place to go."""
    made, batch = layer(), random_batch(ARCHITECTURE, Shape(1, 1, 2), 0)
    assert torch.equal(made(torch.randn(1, 6).double(), batch), torch.zeros(1, 6).double())
