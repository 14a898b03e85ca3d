"""Train network, hybrid and baselines on the same events, several seeds each, and ship one as a folder."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import torch

from graph.model import Caps
from scoring import registry
from scoring.baseline import Matrix
from scoring.blend import Blend
from scoring.cells import past_names
from scoring.columns import Floats
from scoring.core.backend import CPU, Backend
from scoring.core.conv import Layout, RelationalConv
from scoring.core.network import EventNetwork
from scoring.dataset import Dataset, Flags, flags, merge
from scoring.folds import ExperimentSettings, slice_from
from scoring.one_run import READS_ALL, READS_NETWORK, Run, runs_of
from scoring.prepared import blocks
from scoring.reference import Reference
from scoring.registry import DataRange, Manifest, Probe, Thresholds
from scoring.rows import Rows, batch_of, names_of, put_together, rows_of
from scoring.schema import FeatureSchema
from scoring.telling import NOBODY, Told

Kind = Literal["hybrid", "network"]


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """How models are trained.

    Attributes:
        recipe: seeds, caps, epochs and all else of the models.
        alert_fpr, attach_fpr: false positive rates on the calibration slice that the thresholds stand for.
    """

    recipe: ExperimentSettings = field(default_factory=ExperimentSettings)
    alert_fpr: float = 0.002
    attach_fpr: float = 0.023


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What there is to learn from.

    Attributes:
        train, calibrate: events of two slices, the second later; neither reaches the test range.
        reported: ids of the events that stood reported as fraud at the cut.
    """

    schema: FeatureSchema
    caps: Caps
    train: Dataset
    calibrate: Dataset
    reported: Collection[str]


def train(settings: TrainSettings, data: TrainingData, told: Told = NOBODY) -> list[Run]:
    """Train every seed."""
    parts = (data.train, data.calibrate)
    target = np.concatenate([flags(part.ids, data.reported) for part in parts])
    both, before = merge(parts), len(data.train)
    told.say(f"{before} events to train on, {target[:before].sum()} reported; {target[before:].sum()} to calibrate on")
    learn = slice_from(data.schema, [(both.columns, both.past)], (target, both.weight), before)
    return runs_of(settings.recipe, data.schema, learn, told)


def read(
    networks: Sequence[EventNetwork], data: Dataset, schema: FeatureSchema, backend: Backend = CPU
) -> tuple[Rows, Floats]:
    """Rows of events, and what each network says of them [S, B], features at full precision.

    Raises:
        BackendMissing: the backend's device is not there.
    """
    out, rows = np.empty((len(networks), len(data))), list[Rows]()
    far = networks[0].architecture.event - len(schema.event)  # a model made before there was a past reads none
    past = data.past[:, :far] if far in (0, data.past.shape[1]) else data.past
    topology = any(network.architecture.whole for network in networks)
    placed = [backend.place(network) for network in networks]
    for index, features in blocks(data.columns, schema):
        rows.append(rows_of(schema, features, past[index]))
        batch = batch_of(features, past[index], topology)
        for place, network in enumerate(placed):
            out[place, index] = backend.logits(network, batch).numpy()
    return put_together(rows), out


def thresholds(alert_fpr: float, attach_fpr: float, probability: Floats, negative: Flags, weight: Floats) -> Thresholds:
    """Probabilities above which the given shares of the negatives lie."""
    order = np.argsort(-probability[negative])
    share = np.cumsum(weight[negative][order]) / weight[negative].sum()
    ranked = probability[negative][order]
    alert, attach = (
        float(np.clip(ranked[min(int(np.searchsorted(share, rate)), len(ranked) - 1)], 1e-6, 1 - 1e-6))
        for rate in (alert_fpr, attach_fpr)
    )
    return Thresholds(alert, min(attach, alert))


@dataclass(frozen=True, slots=True)
class Card:
    """What the manifest says beside the figures."""

    name: str
    mapping: str
    source: str
    command: str
    data_seeds: tuple[int, ...]
    labels_by_ms: int
    metrics: dict[str, float]


