"""What trained models, or a model folder, say of a test set, beside the rules and the baselines."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from scoring import registry
from scoring.baseline import Boosted
from scoring.columns import Floats
from scoring.dataset import Dataset, Flags
from scoring.outcome import Outcome
from scoring.schema import FeatureSchema
from scoring.train import Run, logits, slice_of

MODELS = ("rules", "lightgbm_row", "lightgbm_graph", "rgcn")
OURS = ("rgcn",)
TITLES = {
    "rules": "rules",
    "lightgbm_row": "LightGBM, the event's own row",
    "lightgbm_graph": "LightGBM, graph counts and delayed labels",
    "rgcn": "R-GCN",
}


@dataclass(frozen=True, slots=True)
class Holdout:
    """Events to test on, untouched class balance, the ids of those that were fraud, and of what kind if known."""

    name: str
    data: Dataset
    truth: Collection[str]
    kinds: Mapping[str, str] = field(default_factory=dict)


def outcome(runs: Sequence[Run], test: Holdout, schema: FeatureSchema) -> Outcome:
    """What each model says in each run (calibrated; the rules as they are).

    Raises:
        ValueError: the test set was thinned, so that its class balance is not the real one.
        OutcomeError: it holds one class only.
    """
    part = slice_of(test.data, schema, test.truth)
    network = logits([run.network for run in runs], test.data.columns, schema)
    said = {
        "rules": test.data.rules[None, :],
        "lightgbm_row": np.stack([r.row_calibration.probability(r.row.logit(part.rows)) for r in runs]),
        "lightgbm_graph": np.stack([r.graph_calibration.probability(r.graph.logit(part.graph)) for r in runs]),
        "rgcn": np.stack([r.calibration.probability(logit) for r, logit in zip(runs, network, strict=True)]),
    }
    return _outcome(test, part.target, said, {"Seeds": f"training seeds {', '.join(str(r.seed) for r in runs)}."})


def folder_outcome(folder: Path, test: Holdout) -> Outcome:
    """A model folder as it ships: its network and its baseline, beside the rules.

    Raises:
        ModelRefused: the folder is not what its manifest says.
        ValueError: the test set was thinned.
        OutcomeError: it holds one class only.
    """
    manifest, network, text, _ = registry.load(folder)
    part = slice_of(test.data, manifest.features, test.truth)
    said = {"rules": test.data.rules[None, :]}
    if text is not None:
        logit = Boosted.parse(text).logit(part.graph)
        said["lightgbm_graph"] = manifest.baseline_calibration.probability(logit)[None, :]
    said["rgcn"] = manifest.calibration.probability(logits([network], test.data.columns, manifest.features))
    return _outcome(test, part.target, said, {"Seeds": f"the shipped model alone, training seed {manifest.seed}."})


def _outcome(test: Holdout, target: Flags, said: dict[str, Floats], notes: dict[str, str]) -> Outcome:
    if (test.data.weight != 1).any():
        raise ValueError(f"test set {test.name}: thinned events; evaluate on all of them")
    kinds = np.array([test.kinds.get(str(name), "") for name in test.data.ids], np.str_) if test.kinds else None
    return Outcome(
        test.name, test.data.ids, test.data.time_ms, target, said, TITLES, ours=OURS, notes=notes, kinds=kinds
    )  # fmt: skip
