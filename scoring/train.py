"""Train the network and its baselines on the same events, several seeds each, and ship one as a folder."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from graph.model import Caps
from scoring import registry
from scoring.baseline import Boosted, BoostSettings, Matrix, Rows, graph_matrix, row_columns
from scoring.columns import Columns, Floats
from scoring.core.architecture import Architecture
from scoring.core.backend import CPU, Backend
from scoring.core.calibration import Calibration, calibrate, or_unchanged
from scoring.core.conv import Layout, RelationalConv
from scoring.core.fit import FitSettings, Fitted, fit, seed_everything
from scoring.core.metrics import pr_auc
from scoring.core.network import EventNetwork
from scoring.dataset import Dataset, Flags, flags
from scoring.prepared import Prepared, blocks
from scoring.registry import DataRange, Manifest, Probe, Thresholds
from scoring.schema import FeatureSchema
from scoring.teaching import Teaching


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """How models are trained.

    Attributes:
        seeds: one network and two baselines are trained with each.
        alert_fpr, attach_fpr: false positive rates on the calibration slice that the thresholds stand for.
        threads: for torch (the whole process) and LightGBM.
    """

    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    epochs: int = 4
    batch: int = 128
    hidden: int = 32
    layers: int = 2
    dropout: float = 0.1
    rate: float = 3e-3
    decay: float = 1e-2
    positive_weight: float = 4.0
    alert_fpr: float = 0.002
    attach_fpr: float = 0.023
    threads: int = 1
    boost: BoostSettings = field(default_factory=BoostSettings)


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


@dataclass(frozen=True, slots=True)
class Run:
    """Everything one seed gave. The baselines: `row` sees the event's own row, `graph` the counts and labels too."""

    seed: int
    network: EventNetwork
    calibration: Calibration
    row: Boosted
    row_calibration: Calibration
    graph: Boosted
    graph_calibration: Calibration
    pr_auc: float
    losses: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Slice:
    """A slice of events ready for every model."""

    columns: Columns
    rows: Matrix
    graph: Matrix
    target: Flags
    weight: Floats


def slice_of(data: Dataset, schema: FeatureSchema, positive: Collection[str]) -> Slice:
    """Rows for the baselines, and targets."""
    parts = [(features.event, graph_matrix(features)) for _, features in blocks(data.columns, schema)]
    rows = np.concatenate([event for event, _ in parts])[:, row_columns(schema)]
    return Slice(data.columns, rows, np.concatenate([m for _, m in parts]), flags(data.ids, positive), data.weight)


def train(settings: TrainSettings, data: TrainingData, say: Callable[[str], None] = lambda _: None) -> list[Run]:
    """Train every seed.

    Raises:
        CalibrationError: the calibration slice has no report, or the network ranks it the wrong way.
    """
    torch.set_num_threads(settings.threads)
    learn, watch = (slice_of(part, data.schema, data.reported) for part in (data.train, data.calibrate))
    say(f"{len(learn.target)} events to train on, {learn.target.sum()} reported; {watch.target.sum()} to calibrate on")
    prepared = Prepared(data.train.columns, data.schema)
    runs = []
    for seed in settings.seeds:
        run = _run(settings, data.schema, seed, prepared, (learn, watch))
        say(f"seed {seed}: PR-AUC {run.pr_auc:.3f} on the calibration slice, loss {run.losses[-1]:.4f}")
        runs.append(run)
    return runs


def _run(
    settings: TrainSettings, schema: FeatureSchema, seed: int, prepared: Prepared, slices: tuple[Slice, Slice]
) -> Run:
    learn, watch = slices
    seed_everything(seed)
    architecture = Architecture(
        len(schema.nodes), len(schema.edges), len(schema.event), len(schema.relations), settings.hidden,
        settings.layers, settings.dropout,
    )  # fmt: skip
    network = EventNetwork(architecture)
    network.fit_scaling(prepared.scaling())
    losses = _fit(settings, network, prepared, learn).losses
    logit = logits([network], watch.columns, schema)[0]
    calibration = calibrate(logit, watch.target, watch.weight)
    row, row_calibration = _boosted(settings, seed, [(s.rows, s) for s in slices])
    graph, graph_calibration = _boosted(settings, seed, [(s.graph, s) for s in slices])
    found = pr_auc(watch.target, logit)
    return Run(
        seed, network, calibration, row, row_calibration, graph, graph_calibration, found, losses
    )  # fmt: skip


def _fit(settings: TrainSettings, network: EventNetwork, prepared: Prepared, learn: Slice) -> Fitted:
    seed = torch.initial_seed() % 2**32
    lessons = Teaching(prepared, learn.target, learn.weight).lessons(np.arange(len(prepared)), settings.batch, seed)
    steps = -(-len(prepared) // settings.batch)
    fitting = FitSettings(settings.epochs, steps, settings.rate, settings.decay, settings.positive_weight)
    return fit(network, lessons, fitting)


def _boosted(settings: TrainSettings, seed: int, parts: list[tuple[Matrix, Slice]]) -> tuple[Boosted, Calibration]:
    learn, watch = (Rows(matrix, part.target, part.weight) for matrix, part in parts)
    boosted = Boosted.train(learn, watch, seed, settings.boost)
    return boosted, or_unchanged(calibrate, boosted.logit(watch.matrix), watch.target, watch.weight)


def logits(networks: Sequence[EventNetwork], columns: Columns, schema: FeatureSchema, backend: Backend = CPU) -> Floats:
    """What each network says of each event, features at full precision: [S, B].

    Raises:
        BackendMissing: the backend's device is not there.
    """
    out = np.empty((len(networks), len(columns)))
    topology = any(network.architecture.whole for network in networks)
    placed = [backend.place(network) for network in networks]
    for index, features in blocks(columns, schema):
        batch = features.batch(topology)
        for place, network in enumerate(placed):
            out[place, index] = backend.logits(network, batch).numpy()
    return out


def thresholds(
    alert_fpr: float, attach_fpr: float, probability: Floats, negative: Flags, weight: Floats
) -> Thresholds:
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


def best(runs: Sequence[Run]) -> Run:
    """The run to ship: best on the calibration slice, with the labels as reported."""
    return max(runs, key=lambda run: (run.pr_auc, -run.seed))


def ship(folder: Path, settings: TrainSettings, data: TrainingData, runs: Sequence[Run], card: Card) -> Path:
    """Write the best run as a model folder and return the folder."""
    run, watch = best(runs), data.calibrate
    probability = run.calibration.probability(logits([run.network], watch.columns, data.schema)[0])
    manifest = Manifest(
        format=registry.FORMAT,
        name=card.name,
        version="",
        features=data.schema,
        schema_hash=data.schema.hash,
        mapping=card.mapping,
        caps=data.caps,
        sizes=run.network.architecture,
        calibration=run.calibration,
        baseline_calibration=run.graph_calibration,
        thresholds=thresholds(
            settings.alert_fpr, settings.attach_fpr, probability, ~flags(watch.ids, data.reported), watch.weight
        ),
        data=_range(card, data),
        seed=run.seed,
        seeds={"data": list(card.data_seeds), "training": [other.seed for other in runs]},
        command=card.command,
        metrics=card.metrics,
        parity=parity(run.network),
        probe=Probe(0, ()),
        files={},
    )
    registry.save(folder, manifest, run.network, run.graph.text())
    return folder


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
