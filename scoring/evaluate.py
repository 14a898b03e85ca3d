"""Compare the network with the rules and the baselines on the same test events, against the truth."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scoring import registry
from scoring.baseline import Boosted
from scoring.columns import Floats
from scoring.core.metrics import Interval, mean_interval, paired_bootstrap, summary
from scoring.dataset import Dataset, Flags
from scoring.schema import FeatureSchema
from scoring.train import Run, logits, slice_of

MODELS = ("rules", "lightgbm_row", "lightgbm_graph", "rgcn")
TITLES = {
    "rules": "rules",
    "lightgbm_row": "LightGBM, the event's own row",
    "lightgbm_graph": "LightGBM, graph counts and delayed labels",
    "rgcn": "R-GCN",
}
HIGHER = {"ece": "lower", "brier": "lower"}
BUDGET_PER_MILLE = 5  # alerts per thousand events: about as many as there is fraud


@dataclass(frozen=True, slots=True)
class Holdout:
    """Events to test on, untouched class balance, and the ids of those that really were fraud."""

    name: str
    data: Dataset
    truth: Collection[str]


@dataclass(frozen=True, slots=True)
class Result:
    """One test set: figures of every model with their interval over seeds, and the network's gain."""

    name: str
    events: int
    positives: int
    figures: dict[str, dict[str, Interval]]
    rival: str
    gain: Interval


def probabilities(runs: Sequence[Run], test: Holdout, schema: FeatureSchema) -> tuple[Flags, dict[str, Floats]]:
    """The truth [B], and what each model says in each run [S, B] (calibrated; the rules as they are)."""
    part = slice_of(test.data, schema, test.truth)
    network = logits([run.network for run in runs], test.data.columns, schema)
    said = {
        "rules": test.data.rules[None, :],
        "lightgbm_row": np.stack([r.row_calibration.probability(r.row.logit(part.rows)) for r in runs]),
        "lightgbm_graph": np.stack([r.graph_calibration.probability(r.graph.logit(part.graph)) for r in runs]),
        "rgcn": np.stack([r.calibration.probability(logit) for r, logit in zip(runs, network, strict=True)]),
    }
    return part.target, said


def evaluate(runs: Sequence[Run], tests: Sequence[Holdout], schema: FeatureSchema) -> list[Result]:
    """Figures on every test set.

    Raises:
        ValueError: a test set was thinned, so that its class balance is not the real one.
    """
    return [_evaluate(runs, test, schema) for test in tests]


def _evaluate(runs: Sequence[Run], test: Holdout, schema: FeatureSchema) -> Result:
    return compare(test, *probabilities(runs, test, schema))


def evaluate_folder(folder: Path, tests: Sequence[Holdout]) -> list[Result]:
    """A model folder as it ships: its network and its baseline, beside the rules.

    Raises:
        ModelRefused: the folder is not what its manifest says.
        ValueError: a test set was thinned.
    """
    manifest, network, text = registry.load(folder)
    results = []
    for test in tests:
        part = slice_of(test.data, manifest.features, test.truth)
        said = {"rules": test.data.rules[None, :]}
        if text is not None:
            logit = Boosted.parse(text).logit(part.graph)
            said["lightgbm_graph"] = manifest.baseline_calibration.probability(logit)[None, :]
        network_logits = logits([network], test.data.columns, manifest.features)
        said["rgcn"] = manifest.calibration.probability(network_logits)
        results.append(compare(test, part.target, said))
    return results


def compare(test: Holdout, target: Flags, said: Mapping[str, Floats]) -> Result:
    """Figures of what each model says in each run [S, B]; `rgcn` is measured against the strongest other.

    Raises:
        ValueError: the test set was thinned, so that its class balance is not the real one.
    """
    if (test.data.weight != 1).any():
        raise ValueError(f"test set {test.name}: thinned events; evaluate on all of them")
    budget = max(1, round(len(target) * BUDGET_PER_MILLE / 1000))
    figures: dict[str, dict[str, Interval]] = {}
    for model, scores in said.items():
        each = [summary(target, score, budget) for score in scores]
        figures[model] = {name: mean_interval([one[name] for one in each]) for name in each[0]}
    rival = max((model for model in said if model != "rgcn"), key=lambda model: figures[model]["pr_auc"].value)
    gain = paired_bootstrap(target, said["rgcn"], said[rival], rounds=200)
    return Result(test.name, len(target), int(target.sum()), figures, rival, gain)


def figures_of(results: Sequence[Result]) -> list[dict[str, Any]]:
    """The list under `figures` of the one JSON form: the network's, each beside the strongest baseline's."""
    out: list[dict[str, Any]] = []
    for result in results:
        for name, interval in result.figures["rgcn"].items():
            beside = result.figures[result.rival][name]
            out.append({
                "name": f"{name}@{result.name}", "value": _short(interval.value), "unit": "1",
                "better": HIGHER.get(name, "higher"), "low": _short(interval.low), "high": _short(interval.high),
                "ok": True, "beside": {"name": result.rival, "value": _short(beside.value)},
            })  # fmt: skip
        for name, value in (("pr_auc_gain_low", result.gain.low), ("pr_auc_gain_high", result.gain.high)):
            out.append({
                "name": f"{name}@{result.name}", "value": _short(value), "unit": "1", "better": "higher", "ok": True,
                "beside": {"name": result.rival, "value": _short(result.figures[result.rival]["pr_auc"].value)},
            })  # fmt: skip
    return out


def _short(value: float) -> float:
    return round(value, 5)


def table(results: Sequence[Result], columns: Sequence[str] | None = None) -> str:
    """Markdown: a table per test set, mean over seeds and half the width of its 95 % interval."""
    lines = []
    for result in results:
        names = list(columns or result.figures["rgcn"])
        share = result.positives / max(result.events, 1)
        lines += [f"### {result.name}: {result.events:,} events, {result.positives} of them fraud ({share:.2%})", ""]
        lines += ["| model | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
        for model in result.figures:
            cells = [_cell(result.figures[model][name]) for name in names]
            lines.append(f"| {TITLES[model]} | " + " | ".join(cells) + " |")
        gain = result.gain
        lines += [
            "",
            f"PR-AUC of the R-GCN less that of {TITLES[result.rival]}: {gain.value:+.3f} "
            f"(95 % of the resamples between {gain.low:+.3f} and {gain.high:+.3f}).",
            "",
        ]
    return "\n".join(lines)


def _cell(interval: Interval) -> str:
    half = (interval.high - interval.low) / 2
    return f"{interval.value:.3f}" if half == 0 else f"{interval.value:.3f} ± {half:.3f}"


def headline(results: Sequence[Result]) -> Mapping[str, float]:
    """The few figures a manifest keeps."""
    wanted = ("pr_auc", "roc_auc", "recall_at_fpr_0.023", "ece")
    return {
        f"{model}.{name}@{result.name}": _short(result.figures[model][name].value)
        for result in results
        for model in result.figures
        for name in wanted
    }
