"""The time before a test, in folds: the events to learn from, and the networks and trees that learn from them.

What stops early and calibrates is the newest fold, and where fraud drifts it is what there is most to learn from: so
every model is made twice, once without it, to see how many trees are best and what a score means, and once with it.

What a hybrid, boosted trees that also read the network, learns of the network is what it will meet: the logit of one
that was trained on earlier events alone. So a network is trained on all folds before each, and the trees see its
logit there (nothing in the first fold); later events get that of the network that was trained on all of them.

Shapes: B events, C columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np
import torch

from graph.model import Caps
from scoring.baseline import Boosted, BoostSettings, Matrix
from scoring.baseline import Rows as Learned
from scoring.columns import Columns, Floats, Ints
from scoring.core.architecture import Architecture
from scoring.core.backend import CPU, Backend, parity_gate
from scoring.core.calibration import Calibration, chosen, or_unchanged
from scoring.core.fit import FitSettings, Progress, fit, seed_everything
from scoring.core.network import EventNetwork
from scoring.dataset import Flags
from scoring.features import Features
from scoring.flat_set import FlatSet
from scoring.inputs import read
from scoring.prepared import Prepared
from scoring.rows import Rows, put_together, rows_of
from scoring.schema import FeatureSchema
from scoring.split import Part, SplitSettings
from scoring.teaching import Teaching

STEPS, SMALLEST = 800, 32  # steps a training should have at the least, and the smallest batch for it
READ = 512  # events a network is asked of at a time
FOLDS = 4  # in the order of time; the last is the slice that calibrates
Say = Callable[[str], None]
Tell = Callable[[int, Progress], None]  # the number of the network, from 1, and where it is


@dataclass(frozen=True, slots=True)
class ExperimentSettings:
    """How models are trained and compared.

    Attributes:
        seeds: each model is trained with each.
        caps: of the network's subgraphs.
        options: of the network's `Architecture`, beside its widths.
        backend: where networks train, and score where the parity gate lets them.
    """

    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    caps: Caps = field(default_factory=Caps)
    epochs: int = 4
    batch: int = 256
    rate: float = 3e-3
    decay: float = 1e-2
    positive_weight: float = 4.0
    threads: int = 1
    split: SplitSettings = field(default_factory=SplitSettings)
    boost: BoostSettings = field(default_factory=BoostSettings)
    options: dict[str, object] = field(default_factory=dict)
    backend: Backend = CPU


@dataclass(slots=True)
class Slice:
    """What lies before the test, ready for every model: subgraphs for the network, rows for trees, and its folds [B].

    The last fold calibrates.
    """

    teaching: Teaching
    rows: Rows
    fold: Ints

    @property
    def newest(self) -> Flags:
        """[B] which events calibrate."""
        return np.asarray(self.fold == FOLDS - 1)


def slice_of(data: FlatSet, train: Part, newest: Part, caps: Caps) -> Slice:
    """Read two parts of a set, the second later: it is the last fold."""
    index = np.concatenate([train.index, newest.index])
    target, weight = (
        np.concatenate([getattr(part, name) for part in (train, newest)]) for name in ("target", "weight")
    )
    chunks = ((columns, past) for _, columns, past in read(data, index, caps))
    return slice_from(data.schema, chunks, (target, weight), len(train))


def slice_from(
    schema: FeatureSchema, chunks: Iterable[tuple[Columns, Matrix]], told: tuple[Flags, Floats], before: int
) -> Slice:
    """Make a slice of subgraphs in the order of time.

    Args:
        schema: of the features.
        chunks: subgraphs, and everything with a long look back, of B events in all; only features are kept of them.
        told: targets [B], and how many events each stands for [B].
        before: how many come before the newest fold.
    """
    rows, prepared = list[Rows](), None
    for columns, past in chunks:

        def keep(at: Ints, features: Features, past: Matrix = past) -> None:
            rows.append(rows_of(schema, features, past[at]))

        more = Prepared(columns, schema, beside=past, show=keep).slim()
        if prepared is None:
            prepared = more
        else:
            prepared.extend(more)
    assert prepared is not None  # a part that is split off has events
    order = np.argsort(np.argsort(prepared.columns.time_ms[:before], kind="stable"), kind="stable")
    fold = np.concatenate([order * (FOLDS - 1) // before, np.full(len(prepared) - before, FOLDS - 1)])
    return Slice(Teaching(prepared, *told), put_together(rows), fold)


@dataclass(frozen=True, slots=True)
class Networks:
    """A seed's network, and what those before it said of each fold, trained on earlier ones: [B], NaN in the first."""

    last: EventNetwork
    before: Floats


