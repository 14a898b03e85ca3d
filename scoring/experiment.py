"""Train and measure on a set nobody prepared: the baselines, the network, and both together, by one split in time.

The hybrid is boosted trees that also read the network's logit. So that this logit means the same in training and
test, it is cross-fitted: the training slice is cut in time, and each half gets the logit of a network that learned
from the other; later events get the mean of both.

Shapes: B events, S seeds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch

from graph.model import Caps
from scoring.baseline import Boosted, BoostSettings, Matrix
from scoring.baseline import Rows as Learned
from scoring.columns import Floats, Ints, join
from scoring.core.architecture import Architecture
from scoring.core.backend import CPU
from scoring.core.calibration import chosen, or_unchanged
from scoring.core.fit import FitSettings, Progress, fit, seed_everything
from scoring.core.network import EventNetwork
from scoring.features import Features
from scoring.flat_set import FlatSet
from scoring.inputs import Rows, batch_of, put_together, read, rows_of, stream
from scoring.outcome import Outcome
from scoring.prepared import Prepared
from scoring.split import Part, Split, SplitSettings, split
from scoring.teaching import Teaching
from scoring.telling import NOBODY, Told

TITLES = {
    "lightgbm_row": "LightGBM, the event's own row",
    "lightgbm_counts": "LightGBM, + causal graph counts",
    "lightgbm_labels": "LightGBM, + labels known by then",
    "lightgbm_graph": "LightGBM, + sums over the neighbourhood",
    "network": "network",
    "hybrid": "hybrid: trees that read the network",
}
OURS = ("network", "hybrid")
FOLDS = 2
TRAINED = 0.7  # of the run, when its networks are: reading later events and growing trees take the rest


@dataclass(frozen=True, slots=True)
class ExperimentSettings:
    """How models are trained and compared.

    Attributes:
        seeds: each model is trained with each.
        caps: of the network's subgraphs.
        options: of the network's `Architecture`, beside its widths.
    """

    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    caps: Caps = field(default_factory=Caps)
    epochs: int = 4
    batch: int = 128
    rate: float = 3e-3
    decay: float = 1e-2
    threads: int = 1
    split: SplitSettings = field(default_factory=SplitSettings)
    boost: BoostSettings = field(default_factory=BoostSettings)
    options: dict[str, object] = field(default_factory=dict)


@dataclass(slots=True)
class Slice:
    """The training slice, ready for every model: rows for trees, subgraphs for the network."""

    teaching: Teaching
    rows: Rows


def run(data: FlatSet, settings: ExperimentSettings, told: Told = NOBODY) -> Outcome:
    """Train every model with every seed, and say what each thinks of every test event.

    Raises:
        FlatSetError: the set can't be split so.
    """
    torch.set_num_threads(settings.threads)
    cut = split(data, settings.split)
    told.say(cut.counted)
    told.at("sampling what is trained on", 0.0)
    learn = _slice(data, cut.train, settings.caps)
    networks = [_networks(settings, data, seed, learn, told) for seed in settings.seeds]
    told.at("sampling later events", TRAINED)
    later = [_later(data, part.index, settings.caps, networks) for part in (cut.calibrate, cut.test)]
    said: dict[str, list[Floats]] = {}
    for place, seed in enumerate(settings.seeds):
        for name, scores in _seed(settings, seed, learn, cut.calibrate, later, networks[place].crossed, place).items():
            said.setdefault(name, []).append(scores)
        told.at(f"seed {seed}: trees", TRAINED + (1 - TRAINED) * len(said["network"]) / len(settings.seeds))
    test = cut.test.index
    ids = np.array([f"{data.name}/{data.events[at].id}" for at in test])
    return Outcome(
        data.name, ids, data.time_ms[test], cut.test.target, {name: np.stack(each) for name, each in said.items()},
        TITLES, ours=OURS, groups={"payers": data.payers(test)}, notes=_notes(data, cut, settings),
    )  # fmt: skip


def _slice(data: FlatSet, part: Part, caps: Caps) -> Slice:
    _, columns, pasts = zip(*read(data, part.index, caps), strict=True)
    past, rows = np.concatenate(pasts), list[Rows]()

    def keep(index: Ints, features: Features) -> None:
        rows.append(rows_of(data, features, past[index]))

    prepared = Prepared(join(columns), data.schema, beside=past, show=keep)
    return Slice(Teaching(prepared, part.target, part.weight), put_together(rows))


@dataclass(frozen=True, slots=True)
class Networks:
    """A seed's networks, one for each fold of the training slice, and what they said of the folds they did not see."""

    folds: tuple[EventNetwork, ...]
    whole: EventNetwork
    crossed: Floats  # [B] of the training slice


