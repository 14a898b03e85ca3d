"""What scores when the network does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from flat_payments import write

from graph.mirror import Mirror
from graph.model import Caps
from scoring import registry
from scoring.baseline import BoostSettings
from scoring.core.batch import GraphBatch
from scoring.engine import Engine
from scoring.flat_set import FlatSet, read_flat
from scoring.folds import ExperimentSettings
from scoring.online.guard import IN_A_ROW, REST_S, Guard
from scoring.rows import rows_of
from scoring.scorer import EventScorer
from scoring.train_flat import Order, material, train_flat

SMALL = ExperimentSettings((0,), Caps((8, 2)), epochs=1, boost=BoostSettings(rounds=20))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> FlatSet:
    """The small bank."""
    folder = tmp_path_factory.mktemp("bank")
    return read_flat(write(folder), folder, pytest.fail)


@pytest.fixture(scope="module")
def folder(data: FlatSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hybrid trained on it."""
    made = tmp_path_factory.mktemp("model") / "shop"
    train_flat(made, material(data, SMALL), Order("hybrid", "shop", "m" * 64, "ringwatch train"), SMALL)
    return made


class Flaky:
    """Stands for an engine's logits: gives no number for the events whose amount feature is the largest, or for all."""

    def __init__(self, engine: Engine, every: bool = False) -> None:
        self.engine, self.every, self.asked = engine, every, 0
        self.whole = engine._logits

    def __call__(self, batch: GraphBatch) -> np.ndarray:
        self.asked += 1
        found = self.whole(batch)
        if self.every:
            raise RuntimeError("out of memory")
        bad = torch.isclose(batch.event, self.largest).all(dim=1).numpy()
        return np.where(bad, np.nan, found)

    largest = torch.zeros(0)


@pytest.fixture
def guard(folder: Path) -> Guard:
    return Guard(Engine.of(registry.load(folder)), clock=lambda: 0.0)


def test_a_network_that_works_scores(guard: Guard, data: FlatSet) -> None:
    """The guard changes nothing."""
    events = data.events[-20:]
    assert EventScorer(guard, data.mirror).score(events) == EventScorer(guard.engine, data.mirror).score(events)


def test_one_event_that_breaks_the_network_falls_back_alone(guard: Guard, data: FlatSet) -> None:
    """The others of its batch have the network's score."""
    events = data.events[-20:]
    whole = EventScorer(guard, data.mirror).score(events)
    flaky = Flaky(guard.engine)
    seen = list[torch.Tensor]()
    guard.engine._logits = lambda batch: (seen.append(batch.event), flaky.whole(batch))[1]  # type: ignore[assignment]
    guard.score_events(events)
    flaky.largest = seen[0][7]
    guard.engine._logits = flaky  # type: ignore[assignment]
    scores = EventScorer(guard, data.mirror).score(events)
    assert [score.remarks for score in scores] == [("fallback",) if n == 7 else () for n in range(20)]
    for n, (score, before) in enumerate(zip(scores, whole, strict=True)):
        if n != 7:
            assert score.probability == pytest.approx(before.probability, abs=1e-6)
        assert 0 <= score.probability <= 1


def test_the_trees_alone_are_calibrated_as_the_manifest_says(guard: Guard, data: FlatSet) -> None:
    """Their own calibration, not the blend's."""
    events = data.events[-20:]
    EventScorer(guard, data.mirror)
    guard.drifted = True
    scores = EventScorer(guard, data.mirror).score(events)
    assert {score.remarks for score in scores} == {("fallback",)}
    engine = guard.engine
    assert engine._sampler is not None and engine._baseline is not None
    features, past, _ = engine._computed(*engine._sampler.read(events, engine.caps))
    logit = engine._baseline.logit(rows_of(engine.manifest.features, features, past).graph)
    wanted = engine.manifest.baseline_calibration.probability(logit)
    assert [score.probability for score in scores] == pytest.approx(wanted.tolist())


def test_a_network_that_fails_again_and_again_is_left_alone_for_a_while(folder: Path, data: FlatSet) -> None:
    """Then it is tried again, and scores once it works."""
    now = [0.0]
    guard = Guard(Engine.of(registry.load(folder)), clock=lambda: now[0])
    scorer, events = EventScorer(guard, data.mirror), data.events[-IN_A_ROW:]
    flaky = Flaky(guard.engine, every=True)
    guard.engine._logits = flaky  # type: ignore[assignment]
    scorer.score(events)
    assert guard.fallen_back and guard.failures == IN_A_ROW
    asked = flaky.asked
    assert {score.remarks for score in scorer.score(events)} == {("fallback",)} and flaky.asked == asked
    now[0] += REST_S
    guard.engine._logits = flaky.whole  # type: ignore[assignment]
    assert {score.remarks for score in scorer.score(events)} == {()}


def test_behind_the_trees_the_rules_score(folder: Path, data: FlatSet) -> None:
    """With the rules' own threshold: what they say is no calibrated probability."""
    loaded = registry.load(folder)
    guard = Guard(Engine.of(loaded), clock=lambda: 0.0)
    scorer = EventScorer(guard, data.mirror)
    guard.engine._logits = Flaky(guard.engine, every=True)  # type: ignore[assignment]
    guard.engine._baseline = None
    scores = scorer.score(data.events[-3:])
    assert {score.remarks for score in scores} == {("rules",)}
    assert {score.threshold for score in scores} == {0.6}


def test_through_subgraphs_it_is_the_same(guard: Guard, data: FlatSet) -> None:
    """Where the mirror can't be read by arrays, for a row that waits."""
    events = data.events[-5:]
    EventScorer(guard, data.mirror)
    guard.drifted = True
    by_arrays = guard.score_events(events)
    by_subgraphs = guard.score(data.mirror.subgraphs(events, guard.caps))
    assert by_arrays is not None
    assert [one.probability for one in by_arrays] == pytest.approx([one.probability for one in by_subgraphs], abs=1e-6)


def test_evidence_that_cannot_be_had_is_the_rules(guard: Guard, data: FlatSet) -> None:
    """An explanation that fails keeps no alert from anybody."""
    EventScorer(guard, data.mirror)

    def broken(*_: object) -> None:
        raise RuntimeError("no gradient")

    guard.engine.explain = broken  # type: ignore[method-assign, assignment]
    scores = EventScorer(guard, data.mirror, threshold=1e-9).score(data.events[-3:])
    assert all(score.subgraph is not None for score in scores)


def test_no_mirror_is_needed_for_subgraphs(guard: Guard) -> None:
    assert guard.score([]) == [] and Mirror().subgraphs([], guard.caps) == []
