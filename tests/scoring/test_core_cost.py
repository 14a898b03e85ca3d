"""The table of costs."""

from __future__ import annotations

from scoring.core.architecture import Architecture
from scoring.core.cost import costs
from scoring.core.random_batch import Shape


def test_each_shape_has_a_cost_of_its_own() -> None:
    """In the order asked for, an event's share of the batch."""
    shapes = [Shape(1, 10, 20), Shape(16, 10, 20)]
    found = costs(Architecture(4, 2, 3, 2, body="directed", ports=True), shapes, seconds=0.01)
    assert [cost.shape for cost in found] == shapes
    assert all(cost.event_ms > 0 for cost in found)
