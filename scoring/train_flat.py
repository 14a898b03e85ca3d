"""Train the model that ships on a set nobody prepared: on all that is known by now, as a model folder.

Nothing is kept back to test on: `ringwatch evaluate` on the same files says what such a model is worth.

Shapes: B events.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from scoring import registry
from scoring.cells import past_names
from scoring.columns import Floats
from scoring.core.calibration import Calibration, chosen, or_unchanged
from scoring.core.metrics import pr_auc
from scoring.core.network import EventNetwork
from scoring.flat_set import FlatSet
from scoring.folds import ExperimentSettings, Say, Slice, grown, networks_of, slice_of
from scoring.registry import DataRange, Manifest, Probe
from scoring.rows import with_network
from scoring.split import split_now
from scoring.train import parity, thresholds

Kind = Literal["hybrid", "network"]


@dataclass(frozen=True, slots=True)
class Order:
    """What to make: which kind, under which name, for which mapping file (its sha256), and the command that asks."""

    kind: Kind
    name: str
    mapping: str
    command: str
    alert_fpr: float = 0.002
    attach_fpr: float = 0.023


@dataclass(frozen=True, slots=True)
class Made:
    """One seed's model: `pr_auc` and `newest`, probabilities [B], are of the newest slice before it was trained on."""

    seed: int
    network: EventNetwork
    calibration: Calibration
    pr_auc: float
    newest: Floats
    baseline: str
    baseline_calibration: Calibration
    trees: str | None


def train_flat(
    folder: Path, data: FlatSet, order: Order, settings: ExperimentSettings, say: Say = lambda _: None
) -> Manifest:
    """Train each seed, and write the one that does best on the newest slice into a folder.

    Raises:
        FlatSetError: a slice has no fraud or nothing else.
        ModelRefused: the folder can't be what it has to be; nothing was written.
    """
    train, newest, cut_ms = split_now(data, settings.split)
    learn = slice_of(data, train, newest, settings.caps)
    say(f"{len(train):,} events to train on, {train.target.sum():,} reported; {newest.target.sum():,} to calibrate on")
    made = [_made(data, order.kind, settings, seed, learn, say) for seed in settings.seeds]
    best = max(made, key=lambda each: (each.pr_auc, -each.seed))
    features = msgspec.structs.replace(data.schema, past=past_names(data.schema))
    times = data.time_ms[np.concatenate([train.index, newest.index])]
    events, positives = round(float(train.weight.sum() + newest.weight.sum())), int(learn.teaching.target.sum())
    manifest = Manifest(
        format=registry.FORMAT, name=order.name, version="", features=features, schema_hash=features.hash,
        mapping=order.mapping, caps=settings.caps, sizes=best.network.architecture, calibration=best.calibration,
        baseline_calibration=best.baseline_calibration,
        thresholds=thresholds(order.alert_fpr, order.attach_fpr, best.newest, ~newest.target, newest.weight),
        data=DataRange(data.name, int(times.min()), int(times.max()) + 1, cut_ms, events, positives),
        seed=best.seed, seeds={"training": list(settings.seeds)}, command=order.command,
        metrics={f"{registry.KINDS[order.kind].figures}.pr_auc@newest": best.pr_auc}, parity=parity(best.network),
        probe=Probe(0, ()), files={}, kind=order.kind,
    )  # fmt: skip
    return registry.save(folder, manifest, best.network, best.baseline, best.trees)


def _made(data: FlatSet, kind: Kind, settings: ExperimentSettings, seed: int, learn: Slice, say: Say) -> Made:
    networks = networks_of(settings, data, seed, learn, say)
    newest, teaching = learn.newest, learn.teaching
    target, weight = teaching.target[newest], teaching.weight[newest]
    baseline = grown(settings, seed, learn, learn.rows.graph)
    said, trees = networks.before[newest], None
    if kind == "hybrid":
        both = grown(settings, seed, learn, with_network(learn.rows.graph, networks.before))
        said, trees = both.newest, both.trees.text()
    calibration, found = or_unchanged(chosen, said, target, weight), pr_auc(target, said)
    say(f"seed {seed}: PR-AUC {found:.3f} on the newest slice, before it was trained on")
    return Made(
        seed, networks.last, calibration, found, calibration.probability(said), baseline.trees.text(),
        baseline.calibration, trees,
    )  # fmt: skip
