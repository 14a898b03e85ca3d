"""A model trained on a set nobody prepared, as a folder that scores."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from flat_payments import write

from graph.model import Caps, Event, Incomplete
from scoring import registry
from scoring.baseline import Boosted, BoostSettings
from scoring.core.backend import CPU
from scoring.engine import Engine
from scoring.flat_set import FlatSet, FlatSetError, read_flat
from scoring.folds import ExperimentSettings, batch_of_few
from scoring.inputs import stream
from scoring.manifest import TREES, WEIGHTS, ModelRefused
from scoring.rows import batch_of, names_of, rows_of
from scoring.scorer import EventScorer
from scoring.train_flat import Order, material, train_flat

SMALL = ExperimentSettings((0, 1), Caps((8, 2)), epochs=2, boost=BoostSettings(rounds=40))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> FlatSet:
    """The small bank."""
    folder = tmp_path_factory.mktemp("bank")
    return read_flat(write(folder), folder, pytest.fail)


@pytest.fixture(scope="module")
def hybrid(data: FlatSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hybrid trained on it."""
    folder = tmp_path_factory.mktemp("model") / "shop"
    train_flat(folder, material(data, SMALL), Order("hybrid", "shop", "m" * 64, "ringwatch train"), SMALL)
    return folder


def test_a_hybrid_scores_live_what_it_scores_in_training(data: FlatSet, hybrid: Path) -> None:
    """The engine, through subgraphs and the mirror, beside the path that training reads by."""
    loaded = registry.load(hybrid)
    manifest, trees, baseline = loaded.manifest, Boosted.parse(loaded.trees or ""), Boosted.parse(loaded.baseline or "")
    index = np.arange(len(data) - 60, len(data))
    _, features, past = next(stream(data, index, manifest.caps))
    logit = CPU.logits(loaded.network, batch_of(features, past)).double().numpy()
    rows = rows_of(data.schema, features, past)
    members = logit, baseline.logit(rows.graph), trees.logit(rows.with_network(logit))
    wanted = manifest.calibration.probability(manifest.blend.logit(*members))
    scores = EventScorer(Engine.of(loaded), data.mirror).score([data.events[at] for at in index])
    assert np.allclose([score.probability for score in scores], wanted, atol=1e-5)
    assert len(set(wanted)) > 10


