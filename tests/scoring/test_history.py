"""The long look back at an event's two ends, against the same said in plain Python."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.mirror import Mirror
from graph.model import EdgeUpsert, Event, LabelUpsert, Subgraph, SubgraphEdge
from scoring.cells import Sampler
from scoring.history import DAY_MS, LOOK_BACK, NAMES, history
from scoring.schema import HOUR_MS, schema_of

SCHEMA = schema_of({"PAID": ("A", "A", ("amount",)), "SEEN": ("A", "A", ())})
NOW_MS = 400 * DAY_MS
AGES = st.sampled_from([1, 1_000, HOUR_MS, HOUR_MS + 1, DAY_MS, 6 * DAY_MS, 8 * DAY_MS, 31 * DAY_MS, 90 * DAY_MS])
ROWS = st.lists(
    st.tuples(
        AGES, st.sampled_from("abc"), st.sampled_from("abc"), st.sampled_from(["PAID", "SEEN"]),
        st.integers(0, 500), st.sampled_from([None, True, False]),
    ),
    max_size=30,
)  # fmt: skip


def pos(n: int) -> str:
    return f"bank/0001.1.00000001.{n:016x}.000000"


def bank(rows: Sequence[tuple[int, str, str, str, int, bool | None]]) -> Mirror:
    mirror = Mirror()
    for n, (age, src, dst, relation, amount, label) in enumerate(rows, start=1):
        at, owner = NOW_MS - age, f"rows:{n}:x"
        mirror.apply([EdgeUpsert(owner, pos(n), at, relation, f"A:{src}", f"A:{dst}", at, {"amount": amount})])
        if label is not None:
            mirror.apply([LabelUpsert(f"reports:{n}:label", pos(n), at, owner, label)])
    return mirror


def event(src: str, dst: str, amount: int) -> Event:
    return Event("rows:0:x", "new", pos(10_000), NOW_MS, "PAID", f"A:{src}", f"A:{dst}", NOW_MS, {"amount": amount})


def amount_of(edge: SubgraphEdge) -> float:
    return float(edge.attributes["amount"]) if edge.relation == "PAID" else 0.0  # type: ignore[arg-type]


def slow(subgraph: Subgraph) -> dict[str, float]:
    """Some of the features, each by its meaning."""
    asked, found = subgraph.event, dict[str, float]()
    for end, node in (("source", asked.src), ("target", asked.dst)):
        for way in ("same", "other"):
            mine = [
                e for e in subgraph.edges if node in (e.src, e.dst)
                and (e.relation == asked.relation and (e.src if end == "source" else e.dst) == node) == (way == "same")
            ]  # fmt: skip
            name = f"{end}_{way}"
            ages = [asked.time_ms - e.time_ms for e in mine]
            for window, most in (("1h", HOUR_MS), ("24h", DAY_MS), ("7d", 7 * DAY_MS), ("30d", 30 * DAY_MS)):
                inside = [e for e, age in zip(mine, ages, strict=True) if age <= most]
                found[f"{name}_count_{window}"] = math.log1p(len(inside))
                found[f"{name}_sum_{window}"] = math.log1p(sum(map(amount_of, inside)))
            found[f"{name}_count_all"] = math.log1p(len(mine))
            found[f"{name}_partners"] = math.log1p(len({e.dst if e.src == node else e.src for e in mine}))
            frauds, legits = (sum(e.label is value for e in mine) for value in (True, False))
            found[f"{name}_frauds"], found[f"{name}_legits"] = math.log1p(frauds), math.log1p(legits)
            found[f"{name}_fraud_share"] = frauds / (frauds + legits + 2)
            if ages:
                found[f"{name}_since_last"] = math.log1p(min(ages) / 1000)
                found[f"{name}_mean"] = math.log1p(sum(map(amount_of, mine)) / len(mine))
    pair = [e for e in subgraph.edges if (e.relation, e.src, e.dst) == (asked.relation, asked.src, asked.dst)]
    found["pair_count"] = math.log1p(len(pair))
    found["pair_frauds"] = math.log1p(sum(e.label is True for e in pair))
    return found


@settings(max_examples=150, deadline=None)
@given(ROWS, st.sampled_from("abc"), st.sampled_from("abcd"), st.integers(0, 500))
def test_each_feature_is_what_its_name_says(
    rows: list[tuple[int, str, str, str, int, bool | None]], src: str, dst: str, amount: int
) -> None:
    """Windows with their edges, both directions, loops, labels, an end that nobody knows."""
    mirror, asked = bank(rows), event(src, dst, amount)
    found = history(Sampler(mirror, SCHEMA).columns([asked], LOOK_BACK))[0]
    for name, value in slow(mirror.subgraphs([asked], LOOK_BACK)[0]).items():
        assert found[NAMES.index(name)] == pytest.approx(value, abs=1e-4), name


def test_events_of_one_batch_do_not_meet() -> None:
    """A batch says of each event what it says of it alone."""
    rows = [(n * HOUR_MS, "abc"[n % 3], "abc"[n % 2], "PAID", n, n % 2 == 0) for n in range(1, 20)]
    sampler, asked = Sampler(bank(rows), SCHEMA), [event("a", "b", 5), event("b", "a", 7), event("c", "c", 1)]
    alone = np.concatenate([history(sampler.columns([one], LOOK_BACK)) for one in asked])
    assert np.array_equal(history(sampler.columns(asked, LOOK_BACK)), alone)


def test_without_a_past_everything_is_finite() -> None:
    """The first event there ever was."""
    found = history(Sampler(Mirror(), SCHEMA).columns([event("a", "b", 5)], LOOK_BACK))
    assert found.shape == (1, len(NAMES)) and np.isfinite(found).all()
