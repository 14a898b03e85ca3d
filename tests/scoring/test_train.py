"""Training end to end on a planted pattern, and the report on it."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from graph.mirror import Mirror
from graph.model import Caps, Subgraph
from scoring import registry
from scoring.baseline import BoostSettings
from scoring.cells import Sampler
from scoring.dataset import Collector, Dataset
from scoring.engine import Engine
from scoring.evaluate import MODELS, Holdout, folder_outcome, outcome
from scoring.folds import ExperimentSettings
from scoring.measured import Measured, Settings, measure
from scoring.report import figures_of, headline, table
from scoring.schema import FeatureSchema
from scoring.train import Card, Run, TrainingData, TrainSettings, ship, thresholds, train

Build = Callable[..., Subgraph]
FEW = Settings(a_day=10, rounds=50)
SETTINGS = TrainSettings(ExperimentSettings(
    (0, 1), Caps((16, 8)), 6, 32, 1e-2, positive_weight=1.0, boost=BoostSettings(rounds=30), options={"hidden": 8}
))  # fmt: skip


def planted(build: Build, number: int) -> tuple[Subgraph, bool]:
    """Fraud is, mostly, where the account was paid by several within the hour."""
    draw = random.Random(number)
    fraud = draw.random() < 0.25
    hours = 0.5 if fraud != (draw.random() < 0.05) else 60.0
    rows = [("TRANSFER", f"Account:{n}", "Account:A", hours + n / 100, None, {"amount": 500}) for n in range(3)]
    rows += [("TRANSFER", "Account:A", f"Account:x{n}", draw.uniform(70, 900)) for n in range(draw.randrange(4))]
    subgraph = build("TRANSFER", "Account:A", "Account:B", rows, {"amount": draw.randrange(100, 900)})
    event = msgspec.structs.replace(subgraph.event, id=f"t:{number}:t", pos="")
    return msgspec.structs.replace(subgraph, event=event), fraud


def gathered(build: Build, schema: FeatureSchema, numbers: range) -> tuple[Dataset, set[str]]:
    """A dataset of planted events, and the ids of the frauds."""
    collector, positive, sampler = Collector("made", schema), set(), Sampler(Mirror(), schema)
    for number in numbers:
        subgraph, fraud = planted(build, number)
        collector.add(subgraph, past=sampler.past([subgraph.event])[0])  # nothing: no mirror was fed
        if fraud:
            positive.add(f"made/{subgraph.event.id}")
    return collector.dataset(), positive


@dataclasses.dataclass(frozen=True, slots=True)
class Trained:
    """What the tests below look at."""

    data: TrainingData
    runs: list[Run]
    test: Holdout
    result: Measured


@pytest.fixture
def trained(build: Build, schema: FeatureSchema) -> Trained:
    """Two seeds on 400 events."""
    learn, reported = gathered(build, schema, range(400))
    watch, later = gathered(build, schema, range(400, 600))
    test, truth = gathered(build, schema, range(600, 900))
    data = TrainingData(schema, Caps((16, 8)), learn, watch, reported | later)
    runs, test_set = train(SETTINGS, data), Holdout("later", test, truth)
    return Trained(data, runs, test_set, measure(outcome(runs, test_set, schema), FEW))


def test_the_whole_way_from_events_to_a_folder_that_scores(trained: Trained, tmp_path: Path, build: Build) -> None:
    """Every model is measured, the pattern is found, the folder gives back the same scores."""
    result = trained.result
    assert set(result.outcome.said) == set(MODELS)
    assert result.value("rgcn", "pr_auc") > 0.8 > result.value("lightgbm_row", "pr_auc")
    assert result.value("lightgbm_graph", "pr_auc") > 0.8
    gain = result.difference("rgcn", str(result.rival), "pr_auc")
    assert gain.low <= gain.value <= gain.high

    card = Card("made", "none", "made up", "python -m nothing", (1,), 0, headline([result]))
    folder = ship(tmp_path / "model", SETTINGS, trained.data, trained.runs, card)
    manifest, _, baseline, *_ = registry.load(folder)
    assert baseline
    assert manifest.parity < 1e-5
    assert manifest.data.events == 400
    engine = Engine.load(folder)
    engine.read_from(Mirror())
    fraud, other = (next(s for n in range(999) for s, f in [planted(build, n)] if f is want) for want in (True, False))
    assert engine.score([fraud])[0].probability > engine.score([other])[0].probability

    shipped = measure(folder_outcome(folder, trained.test), FEW)
    assert set(shipped.outcome.said) == {"rules", "lightgbm_graph", "hybrid"}
    best_run = max(trained.runs, key=lambda run: (run.pr_auc["hybrid"], -run.seed))
    same = measure(outcome([best_run], trained.test, trained.data.schema), FEW)
    assert shipped.means["hybrid"] == pytest.approx(same.means["hybrid"], abs=1e-6)
    assert shipped.value("lightgbm_graph", "pr_auc") == same.value("lightgbm_graph", "pr_auc")

    names = [figure["name"] for figure in figures_of([result])]
    said = ("pr_auc", "roc_auc", "recall_at_fpr_0.023", "ece", "pr_auc_gain_low", "pr_auc_gain_over_lightgbm_labels")
    assert {f"{name}@later/{model}" for name in said for model in ("rgcn", "hybrid")} <= {*names}
    compared = [figure for figure in figures_of([result]) if not figure["name"].startswith("control_")]
    assert all(figure["beside"]["name"] in result.rivals for figure in compared)
    assert "| R-GCN |" in table([result])


def test_kinds_of_fraud_go_with_the_test_set(trained: Trained) -> None:
    """Event by event; without them the outcome knows none."""
    assert trained.result.outcome.kinds is None
    kinds = dict.fromkeys(trained.test.truth, "ring")
    said = outcome(trained.runs, dataclasses.replace(trained.test, kinds=kinds), trained.data.schema)
    assert said.kinds is not None
    assert ((said.kinds == "ring") == said.target).all() and ((said.kinds == "") == ~said.target).all()


def test_a_thinned_test_set_is_refused(trained: Trained) -> None:
    """Precision means nothing without the real share of fraud."""
    thin = dataclasses.replace(trained.test.data, weight=np.full(len(trained.test.data), 4.0))
    with pytest.raises(ValueError, match="thinned"):
        outcome(trained.runs, Holdout("later", thin, trained.test.truth), trained.data.schema)


def test_thresholds_let_through_the_given_share_of_negatives() -> None:
    """0.2 % and 2.3 % of 100,000 even probabilities."""
    probability = np.linspace(0, 1, 100_000)
    found = thresholds(0.002, 0.023, probability, np.ones(100_000, bool), np.ones(100_000))
    assert found.alert == pytest.approx(0.998, abs=1e-3)
    assert found.attach == pytest.approx(0.977, abs=1e-3)