def test_a_score_needs_no_subgraph_until_somebody_looks(
    data: FlatSet, hybrid: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Straight from the arrays it is what the subgraphs say; the events that are shown have theirs."""
    engine, events = Engine.load(hybrid), data.events[-60:]
    scorer = EventScorer(engine, data.mirror, near=True)
    subgraphs = data.mirror.subgraphs(events, engine.caps)
    wanted = [scored.probability for scored in engine.score(subgraphs)]
    asked: list[Event] = []
    read = data.mirror.subgraphs
    monkeypatch.setattr(data.mirror, "subgraphs", lambda events, caps: asked.extend(events) or read(events, caps))
    scores = scorer.score(events)
    assert [score.probability for score in scores] == pytest.approx(wanted, abs=1e-6)
    shown = [score.event for score in scores if score.probability >= engine.thresholds.attach]
    assert asked == shown and 0 < len(shown) < 60
    assert [score.subgraph for score in scores] == [
        subgraph if subgraph.event in shown else None for subgraph in subgraphs
    ]


def test_where_a_row_waits_for_its_record_subgraphs_are_read(data: FlatSet, hybrid: Path) -> None:
    """To see which events it is around; the score is the same."""
    scorer, events = EventScorer(Engine.load(hybrid), data.mirror), data.events[-60:]
    before = scorer.score(events)
    row = events[-1].id.rpartition(":")[0]
    data.mirror.apply([Incomplete(row, 1, True)])
    after = scorer.score(events)
    data.mirror.apply([Incomplete(row, 2, False)])
    assert [score.incomplete for score in before] == [False] * 60
    assert after[-1].incomplete
    assert [s.probability for s in after] == pytest.approx([s.probability for s in before], abs=1e-6)


def test_what_trees_found_is_said_by_name(data: FlatSet, hybrid: Path) -> None:
    """Features and edges, and together with the mean they are the score."""
    engine = Engine.load(hybrid)
    engine.read_from(data.mirror)
    subgraphs = data.mirror.subgraphs(data.events[-40:], engine.caps)
    explained = engine.explain(subgraphs, top=1_000)
    names = set(names_of(engine.manifest.features))
    assert all(part.name in names for parts in explained for part in parts if part.kind == "feature")
    assert any(part.kind == "edge" for parts in explained for part in parts)
    slope, bias = engine.manifest.calibration.slope, engine.manifest.calibration.bias
    if not engine.manifest.calibration.knots:
        odds = [np.log(s.probability / (1 - s.probability)) - bias for s in engine.score(subgraphs)]
        sums = [sum(part.value for part in parts if part.kind == "feature") for parts in explained]
        assert np.std(np.array(odds) - sums) < 0.01 * max(1.0, slope)


def test_a_network_alone_ships_too(data: FlatSet, tmp_path: Path) -> None:
    """Without trees, with the same long look back."""
    train_flat(tmp_path / "n", material(data, SMALL), Order("network", "net", "m" * 64, "ringwatch train"), SMALL)
    loaded = registry.load(tmp_path / "n")
    assert loaded.trees is None and loaded.manifest.kind == "network" and loaded.manifest.features.past
    scores = EventScorer(Engine.of(loaded), data.mirror).score(data.events[-5:])
    assert len({score.probability for score in scores}) > 1


def test_a_hybrid_is_named_after_both_its_parts(hybrid: Path, tmp_path: Path) -> None:
    """Other trees under the same weights are another version."""
    loaded = registry.load(hybrid)
    assert loaded.trees is not None and set(loaded.manifest.files) >= {WEIGHTS, TREES}
    other = registry.save(tmp_path / "other", loaded.manifest, loaded.network, loaded.baseline, loaded.trees + " ")
    assert other.version != loaded.manifest.version


def test_trees_of_other_columns_are_refused(hybrid: Path, tmp_path: Path) -> None:
    """As many columns as the features make, or none of it."""
    loaded = registry.load(hybrid)
    registry.save(tmp_path / "other", loaded.manifest, loaded.network, loaded.baseline, loaded.baseline)
    with pytest.raises(ModelRefused, match=r"trees\.txt read"):
        Engine.load(tmp_path / "other")
    registry.save(tmp_path / "third", loaded.manifest, loaded.network, loaded.trees, loaded.trees)
    with pytest.raises(ModelRefused, match=r"baseline\.txt read"):
        Engine.load(tmp_path / "third")


def test_a_blend_without_one_of_its_members_is_refused(hybrid: Path, tmp_path: Path) -> None:
    """Half a hybrid would say something else."""
    loaded = registry.load(hybrid)
    with pytest.raises(ModelRefused, match=r"lists no baseline\.txt"):
        registry.save(tmp_path / "other", loaded.manifest, loaded.network, None, loaded.trees)


def test_a_hybrid_without_a_past_is_refused(hybrid: Path, tmp_path: Path) -> None:
    """Its trees could read nothing."""
    loaded = registry.load(hybrid)
    bare = msgspec.structs.replace(loaded.manifest.features, past=())
    manifest = msgspec.structs.replace(loaded.manifest, features=bare, schema_hash=bare.hash)
    with pytest.raises(ModelRefused):
        registry.save(tmp_path / "other", manifest, loaded.network, None, loaded.trees)


def test_a_model_with_a_past_says_where_it_lacks_one(data: FlatSet, hybrid: Path) -> None:
    """Subgraphs alone are not enough for it."""
    engine = Engine.load(hybrid)
    with pytest.raises(RuntimeError, match="read_from"):
        engine.score(data.mirror.subgraphs(data.events[-2:], engine.caps))


def test_a_set_without_fraud_in_its_newest_slice_is_refused(tmp_path: Path) -> None:
    """Nothing could be calibrated."""
    mapping = write(tmp_path)
    rows = (tmp_path / "payments.csv").read_text().splitlines()
    kept = [rows[0], *rows[1:1000], *(row[:-1] + "0" for row in rows[1000:])]
    (tmp_path / "payments.csv").write_text("\n".join(kept) + "\n")
    with pytest.raises(FlatSetError, match="calibrate"):
        material(read_flat(mapping, tmp_path, pytest.fail), SMALL)


@pytest.mark.parametrize(("events", "size"), [(100, 32), (10_000, 50), (1_000_000, 256)])
def test_few_events_are_dealt_in_small_batches(events: int, size: int) -> None:
    """800 steps at the least where that can be, never fewer than 32 events in one."""
    assert batch_of_few(ExperimentSettings(), events) == size
