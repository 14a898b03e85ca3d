"""How much less is read when the scorer is behind."""

from __future__ import annotations

from graph.model import Caps
from scoring.online.load import Limits, Load


def test_it_goes_up_at_once_and_down_one_at_a_time() -> None:
    """And not before it is well below the limit."""
    load = Load(Limits((2.0, 10.0)))
    seen = [load.observe(behind_s) for behind_s in (0.1, 2.0, 12.0, 6.0, 4.0, 1.5, 0.9, 0.9)]
    assert seen == [0, 1, 2, 2, 1, 1, 0, 0]


def test_each_level_halves_what_is_read_down_to_a_least() -> None:
    load, whole = Load(), Caps((16, 3))
    found = []
    for level in (0, 1, 2):
        load.level = level
        found.append(load.caps(whole).per_hop)
    assert found == [(16, 3), (8, 2), (4, 2)]


def test_a_model_that_reads_less_than_the_least_reads_as_ever() -> None:
    load = Load()
    load.level = 2
    assert load.caps(Caps((1, 0))) == Caps((1, 0))
