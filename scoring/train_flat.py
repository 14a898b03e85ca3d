"""Train the model that ships on a set nobody prepared: on all that is known by now, as a model folder.

Nothing is kept back to test on: `ringwatch evaluate` on the same files says what such a model is worth.

Shapes: B events.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from scoring import registry
from scoring.core.metrics import pr_auc
from scoring.flat_set import FlatSet
from scoring.folds import ExperimentSettings, Say, slice_of
from scoring.registry import DataRange, Manifest
from scoring.split import split_now
from scoring.train import Release, Run, best, run_of, write

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
    runs = list[Run]()
    for seed in settings.seeds:
        runs.append(run_of(settings, data.schema, seed, learn, say))
        say(f"seed {seed}: PR-AUC {runs[-1].pr_auc:.3f} on the newest slice, before it was trained on")
    run = best(runs)
    said = run.newest if order.kind == "hybrid" else run.before
    times = data.time_ms[np.concatenate([train.index, newest.index])]
    events, positives = round(float(train.weight.sum() + newest.weight.sum())), int(learn.teaching.target.sum())
    release = Release(
        order.kind, order.name, order.mapping, order.command, data.schema, settings.caps,
        DataRange(data.name, int(times.min()), int(times.max()) + 1, cut_ms, events, positives),
        {"training": list(settings.seeds)}, order.alert_fpr, order.attach_fpr,
        {f"{registry.KINDS[order.kind].figures}.pr_auc@newest": pr_auc(newest.target, said)},
    )  # fmt: skip
    return write(folder, run, release, ~newest.target, newest.weight)
