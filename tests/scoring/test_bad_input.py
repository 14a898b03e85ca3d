"""What no data should hold, all the way to a score: a defined score, or an error that says what is wrong."""

from __future__ import annotations

import math
from itertools import islice
from pathlib import Path

import msgspec
import numpy as np
import pytest
from flat_payments import write

from graph.adjacency import Adjacency
from graph.adjacency_tally import COUNT
from graph.horizons import NEVER_MS
from graph.mirror import Mirror
from graph.model import Caps, EdgeUpsert, Event
from scoring import registry
from scoring.baseline import BoostSettings
from scoring.engine import Engine
from scoring.experiment import run
from scoring.flat_set import FlatSet, FlatSetError, read_flat
from scoring.folds import ExperimentSettings
from scoring.scorer import EventScorer
from scoring.tallies import LOOK_BACK
from scoring.train_flat import Order, material, train_flat

SMALL = ExperimentSettings((0,), Caps((8, 2)), epochs=1, boost=BoostSettings(rounds=20))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> FlatSet:
    """The small bank."""
    folder = tmp_path_factory.mktemp("bank")
    return read_flat(write(folder), folder, pytest.fail)


@pytest.fixture(scope="module")
def loaded(data: FlatSet, tmp_path_factory: pytest.TempPathFactory) -> registry.Loaded:
    """A hybrid trained on it."""
    folder = tmp_path_factory.mktemp("model") / "shop"
    train_flat(folder, material(data, SMALL), Order("hybrid", "shop", "m" * 64, "ringwatch train"), SMALL)
    return registry.load(folder)


def pos(n: int) -> str:
    return f"shop/0001.1.00000001.{n:016x}.000000"


def paid(n: int, **attributes: object) -> EdgeUpsert:
    return EdgeUpsert(f"pay:{n}:p", pos(n), n, "PAID", "Customer:1", "Terminal:1", n, attributes)  # type: ignore[arg-type]


def asked(**changes: object) -> Event:
    event = Event("pay:99:p", "new", pos(99), 99, "PAID", "Customer:1", "Terminal:1", 99, {"amount": 5, "kind": "web"})
    return msgspec.structs.replace(event, **changes)


def score(loaded: registry.Loaded, mirror: Mirror, event: Event) -> float:
    return EventScorer(Engine.of(loaded), mirror).score([event])[0].probability


@pytest.mark.parametrize(
    "event",
    [
        asked(),
        asked(src="Customer:none", dst="Terminal:none"),
        asked(src="Nobody:1", dst="Nobody:1"),
        asked(relation="OTHER"),
        asked(attributes={}),
        asked(attributes={"amount": math.nan, "kind": "web"}),
        asked(attributes={"amount": math.inf, "kind": ""}),
        asked(attributes={"amount": -math.inf, "kind": None}),
        asked(attributes={"amount": "many", "kind": 7}),
        asked(attributes={"amount": 10**300}),
        asked(time_ms=-5),
        asked(time_ms=2**50),
    ],
    ids=str,
)
def test_an_odd_event_has_a_score(loaded: registry.Loaded, event: Event) -> None:
    """On an empty graph, and on one of odd edges."""
    odd = (math.nan, math.inf, -math.inf, 1e308, "many", None, True)
    full = Mirror()
    full.apply([paid(n, amount=amount, kind="web") for n, amount in enumerate(odd, 1)])
    for mirror in (Mirror(), full):
        assert 0.0 <= score(loaded, mirror, event) <= 1.0


def test_a_value_nobody_saw_in_training_has_a_score(loaded: registry.Loaded, data: FlatSet) -> None:
    """A category that is new, and a customer who is."""
    last = msgspec.structs.replace(data.events[-1], src="Customer:new", attributes={"amount": 1, "kind": "phone"})
    assert 0.0 <= score(loaded, data.mirror, last) <= 1.0


def test_times_that_go_backwards_in_the_file_change_nothing(data: FlatSet, tmp_path: Path) -> None:
    """The same rows in the other order, not said to be sorted: the same events, truth and past."""
    mapping = write(tmp_path)
    rows = (tmp_path / "payments.csv").read_text().splitlines()
    (tmp_path / "payments.csv").write_text("\n".join([rows[0], *reversed(rows[1:])]) + "\n")
    text = (tmp_path / "shop.toml").read_text().replace(", sorted = true", "")
    (tmp_path / "shop.toml").write_text(text)
    other = read_flat(type(mapping).load(tmp_path / "shop.toml", b"x" * 32), tmp_path, pytest.fail)
    assert [event.time_ms for event in other.events] == [event.time_ms for event in data.events]
    assert np.array_equal(other.fraud, data.fraud)
    assert np.array_equal(other.sampler.past(other.events[-50:]), data.sampler.past(data.events[-50:]))


@pytest.mark.parametrize(("label", "said"), [("0", "no event is labelled as fraud"), ("1", "needs both kinds")])
def test_labels_of_one_class_are_refused(tmp_path: Path, label: str, said: str) -> None:
    """By reading, or by the split; nothing is trained."""
    mapping = write(tmp_path)
    rows = (tmp_path / "payments.csv").read_text().splitlines()
    (tmp_path / "payments.csv").write_text("\n".join([rows[0], *(row[:-1] + label for row in rows[1:])]) + "\n")
    with pytest.raises(FlatSetError, match=said):
        run(read_flat(mapping, tmp_path, pytest.fail), SMALL)


def test_a_hub_of_a_million_edges_is_walked_and_summed_within_its_caps() -> None:
    """Everybody pays one terminal."""
    adjacency, size = Adjacency(), 1_000_000
    edges = (EdgeUpsert(f"pay:{n}:p", pos(n), n, "PAID", f"Customer:{n % 1_000}", "Terminal:1", n, {})
             for n in range(1, size + 1))  # fmt: skip
    while batch := list(islice(edges, 2_000)):
        spots = [adjacency.logs.plain(edge.pos) for edge in batch]
        adjacency.edges.put(batch, spots, [False] * len(batch))  # type: ignore[arg-type]  # all of them are plain
    last = asked(time_ms=size + 1, pos=pos(size + 1), id="pay:0:p")
    sight = adjacency.sight([last], NEVER_MS)
    walked = sight.walk(Caps((16, 8)))
    assert 16 < len(walked.version) <= 16 + 16 + 8 * 2 * 32
    sums = sight.tally(np.zeros(size), LOOK_BACK)
    assert sums[0, 1, COUNT] == LOOK_BACK
