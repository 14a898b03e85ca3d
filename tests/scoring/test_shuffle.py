"""Shuffled edges: what is destroyed and what survives, and what a gain over them means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from outcomes import Model, outcome_of

from graph.model import Subgraph
from scoring.ablation_result import control_table
from scoring.columns import Columns, Reader
from scoring.control import SURVIVES, control
from scoring.features import compute
from scoring.measured import Settings, measure
from scoring.schema import FeatureSchema
from scoring.shuffle import derangement, shuffled

Build = Callable[..., Subgraph]


def columns_of(build: Build, schema: FeatureSchema) -> Columns:
    """Transfers and logins, each with its own time, amount and a neighbourhood of its own size."""
    subgraphs = []
    for number in range(40):
        rows = [
            ("TRANSFER", f"Account:{n}", "Account:A", 1 + number + n, None, {"amount": n}) for n in range(number % 7)
        ]
        relation, ends = (
            ("LOGIN", ("User:u", "Device:d")) if number % 4 == 0 else ("TRANSFER", ("Account:A", "Account:B"))
        )
        made = build(relation, *ends, rows if relation == "TRANSFER" else rows[:0], {"amount": 100 + number})
        event = msgspec.structs.replace(made.event, time_ms=made.event.time_ms + number)
        subgraphs.append(msgspec.structs.replace(made, event=event))
    return Reader(schema).read(subgraphs)


def neighbourhoods(columns: Columns) -> list[tuple[object, ...]]:
    """Each subgraph without its event's own row, comparable."""
    single = [columns.take(np.array([number])) for number in range(len(columns))]
    own = {"kind", "time_ms", "amount", "says"}
    names = [name for name in Columns.__slots__ if name not in own]
    return [tuple(getattr(one, name).tobytes() for name in names) for one in single]


def test_every_event_keeps_its_own_row(build: Build, schema: FeatureSchema) -> None:
    """Relation, time, amounts, words."""
    before = columns_of(build, schema)
    after = shuffled(before, 0)
    for name in ("kind", "time_ms", "amount", "says"):
        assert np.array_equal(getattr(after, name), getattr(before, name))


def test_the_neighbourhoods_of_a_relation_are_the_same_ones_each_once(build: Build, schema: FeatureSchema) -> None:
    """Unaltered inside, so every mean over the relation's events stays."""
    before = columns_of(build, schema)
    after = shuffled(before, 0)
    for kind in np.unique(before.kind):
        mine = [
            Counter(found for found, k in zip(neighbourhoods(part), part.kind, strict=True) if k == kind)
            for part in (before, after)
        ]
        assert mine[0] == mine[1]
    nodes = [np.sort(compute(part, schema).nodes.sum(axis=1)) for part in (before, after)]
    assert np.allclose(*nodes)


def test_no_event_keeps_its_neighbourhood_and_none_takes_another_relations() -> None:
    """Every seed; an event alone of its relation has nobody to exchange with."""
    kind = np.array([0] * 30 + [1] * 2 + [2])
    for seed in range(50):
        donor = derangement(kind, np.random.default_rng(seed))
        assert sorted(donor.tolist()) == list(range(33))
        assert (kind[donor] == kind).all()
        assert np.flatnonzero(donor == np.arange(33)).tolist() == [32]
    assert derangement(np.zeros(0, np.int64), np.random.default_rng(0)).tolist() == []


def test_a_seed_is_one_exchange(build: Build, schema: FeatureSchema) -> None:
    """The same again, another with another."""
    before = columns_of(build, schema)
    first, again, other = (neighbourhoods(shuffled(before, seed)) for seed in (0, 0, 1))
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    ("network", "twin", "said"),
    [
        (3.0, 1.0, "gone with shuffled edges: a graph gain"),
        (3.0, 3.0, SURVIVES),
        (4.0, 2.5, f"of it survives shuffling; {SURVIVES}, the rest is"),
        (1.0, 1.0, "no gain to explain"),
    ],
)
def test_a_gain_that_survives_shuffling_is_no_graph_gain(network: float, twin: float, said: str) -> None:
    """Against trees on the event's own row, of strength 1."""
    models = {"row": Model(1.0), "network": Model(network), "twin": Model(twin)}
    outcome = outcome_of(models)
    outcome.said["row"][:] = outcome_of({"twin": Model(1.0)}, ()).said["twin"]  # errs on the events its twin errs on
    if network == twin:
        outcome.said["network"][:] = outcome.said["twin"]
    found = control(measure(outcome, Settings(rounds=80)), "network", "twin", "row")
    assert found.verdict.startswith(said) or (said.startswith("of it") and found.verdict.endswith(said))
    assert "gain with shuffled edges" in control_table(found)
    assert found.gain.value - found.shuffled.value == pytest.approx(found.graph.value)
