"""The ring at distance two, against scipy's shortest paths."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import shortest_path

from scoring.core.two_hop import exactly_two_hops, share_of_walks

pytestmark = pytest.mark.usefixtures("one_thread")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=20))
def test_the_ring_holds_the_pairs_whose_shortest_way_has_two_edges(pairs: list[tuple[int, int]]) -> None:
    """Any directed graph, loops and parallel edges included."""
    edges = torch.tensor(pairs, dtype=torch.long).view(-1, 2).t()
    dense = coo_array((np.ones(len(pairs)), edges.numpy()), shape=(7, 7))
    expected = np.argwhere(shortest_path(dense.tocsr(), unweighted=True) == 2)
    assert exactly_two_hops(edges, 7).t().tolist() == expected.tolist()


def test_an_edge_to_a_node_that_is_not_there_is_refused() -> None:
    """The error names both."""
    with pytest.raises(ValueError, match="nodes 0 to 3: there are 3"):
        exactly_two_hops(torch.tensor([[0], [3]]), 3)


def test_a_hub_too_large_to_hold_is_refused_before_memory_is_taken() -> None:
    """A million spokes both ways make 10^12 walks."""
    spoke, hub = torch.arange(1, 1_000_001), torch.zeros(1_000_000, dtype=torch.long)
    edges = torch.stack([torch.cat([spoke, hub]), torch.cat([hub, spoke])])
    with pytest.raises(ValueError, match="cap the edges of hubs"):
        exactly_two_hops(edges, 1_000_001)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.sampled_from([0.0, 0.25, 1.0])), max_size=15))
def test_a_pairs_share_is_the_mean_over_its_walks(rows: list[tuple[int, int, float]]) -> None:
    """Walk by walk, the gate of parallel edges their mean."""
    gates: dict[tuple[int, int], list[float]] = {}
    for source, target, gate in rows:
        gates.setdefault((source, target), []).append(gate)
    passes = {pair: sum(found) / len(found) for pair, found in gates.items()}
    edges = torch.tensor([row[:2] for row in rows], dtype=torch.long).view(-1, 2).t()
    ring = exactly_two_hops(edges, 6)
    walks = [
        [passes[a, m] * passes[m, b] for m in range(6) if (a, m) in passes and (m, b) in passes]
        for a, b in ring.t().tolist()
    ]
    found = share_of_walks(edges, torch.tensor([row[2] for row in rows]), ring, 6)
    assert found.tolist() == pytest.approx([sum(each) / len(each) for each in walks])