@dataclass(frozen=True, slots=True)
class Release:
    """What the manifest says of a run that is shipped; see `Manifest`."""

    kind: Kind
    name: str
    mapping: str
    command: str
    schema: FeatureSchema
    caps: Caps
    data: DataRange
    seeds: dict[str, list[int]]
    alert_fpr: float
    attach_fpr: float
    metrics: dict[str, float]


def best(runs: Sequence[Run], kind: Kind) -> Run:
    """The run to ship: best on the calibration slice, with the labels as reported."""
    return max(runs, key=lambda run: (run.pr_auc[kind], -run.seed))


def ship(folder: Path, settings: TrainSettings, data: TrainingData, runs: Sequence[Run], card: Card) -> Path:
    """Write the best run as a model folder, a hybrid, and return the folder."""
    watch = data.calibrate
    release = Release(
        "hybrid", card.name, card.mapping, card.command, data.schema, data.caps, _range(card, data),
        {"data": list(card.data_seeds), "training": [run.seed for run in runs]}, settings.alert_fpr,
        settings.attach_fpr, card.metrics,
    )  # fmt: skip
    write(folder, best(runs, release.kind), release, ~flags(watch.ids, data.reported), watch.weight)
    return folder


def write(
    folder: Path, run: Run, release: Release, negative: Flags, weight: Floats, rows: Matrix | None = None
) -> Manifest:
    """Write a run as a model folder.

    Args:
        folder: to write.
        run: what was trained.
        release: what the manifest says of it.
        negative: [B] which events of the calibration slice are no fraud.
        weight: [B] how many events each of them stands for.
        rows: [B, C] of them, for what comes later to be compared with; None: the model brings no reference.

    Raises:
        ModelRefused: the manifest says what can't be; nothing was written.
    """
    trees, baseline = run.trees[READS_NETWORK].trees, run.trees[READS_ALL]
    whole = release.kind == "hybrid"
    features = msgspec.structs.replace(release.schema, past=past_names(release.schema))
    manifest = Manifest(
        format=registry.FORMAT,
        name=release.name,
        version="",
        features=features,
        schema_hash=features.hash,
        mapping=release.mapping,
        caps=release.caps,
        sizes=run.network.architecture,
        calibration=run.calibrations[release.kind],
        baseline_calibration=baseline.calibration,
        thresholds=thresholds(release.alert_fpr, release.attach_fpr, run.newest[release.kind], negative, weight),
        data=release.data,
        seed=run.seed,
        seeds=release.seeds,
        command=release.command,
        metrics=release.metrics,
        parity=parity(run.network),
        probe=Probe(0, ()),
        files={},
        kind=release.kind,
        blend=run.blend if whole else Blend(),
    )
    reference = None
    if rows is not None:
        reference = Reference.of(names_of(features), rows, run.newest[release.kind], weight)
    texts = baseline.trees.text(), trees.text() if whole else None
    return registry.save(folder, manifest, run.network, *texts, reference)


def _range(card: Card, data: TrainingData) -> DataRange:
    first_ms, last_ms = int(data.train.time_ms.min()), int(data.calibrate.time_ms.max())
    events, positives = round(float(data.train.weight.sum())), int(flags(data.train.ids, data.reported).sum())
    return DataRange(card.source, first_ms, last_ms + 1, card.labels_by_ms, events, positives)


def parity(network: EventNetwork, graphs: int = 8) -> float:
    """Largest difference of a logit between the two layouts of the convolution, on made-up graphs."""
    convs = [layer for layer in network.modules() if isinstance(layer, RelationalConv)]
    said: dict[Layout, list[torch.Tensor]] = {"dense": [], "compact": []}
    for layout, logits in said.items():
        for conv in convs:
            conv.layout = layout
        with torch.inference_mode():
            logits.extend(network(registry.probe_batch(network.architecture, seed)) for seed in range(graphs))
    for conv in convs:
        conv.layout = "auto"
    return float((torch.cat(said["dense"]) - torch.cat(said["compact"])).abs().max())
