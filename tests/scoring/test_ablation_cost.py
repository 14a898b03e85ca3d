"""What a network costs an event."""

from __future__ import annotations

from itertools import count, cycle
from pathlib import Path

import pytest
from test_ablation_inputs import drawn

from scoring.ablation_cost import cost_ms
from scoring.ablation_variants import Reads
from scoring.core.architecture import Architecture
from scoring.core.network import EventNetwork
from scoring.core.topology import FEATURES

pytestmark = pytest.mark.usefixtures("one_thread")


def test_of_each_event_the_fastest_pass_counts(tmp_path: Path) -> None:
    """Passes of 3, 1, 2, … ms: 1 ms an event."""
    found = drawn(tmp_path, 150)
    schema, prepared = found.data.schema, found.test.prepared
    sizes = len(schema.nodes), len(schema.edges), prepared.event.shape[1], len(schema.relations)
    took_s, now_s = cycle([0.003, 0.001, 0.002]), 0.0
    ends = count()

    def clock() -> float:
        nonlocal now_s
        now_s += next(took_s) if next(ends) % 2 else 0.0
        return now_s

    assert cost_ms(EventNetwork(Architecture(*sizes)), prepared, 100, clock) == pytest.approx(1.0)


def test_topology_is_computed_within_the_time(tmp_path: Path) -> None:
    """It is what costs most of such a network."""
    found = drawn(tmp_path, 150)
    schema, prepared = found.data.schema, found.read_as(Reads(topology=True))[2]
    sizes = len(schema.nodes), len(schema.edges), prepared.event.shape[1], len(schema.relations)
    plain, whole = (EventNetwork(Architecture(*sizes, whole=width)).eval() for width in (0, FEATURES))
    assert cost_ms(whole, prepared) > 1.2 * cost_ms(plain, prepared)
