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
from scoring.folds import ExperimentSettings, Slice, slice_of
from scoring.one_run import runs_of
from scoring.registry import DataRange, Manifest
from scoring.schema import FeatureSchema
from scoring.split import Part, split_now
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


@dataclass(frozen=True, slots=True)
class Material:
    """All of a set that training needs: the set itself, several times as large, may go.

    Attributes:
        schema: of the features.
        learn: the events to learn from.
        newest: of those the part that calibrates.
        data: their range, for the manifest.
    """

    schema: FeatureSchema
    learn: Slice
    newest: Part
    data: DataRange


def material(data: FlatSet, settings: ExperimentSettings, told: Told = NOBODY) -> Material:
    """Sample what is trained on.

    Raises:
        FlatSetError: a slice has no fraud or nothing else.
    """
    train, newest, cut_ms = split_now(data, settings.split)
    told.at("sampling what is trained on", 0.0)
    learn = slice_of(data, train, newest, settings.caps)
    reported, watched = train.target.sum(), newest.target.sum()
    told.say(f"{len(train):,} events to train on, {reported:,} reported; {watched:,} to calibrate on")
    times = data.time_ms[np.concatenate([train.index, newest.index])]
    events, positives = round(float(train.weight.sum() + newest.weight.sum())), int(learn.teaching.target.sum())
    found = DataRange(data.name, int(times.min()), int(times.max()) + 1, cut_ms, events, positives)
    return Material(data.schema, learn, newest, found)


def train_flat(
    folder: Path, given: Material, order: Order, settings: ExperimentSettings, told: Told = NOBODY
) -> Manifest:
    """Train each seed, and write the one that does best on the newest slice into a folder.

    Raises:
        ModelRefused: the folder can't be what it has to be; nothing was written.
    """
    run = best(runs_of(settings, given.schema, given.learn, told, compared=False), order.kind)
    release = Release(
        order.kind, order.name, order.mapping, order.command, given.schema, settings.caps, given.data,
        {"training": list(settings.seeds)}, order.alert_fpr, order.attach_fpr,
        {f"{registry.KINDS[order.kind].figures}.pr_auc@newest": run.pr_auc[order.kind]},
    )  # fmt: skip
    rows = given.learn.rows.graph[given.learn.newest]
    return write(folder, run, release, ~given.newest.target, given.newest.weight, rows)
