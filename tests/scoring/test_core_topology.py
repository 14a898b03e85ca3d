"""Persistent homology of graphs whose pieces and loops are known."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.sparse.csgraph import minimum_spanning_tree
from torch import Tensor
from torch_geometric.utils import erdos_renyi_graph

from scoring.core.architecture import Architecture
from scoring.core.random_batch import Shape, random_batch
from scoring.core.topology import (
    FEATURES,
    GudhiMissing,
    by_degree,
    by_weight,
    persistence,
    summarise,
    topology_features,
    with_topology,
)

pytestmark = pytest.mark.usefixtures("one_thread")
needs_gudhi = pytest.mark.skipif(
    importlib.util.find_spec("gudhi") is None, reason="gudhi is not installed: pip install gudhi"
)


def ring(nodes: int) -> Tensor:
    """0 - 1 - … - 0."""
    first = torch.arange(nodes)
    return torch.stack([first, (first + 1) % nodes])


@needs_gudhi
def test_a_ring_is_one_piece_and_one_loop_that_stays() -> None:
    """The loop is born with the ring's last edge."""
    found = persistence(ring(5), 5, by_weight(torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])))
    assert found.pieces.tolist() == [[0, 1], [0, 2], [0, 3], [0, 4], [0, np.inf]]
    assert found.loops.tolist() == [[5, np.inf]]


@needs_gudhi
def test_a_triangle_fills_its_own_loop() -> None:
    """A flag complex has no hole of three edges; a chord kills a square when it comes."""
    assert len(persistence(ring(3), 3).loops) == 0
    square = torch.cat([ring(4), torch.tensor([[0], [2]])], dim=1)
    found = persistence(square, 4, by_weight(torch.tensor([1.0, 1.0, 1.0, 1.0, 3.0])))
    assert found.loops.tolist() == [[1, 3]]


@needs_gudhi
def test_pieces_die_at_the_weights_of_the_least_spanning_tree() -> None:
    """H0 is single linkage: against scipy's tree, on a random graph with parallel edges both ways."""
    torch.manual_seed(0)
    edges = erdos_renyi_graph(30, 0.3)
    weight = torch.rand(30, 30).triu(1)
    weight = (weight + weight.t())[edges[0], edges[1]]
    dense = np.zeros((30, 30))
    dense[edges[0].numpy(), edges[1].numpy()] = weight.numpy()
    expected = np.sort(minimum_spanning_tree(dense).data)
    deaths = persistence(edges, 30, by_weight(weight)).pieces[:, 1]
    assert np.allclose(np.sort(deaths)[:-1], expected)


@needs_gudhi
def test_with_all_weights_equal_loops_are_counted_by_eulers_formula() -> None:
    """Without triangles, loops that stay = edges - nodes + pieces: a grid of 4 by 5 has 12."""
    node = torch.arange(20).view(4, 5)
    across, down = (node[:, :-1], node[:, 1:]), (node[:-1], node[1:])
    edges = torch.stack([torch.cat([a.flatten(), b.flatten()]) for a, b in zip(across, down, strict=True)])
    assert persistence(edges, 20, by_weight(torch.ones(31))).loops.tolist() == [[1, np.inf]] * 12


@needs_gudhi
def test_a_star_by_degree_is_as_many_pieces_as_rays_until_the_hub_comes() -> None:
    """Rays are born at degree 1, the hub at its own."""
    star = torch.tensor([[0, 0, 0, 0], [1, 2, 3, 4]])
    assert persistence(star, 5).pieces.tolist() == [[1, 4], [1, 4], [1, 4], [1, np.inf]]


@needs_gudhi
def test_names_direction_and_repetition_of_edges_do_not_matter() -> None:
    """Ten finite figures, the same for the same graph."""
    torch.manual_seed(0)
    edges, turn = erdos_renyi_graph(20, 0.2), torch.randperm(20)
    features = topology_features(edges, 20)
    again = torch.cat([turn[edges].flip(0), turn[edges], torch.tensor([[3], [3]])], dim=1)
    assert features.shape == (FEATURES,) and features.isfinite().all()
    assert torch.allclose(features, topology_features(again, 20))


@needs_gudhi
@pytest.mark.parametrize("nodes", [0, 1, 3])
def test_nodes_without_edges_are_pieces(nodes: int) -> None:
    """Nothing to join them, no loop."""
    none = torch.zeros(2, 0, dtype=torch.long)
    assert topology_features(none, nodes).tolist() == pytest.approx([nodes, nodes, 0, 0, 0, 0, 0, 0, 0, 0])


@needs_gudhi
def test_what_cannot_be_filtered_is_refused() -> None:
    """A weight that is no number, a node that is not there."""
    with pytest.raises(ValueError, match="not finite"):
        persistence(ring(3), 3, by_weight(torch.tensor([1.0, float("nan"), 2.0])))
    with pytest.raises(ValueError, match="nodes 0 to 4: there are 3"):
        persistence(ring(5), 3)


def test_without_gudhi_the_error_names_the_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of the core works without it."""
    monkeypatch.setitem(sys.modules, "gudhi", None)
    with pytest.raises(GudhiMissing, match="pip install gudhi"):
        persistence(ring(3), 3)


def test_a_diagram_in_five_figures() -> None:
    """Two lives of 1 and 3, one of them to the end: shares of 1/4 and 3/4."""
    found = summarise(np.array([[0.0, 1.0], [1.0, np.inf]]), 4.0)
    entropy = -(0.25 * np.log(0.25) + 0.75 * np.log(0.75))
    assert found.tolist() == pytest.approx([2, 1, 4, 3, entropy])
    assert summarise(np.zeros((0, 2)), 4.0).tolist() == [0, 0, 0, 0, 0]


def test_degrees_count_distinct_neighbours() -> None:
    """A loop and an edge both ways add nothing; an edge comes with the later of its ends."""
    born, appears = by_degree(torch.tensor([[0, 1, 0, 0, 2], [1, 0, 2, 0, 3]]), 5)
    assert born.tolist() == [2, 1, 2, 1, 0]
    assert appears.tolist() == [2, 2, 2, 2, 2]


@needs_gudhi
def test_each_graph_of_a_batch_has_its_own_topology() -> None:
    """Wherever its nodes stand in the batch."""
    batch = random_batch(Architecture(4, 2, 3, 2), Shape(3, 8, 14), 0)
    alone = [topology_features(batch.edges[:, 14 * n : 14 * n + 14] - 8 * n, 8) for n in range(3)]
    order = torch.randperm(24, generator=torch.Generator().manual_seed(0))
    shuffled = replace(batch, x=batch.x[order], graph=batch.graph[order], edges=torch.argsort(order)[batch.edges])
    for each in (batch, shuffled):
        found = with_topology(each).whole
        assert found is not None and torch.equal(found, torch.stack(alone))