def networks_of(
    settings: ExperimentSettings,
    schema: FeatureSchema,
    seed: int,
    learn: Slice,
    say: Say = lambda _: None,
    tell: Tell = lambda *_: None,
) -> Networks:
    """Train the networks of one seed, each on one fold more; `tell` is told of every epoch.

    Sets torch's threads for the whole process.
    """
    torch.set_num_threads(settings.threads)
    prepared = learn.teaching.prepared
    before = np.full(len(prepared), np.nan)
    for number in range(1, FOLDS + 1):
        earlier = np.flatnonzero(learn.fold < number)
        network, loss = _network(settings, schema, seed, learn, earlier, partial(tell, number))
        following = np.flatnonzero(learn.fold == number)
        before[following] = _said(settings.backend, network, prepared, following, say)
        say(f"seed {seed}: network {number} of {FOLDS}, loss {loss:.4f}")
    return Networks(network, before)


def _said(
    backend: Backend, network: EventNetwork, prepared: Prepared, index: Ints, say: Callable[[str], None]
) -> Floats:
    """What a network says of events, where the gate lets it score: [B]."""
    parts = [index[first : first + READ] for first in range(0, len(index), READ)]
    placed = parity_gate(network, (prepared.batch(part) for part in parts[:1]), backend, say)
    return np.concatenate([placed.logits(prepared.batch(part)).numpy() for part in parts] or [np.zeros(0)])


def _network(
    settings: ExperimentSettings,
    schema: FeatureSchema,
    seed: int,
    learn: Slice,
    index: Ints,
    tell: Callable[[Progress], None],
) -> tuple[EventNetwork, float]:
    prepared = learn.teaching.prepared
    seed_everything(seed)
    network = EventNetwork(Architecture(
        len(schema.nodes), len(schema.edges), prepared.event.shape[1], len(schema.relations), **settings.options,  # type: ignore[arg-type]  # refused by Architecture itself
    ))  # fmt: skip
    network.fit_scaling(prepared.scaling())
    size = batch_of_few(settings, len(index))
    steps = -(-len(index) // size)
    asked = FitSettings(
        settings.epochs, steps, settings.rate, settings.decay, settings.positive_weight, backend=settings.backend.trains
    )
    done = fit(network, learn.teaching.lessons(index, size, seed), asked, progress=tell)
    return network, done.losses[-1]


def batch_of_few(settings: ExperimentSettings, events: int) -> int:
    """The batch that is asked for; of few events a smaller one, so that there are steps enough to learn in."""
    return max(min(SMALLEST, settings.batch), min(settings.batch, events * settings.epochs // STEPS))


class Grown(NamedTuple):
    """Trees, what their scores mean, and what those grown without the newest fold said of it: raw, [B]."""

    trees: Boosted
    calibration: Calibration
    newest: Floats


def grown(settings: ExperimentSettings, seed: int, learn: Slice, matrix: Matrix) -> Grown:
    """Grow trees on columns [B, C]: stopped and calibrated on the newest fold, then as many with it as well."""
    newest, teaching = learn.newest, learn.teaching
    before, watch = (Learned(matrix[at], teaching.target[at], teaching.weight[at]) for at in (~newest, newest))
    stopped = Boosted.train(before, watch, seed, settings.boost)
    logit = stopped.logit(watch.matrix)
    calibration = or_unchanged(chosen, logit, watch.target, watch.weight)
    trees = Boosted.grow(before.followed_by(watch), stopped.rounds, seed, settings.boost)
    return Grown(trees, calibration, logit)
