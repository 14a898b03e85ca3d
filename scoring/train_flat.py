"""Train the model that ships on a set nobody prepared: on all that is known by now, as a model folder.

Nothing is kept back to test on: `ringwatch evaluate` on the same files says what such a model is worth.

Shapes: B events.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scoring import registry
from scoring.flat_set import FlatSet
from scoring.folds import ExperimentSettings, slice_of
from scoring.one_run import runs_of
from scoring.registry import DataRange, Manifest
from scoring.split import split_now
from scoring.telling import NOBODY, Told
from scoring.train import Kind, Release, best, write


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
    folder: Path, data: FlatSet, order: Order, settings: ExperimentSettings, told: Told = NOBODY
) -> Manifest:
    """Train each seed, and write the one that does best on the newest slice into a folder.

    Raises:
        FlatSetError: a slice has no fraud or nothing else.
        ModelRefused: the folder can't be what it has to be; nothing was written.
    """
    train, newest, cut_ms = split_now(data, settings.split)
    told.at("sampling what is trained on", 0.0)
    learn = slice_of(data, train, newest, settings.caps)
    reported, watched = train.target.sum(), newest.target.sum()
    told.say(f"{len(train):,} events to train on, {reported:,} reported; {watched:,} to calibrate on")
    run = best(runs_of(settings, data.schema, learn, told, compared=False), order.kind)
    times = data.time_ms[np.concatenate([train.index, newest.index])]
    events, positives = round(float(train.weight.sum() + newest.weight.sum())), int(learn.teaching.target.sum())
    release = Release(
        order.kind, order.name, order.mapping, order.command, data.schema, settings.caps,
        DataRange(data.name, int(times.min()), int(times.max()) + 1, cut_ms, events, positives),
        {"training": list(settings.seeds)}, order.alert_fpr, order.attach_fpr,
        {f"{registry.KINDS[order.kind].figures}.pr_auc@newest": run.pr_auc[order.kind]},
    )  # fmt: skip
    return write(folder, run, release, ~newest.target, newest.weight)