def _networks(settings: ExperimentSettings, data: FlatSet, seed: int, learn: Slice, told: Told) -> Networks:
    """Train a network on the whole slice, and one on all but each fold."""
    prepared = learn.teaching.prepared
    size = len(prepared)
    fold = np.arange(size) * FOLDS // size  # in the order of time
    trained, crossed = list[EventNetwork](), np.zeros(size)
    for number in (*range(FOLDS), -1):
        tell = partial(_epoch, settings, told, settings.seeds.index(seed), len(trained))
        network, loss = _network(settings, data, seed, learn, np.flatnonzero(fold != number), tell)
        trained.append(network)
        held = np.flatnonzero(fold == number)
        for first in range(0, len(held), settings.batch):
            at = held[first : first + settings.batch]
            crossed[at] = CPU.logits(network, prepared.batch(at)).numpy()
        told.say(f"seed {seed}: network {number + 1 or 'of all'}, loss {loss:.4f}")
    return Networks(tuple(trained[:-1]), trained[-1], crossed)


def _epoch(settings: ExperimentSettings, told: Told, seed: int, network: int, progress: Progress) -> None:
    """Tell that an epoch is done, of which seed's which network."""
    seeds, networks, epoch = len(settings.seeds), FOLDS + 1, progress.epoch + 1
    text = f"seed {seed + 1} of {seeds}: network {network + 1} of {networks}, epoch {epoch} of {progress.epochs}"
    told.at(text, TRAINED * (seed + (network + epoch / progress.epochs) / networks) / seeds)


def _network(
    settings: ExperimentSettings, data: FlatSet, seed: int, learn: Slice, index: Ints, tell: Callable[[Progress], None]
) -> tuple[EventNetwork, float]:
    prepared, schema = learn.teaching.prepared, data.schema
    seed_everything(seed)
    network = EventNetwork(Architecture(
        len(schema.nodes), len(schema.edges), prepared.event.shape[1], len(schema.relations), **settings.options,  # type: ignore[arg-type]  # refused by Architecture itself
    ))  # fmt: skip
    network.fit_scaling(prepared.scaling())
    lessons = learn.teaching.lessons(index, settings.batch, seed)
    steps = -(-len(index) // settings.batch)
    fitting = FitSettings(settings.epochs, steps, settings.rate, settings.decay, 4.0, average=0.99)
    done = fit(network, lessons, fitting, progress=tell)
    return network, done.losses[-1]


@dataclass(frozen=True, slots=True)
class Later:
    """What is read once of later events: rows, and each seed's logits [S, B]: its network's, and the folds' mean."""

    rows: Rows
    whole: Floats
    folds: Floats


def _later(data: FlatSet, index: Ints, caps: Caps, networks: list[Networks]) -> Later:
    rows, whole, folds = [], np.zeros((len(networks), len(index))), np.zeros((len(networks), len(index)))
    for span, features, past in stream(data, index, caps):
        rows.append(rows_of(data, features, past))
        batch = batch_of(features, past)
        for place, each in enumerate(networks):
            whole[place, span] = CPU.logits(each.whole, batch).numpy()
            folds[place, span] = np.mean([CPU.logits(fold, batch).numpy() for fold in each.folds], axis=0)
    return Later(put_together(rows), whole, folds)


def _seed(
    settings: ExperimentSettings, seed: int, learn: Slice, watch: Part, later: list[Later], crossed: Floats, place: int
) -> dict[str, Floats]:
    """What each model trained with this seed says of the test events: calibrated [B]."""
    calibrate, test = later
    parts, said = (learn.teaching, watch), dict[str, Floats]()
    for name, matrix in learn.rows.named().items():
        said[name] = _boosted(settings, seed, parts, [matrix, *(each.rows.named()[name] for each in later)])
    logits = [crossed, calibrate.folds[place], test.folds[place]]
    graphs = [learn.rows.graph, calibrate.rows.graph, test.rows.graph]
    wider = [np.column_stack(pair).astype(np.float32) for pair in zip(graphs, logits, strict=True)]
    said["hybrid"] = _boosted(settings, seed, parts, wider)
    own = or_unchanged(chosen, calibrate.whole[place], watch.target, watch.weight)
    said["network"] = own.probability(test.whole[place])
    return said


def _boosted(settings: ExperimentSettings, seed: int, parts: tuple[Teaching, Part], matrices: list[Matrix]) -> Floats:
    """Trees trained on the first matrix, stopped and calibrated on the second: what they say of the third."""
    learn = Learned(matrices[0], parts[0].target, parts[0].weight)
    watch = Learned(matrices[1], parts[1].target, parts[1].weight)
    boosted = Boosted.train(learn, watch, seed, settings.boost)
    own = or_unchanged(chosen, boosted.logit(watch.matrix), watch.target, watch.weight)
    return own.probability(boosted.logit(matrices[2]))


def _notes(data: FlatSet, cut: Split, settings: ExperimentSettings) -> dict[str, str]:
    asked = settings.split
    return {
        "Split": f"by time: {cut.counted}; the last {asked.test:.0%} of the labelled events are tested, "
        f"{cut.gap_ms / 86_400_000:.2f} days before them are left out.",
        "Labels": f"known {data.delay_ms / 86_400_000:.2f} days after the event (median); training knows what was "
        "reported when the test begins, every event sees what was reported before it.",
        "Thinning": f"of the negatives one in {cut.train.weight.max():.1f} trains, with that weight; "
        "no test event is left out.",
        "Seeds": f"training seeds {', '.join(map(str, settings.seeds))}.",
    }
