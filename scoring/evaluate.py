"""What trained models, or a model folder, say of a test set, beside the rules and the baselines."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from scoring import registry
from scoring.baseline import Boosted
from scoring.columns import Floats
from scoring.dataset import Dataset, Flags, flags
from scoring.experiment import BAR, CONTROL
from scoring.experiment import OURS as COMMON_OURS
from scoring.experiment import TITLES as COMMON
from scoring.hybrid import HybridTrees
from scoring.one_run import Run
from scoring.outcome import Outcome
from scoring.schema import FeatureSchema
from scoring.train import read


def _called(name: str) -> str:
    return "rgcn" if name == "network" else name


TITLES = {"rules": "rules", **{_called(name): title for name, title in COMMON.items()}, "rgcn": "R-GCN"}
MODELS = tuple(TITLES)
OURS = tuple(map(_called, COMMON_OURS))


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
    rows, network = read([run.network for run in runs], test.data, schema)
    found = [run.said(rows, logit) for run, logit in zip(runs, network, strict=True)]
    said = {"rules": test.data.rules[None, :]}
    said |= {_called(name): np.stack([each[name] for each in found]) for name in COMMON}
    notes = {"Seeds": f"training seeds {', '.join(str(run.seed) for run in runs)}."}
    return _outcome(test, flags(test.data.ids, test.truth), said, notes)


def folder_outcome(folder: Path, test: Holdout) -> Outcome:
    """A model folder as it ships: its network and its baseline, beside the rules.

    Raises:
        ModelRefused: the folder is not what its manifest says.
        ValueError: the test set was thinned.
        OutcomeError: it holds one class only.
    """
    loaded = registry.load(folder)
    manifest, text = loaded.manifest, loaded.baseline
    rows, logit = read([loaded.network], test.data, manifest.features)
    said = {"rules": test.data.rules[None, :]}
    if text is not None:
        found = Boosted.parse(text).logit(rows.graph)
        said["lightgbm_graph"] = manifest.baseline_calibration.probability(found)[None, :]
    if loaded.trees is None:
        said["rgcn"] = manifest.calibration.probability(logit)
    else:
        whole = HybridTrees(manifest, loaded.trees, text).blend(rows, logit[0])
        said["hybrid"] = manifest.calibration.probability(whole)[None, :]
    notes = {"Seeds": f"the shipped model alone, training seed {manifest.seed}."}
    return _outcome(test, flags(test.data.ids, test.truth), said, notes)


def _outcome(test: Holdout, target: Flags, said: dict[str, Floats], notes: dict[str, str]) -> Outcome:
    if (test.data.weight != 1).any():
        raise ValueError(f"test set {test.name}: thinned events; evaluate on all of them")
    kinds = np.array([test.kinds.get(str(name), "") for name in test.data.ids], np.str_) if test.kinds else None
    ours, bars = (tuple(name for name in names if name in said) for names in (OURS, (BAR,)))
    return Outcome(
        test.name, test.data.ids, test.data.time_ms, target, said, TITLES,
        ours=ours, notes=notes, bars=bars, kinds=kinds, control=CONTROL if set(CONTROL) <= said.keys() else (),
    )  # fmt: skip
