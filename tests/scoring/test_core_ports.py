"""Port numbers, after Egressy et al. 2024."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.core.ports import port_numbers

pytestmark = pytest.mark.usefixtures("one_thread")


def by_the_book(edges: list[tuple[int, int]], time: list[int]) -> list[list[int]]:
    """The definition, edge by edge."""
    incoming: dict[int, dict[int, int]] = {}
    outgoing: dict[int, dict[int, int]] = {}
    ports = {}
    for place in sorted(range(len(edges)), key=lambda e: time[e]):
        source, target = edges[place]
        seen_in, seen_out = incoming.setdefault(target, {}), outgoing.setdefault(source, {})
        ports[place] = [seen_in.setdefault(source, len(seen_in)), seen_out.setdefault(target, len(seen_out))]
    return [ports[place] for place in range(len(edges))]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 3)), max_size=20))
def test_neighbours_are_numbered_by_first_appearance(rows: list[tuple[int, int, int]]) -> None:
    """Any multigraph, loops and ties in time included, against the definition."""
    pairs = [(source, target) for source, target, _ in rows]
    time = [time for _, _, time in rows]
    found = port_numbers(torch.tensor(pairs, dtype=torch.long).view(-1, 2).t(), torch.tensor(time, dtype=torch.long))
    assert found.tolist() == by_the_book(pairs, time)


def test_parallel_edges_share_their_ports() -> None:
    """Three edges from one neighbour, and one edge of each of three: only ports tell them apart."""
    one = port_numbers(torch.tensor([[1, 1, 1], [0, 0, 0]]), torch.arange(3))
    three = port_numbers(torch.tensor([[1, 2, 3], [0, 0, 0]]), torch.arange(3))
    assert one[:, 0].tolist() == [0, 0, 0]
    assert three[:, 0].tolist() == [0, 1, 2]


def test_neighbours_that_came_at_once_may_share_a_number() -> None:
    """Two at 1, one at 2: none, none, and two before; so the order of the list does not matter."""
    edges, time = torch.tensor([[1, 2, 3, 1], [0, 0, 0, 0]]), torch.tensor([1.0, 1.0, 2.0, 3.0])
    assert port_numbers(edges, time, ties="shared")[:, 0].tolist() == [0, 0, 2, 0]
    order = torch.tensor([3, 2, 1, 0])
    assert port_numbers(edges[:, order], time[order], ties="shared")[:, 0].tolist() == [0, 2, 0, 0]


@pytest.mark.parametrize("time", [torch.zeros(2), torch.tensor([0.0, 1.0, float("nan")])])
def test_times_that_cannot_order_are_refused(time: torch.Tensor) -> None:
    """Too few, or not a number."""
    with pytest.raises(ValueError, match="time"):
        port_numbers(torch.zeros(2, 3, dtype=torch.long), time)
