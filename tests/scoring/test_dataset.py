"""Training sets: delayed labels, a split in time, and no look into the future."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import numpy as np
import pytest
import torch

from graph.mirror import Mirror
from graph.model import Caps, EdgeUpsert, Event, Gone, LabelUpsert, NodeUpsert, Subgraph, Upsert
from scoring.columns import Reader
from scoring.core.network import EventNetwork
from scoring.dataset import Collector, Cuts, LabelBook, flags, merge, thinned
from scoring.engine import Engine
from scoring.features import features_of
from scoring.prepared import Prepared
from scoring.registry import Manifest
from scoring.schema import FeatureSchema

DAY_MS = 86_400_000
EVENT = "transfers:1:transfer"


def label(pos: int, known_ms: int, fraud: bool, owner: str = "reports:1:report", event: str = EVENT) -> LabelUpsert:
    """A version of a report."""
    return LabelUpsert(owner, f"bank/{pos}", known_ms, event, fraud)


BOOKS: dict[str, tuple[list[Upsert], dict[int, bool]]] = {
    "nothing reported": ([], {99: False}),
    "a report counts from the moment it is known": ([label(1, 10, True)], {9: False, 10: True, 99: True}),
    "a report that says no": ([label(1, 10, False)], {99: False}),
    "turned round later": ([label(1, 10, True), label(2, 20, False)], {15: True, 20: False}),
    "taken back later": ([label(1, 10, True), Gone("reports:1:report", "bank/2", 20, None)], {15: True, 20: False}),
    "in any order": ([label(2, 20, False), label(1, 10, True)], {15: True, 20: False}),
    "the newer of two reports": (
        [label(1, 10, True), label(2, 20, False, "reports:2:report")], {15: True, 25: False},
    ),
    "other upserts are passed over": ([NodeUpsert("User", "1", "users", "bank/1", 1, {})], {99: False}),
    "an edge's deletion is no label's": ([label(1, 10, True), Gone(EVENT, "bank/2", 20, "TRANSFER")], {99: True}),
}  # fmt: skip


@pytest.mark.parametrize("case", BOOKS)
def test_what_is_known_of_an_event_depends_on_when_you_ask(case: str) -> None:
    """Delayed labels, corrections and withdrawals."""
    upserts, answers = BOOKS[case]
    book = LabelBook("b")
    for upsert in upserts:
        book.add(upsert)
    for by_ms, fraud in answers.items():
        assert (f"b/{EVENT}" in book.fraud(by_ms)) is fraud, by_ms


def test_the_split_leaves_a_gap_before_the_test() -> None:
    """Every moment belongs to one part at most; the gap to none."""
    cuts = Cuts(10, 20, 30, 40, 50)
    parts = [cuts.part(time_ms) for time_ms in (9, 10, 19, 20, 29, 30, 39, 40, 49, 50)]
    assert parts == [None, "train", "train", "calibrate", "calibrate", None, None, "test", "test", None]
    assert cuts.index(np.array([9, 10, 35, 40]), "test").tolist() == [3]


def test_thinning_goes_by_the_id_and_keeps_about_its_share() -> None:
    """The same events in every run."""
    kept = [thinned(f"transfers:{n}:transfer", 4) for n in range(4_000)]
    assert kept == [thinned(f"transfers:{n}:transfer", 4) for n in range(4_000)]
    assert 850 < sum(kept) < 1150


def test_events_of_two_banks_stay_apart(transfer: Subgraph, schema: FeatureSchema) -> None:
    """Same ids, another source."""
    parts = []
    for source in ("x", "y"):
        collector = Collector(source, schema)
        collector.add(transfer, weight=4.0)
        parts.append(collector.dataset())
    both = merge(parts)
    assert both.ids.tolist() == [f"x/{transfer.event.id}", f"y/{transfer.event.id}"]
    assert flags(both.ids, {f"y/{transfer.event.id}"}).tolist() == [False, True]
    assert both.take(np.array([1])).ids.tolist() == [f"y/{transfer.event.id}"]
    assert both.weight.tolist() == [4.0, 4.0]


def test_prepared_batches_are_the_features_at_half_precision(
    transfer: Subgraph, schema: FeatureSchema, build: Callable[..., Subgraph]
) -> None:
    """What training sees is what serving computes."""
    collector = Collector("x", schema)
    for subgraph in (transfer, build("LOGIN", "User:x", "Device:y", []), transfer):
        collector.add(subgraph)
    data = collector.dataset()
    batch = Prepared(data.columns, schema).batch(np.array([2, 1]))
    assert len(batch) == 2
    assert batch.ends.tolist() == [[0, 1], [len(transfer.nodes), len(transfer.nodes) + 1]]
    exact = features_of([transfer], schema)
    assert np.allclose(batch.x[: len(transfer.nodes)].numpy(), exact.nodes, rtol=1e-3)
    assert np.array_equal(batch.edges.numpy(), np.stack([exact.src, exact.dst]))
    assert batch.age is not None and np.array_equal(batch.age.numpy(), exact.age)


@pytest.mark.parametrize("topology", [False, True])
def test_chunks_put_behind_one_another_are_the_whole(
    topology: bool, transfer: Subgraph, schema: FeatureSchema, build: Callable[..., Subgraph]
) -> None:
    """Batch for batch, with what stands beside the event; the columns that were only computed from are gone."""
    subgraphs = [transfer, build("LOGIN", "User:x", "Device:y", []), transfer]
    columns, beside = Reader(schema).read(subgraphs), np.arange(6.0).reshape(3, 2)
    whole = Prepared(columns, schema, topology, beside)
    first, *others = (
        Prepared(columns.take(np.array(at)), schema, topology, beside[at]).slim() for at in ([0], [1], [2])
    )
    for more in others:
        first.extend(more)
    assert len(first) == 3 and not len(first.columns.value) and first.columns.time_ms.tolist() == [
        subgraph.event.time_ms for subgraph in subgraphs
    ]  # fmt: skip
    wanted, found = (prepared.batch(np.array([2, 0, 1])) for prepared in (whole, first))
    assert (wanted.whole is not None) == topology
    for part in fields(wanted):
        mine, other = getattr(found, part.name), getattr(wanted, part.name)
        assert mine is other is None or torch.equal(mine, other), part.name


def test_what_comes_later_never_changes_a_score(
    schema: FeatureSchema, manifest: Callable[[FeatureSchema], Manifest]
) -> None:
    """Through the mirror: later edges, late rows, labels and deletions leave the event's score as it was."""
    made = manifest(schema)
    engine, mirror = Engine(made, EventNetwork(made.sizes).eval()), Mirror()

    def pay(number: int, time_ms: int, src: str, dst: str) -> EdgeUpsert:
        return EdgeUpsert(
            f"transfers:{number}:transfer", f"bank/{number:06}", time_ms, "TRANSFER", src, dst, time_ms, {"amount": 100}
        )

    before = [pay(n, n * 1000, f"Account:{n % 7}", f"Account:{n % 5}") for n in range(1, 60)]
    mirror.apply([*before, label(60, 59_500, True, event=before[50].owner)])
    edge = pay(61, 61_000, "Account:1", "Account:2")
    event = Event(edge.owner, "new", edge.pos, 61_000, "TRANSFER", edge.src, edge.dst, 61_000, edge.attributes)

    def score() -> float:
        return engine.score(mirror.subgraphs([event], Caps((16, 8))))[0].probability

    first = score()
    mirror.apply([edge])
    mirror.apply([pay(n, n * 1000, "Account:1", f"Account:{n % 5}") for n in range(62, 99)])
    mirror.apply([pay(100, 30_000, "Account:1", "Account:2")])  # happened before, committed after
    mirror.apply([label(101, 99_000, True, "reports:9:report", before[55].owner)])
    mirror.apply([Gone(before[57].owner, "bank/000102", 99_000, "TRANSFER")])
    assert score() == first
