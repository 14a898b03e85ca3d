"""Train and measure on a set nobody prepared: the baselines, the network, and both together, by one split in time.

What stops early and calibrates is the newest slice before the test, and where fraud drifts it is what there is most
to learn from: so every model is made twice, once without it, to see how many trees are best and what a score means,
and once with it, to be tested.

What the hybrid, boosted trees that also read the network, learns of the network is what it will meet: the logit of
one that was trained on earlier events alone. So the time before the test is cut into folds, a network is trained on
all folds before each, and the trees see its logit there (nothing in the first fold); the test gets that of the
network that was trained on all of them.

Shapes: B events, S seeds, F folds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch

from graph.model import Caps
from scoring.baseline import Boosted, BoostSettings, Matrix
from scoring.baseline import Rows as Learned
from scoring.columns import Floats, Ints, join
from scoring.core.architecture import Architecture
from scoring.core.backend import CPU
from scoring.core.calibration import chosen, or_unchanged
from scoring.core.fit import FitSettings, fit, seed_everything
from scoring.core.network import EventNetwork
from scoring.dataset import Flags
from scoring.features import Features
from scoring.flat_set import FlatSet
from scoring.inputs import Rows, batch_of, put_together, read, rows_of, stream
from scoring.outcome import Outcome
from scoring.prepared import Prepared
from scoring.split import Split, SplitSettings, split
from scoring.teaching import Teaching

TITLES = {
    "lightgbm_row": "LightGBM, the event's own row",
    "lightgbm_counts": "LightGBM, + causal graph counts",
    "lightgbm_labels": "LightGBM, + labels known by then",
    "lightgbm_graph": "LightGBM, + sums over the neighbourhood",
    "network": "network",
    "hybrid": "hybrid: trees that read the network",
}
OURS = ("network", "hybrid")
BAR = "lightgbm_labels"  # what has to be beaten (issue 5), beside the strongest in the same table
READ = 512  # events a network is asked of at a time
FOLDS = 4  # in the order of time; the last is the slice that calibrates


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


Say = Callable[[str], None]


def run(data: FlatSet, settings: ExperimentSettings, say: Say = lambda _: None) -> Outcome:
    """Train every model with every seed, and say what each thinks of every test event.

    Raises:
        FlatSetError: the set can't be split so.
    """
    torch.set_num_threads(settings.threads)
    cut = split(data, settings.split)
    say(_counted(cut))
    learn = _slice(data, cut, settings.caps)
    networks = [_networks(settings, data, seed, learn, say) for seed in settings.seeds]
    later = _later(data, cut.test.index, settings.caps, networks)
    said: dict[str, list[Floats]] = {}
    for seed, own, logit in zip(settings.seeds, networks, later.logits, strict=True):
        for name, scores in _seed(settings, seed, learn, later.rows, own.before, logit).items():
            said.setdefault(name, []).append(scores)
        say(f"seed {seed}: done")
    test = cut.test.index
    ids = np.array([f"{data.name}/{data.events[at].id}" for at in test])
    return Outcome(
        data.name, ids, data.time_ms[test], cut.test.target, {name: np.stack(each) for name, each in said.items()},
        TITLES, ours=OURS, groups={"payers": _payers(data, test)}, notes=_notes(data, cut, settings), bars=(BAR,),
    )  # fmt: skip


def _slice(data: FlatSet, cut: Split, caps: Caps) -> Slice:
    index = np.concatenate([cut.train.index, cut.calibrate.index])
    target, weight = (
        np.concatenate([getattr(part, name) for part in (cut.train, cut.calibrate)]) for name in ("target", "weight")
    )
    _, columns, pasts = zip(*read(data, index, caps), strict=True)
    past, rows = np.concatenate(pasts), list[Rows]()

    def keep(at: Ints, features: Features) -> None:
        rows.append(rows_of(data, features, past[at]))

    prepared = Prepared(join(columns), data.schema, beside=past, show=keep)
    fold = np.arange(len(cut.train)) * (FOLDS - 1) // len(cut.train)  # in the order of time
    fold = np.concatenate([fold, np.full(len(cut.calibrate), FOLDS - 1)])
    return Slice(Teaching(prepared, target, weight), put_together(rows), fold)


@dataclass(frozen=True, slots=True)
class Networks:
    """A seed's network, and what those before it said of each fold, trained on earlier ones: [B], NaN in the first."""

    last: EventNetwork
    before: Floats


def _networks(settings: ExperimentSettings, data: FlatSet, seed: int, learn: Slice, say: Say) -> Networks:
    prepared = learn.teaching.prepared
    before = np.full(len(prepared), np.nan)
    for number in range(1, FOLDS + 1):
        network, loss = _network(settings, data, seed, learn, np.flatnonzero(learn.fold < number))
        following = np.flatnonzero(learn.fold == number)
        for first in range(0, len(following), READ):
            at = following[first : first + READ]
            before[at] = CPU.logits(network, prepared.batch(at)).numpy()
        say(f"seed {seed}: network {number} of {FOLDS}, loss {loss:.4f}")
    return Networks(network, before)


def _network(
    settings: ExperimentSettings, data: FlatSet, seed: int, learn: Slice, index: Ints
) -> tuple[EventNetwork, float]:
    prepared, schema = learn.teaching.prepared, data.schema
    seed_everything(seed)
    network = EventNetwork(Architecture(
        len(schema.nodes), len(schema.edges), prepared.event.shape[1], len(schema.relations), **settings.options,  # type: ignore[arg-type]  # refused by Architecture itself
    ))  # fmt: skip
    network.fit_scaling(prepared.scaling())
    lessons = learn.teaching.lessons(index, settings.batch, seed)
    steps = -(-len(index) // settings.batch)
    done = fit(network, lessons, FitSettings(settings.epochs, steps, settings.rate, settings.decay, 4.0, average=0.99))
    return network, done.losses[-1]


@dataclass(frozen=True, slots=True)
class Later:
    """What is read once of the test's events: rows, and what each seed's network says [S, B]."""

    rows: Rows
    logits: Floats


def _later(data: FlatSet, index: Ints, caps: Caps, networks: list[Networks]) -> Later:
    rows, logits = [], np.zeros((len(networks), len(index)))
    for span, features, past in stream(data, index, caps):
        rows.append(rows_of(data, features, past))
        batch = batch_of(features, past)
        for place, each in enumerate(networks):
            logits[place, span] = CPU.logits(each.last, batch).numpy()
    return Later(put_together(rows), logits)


def _seed(
    settings: ExperimentSettings, seed: int, learn: Slice, later: Rows, before: Floats, logit: Floats
) -> dict[str, Floats]:
    """What each model trained with this seed says of the test events: calibrated [B]."""
    test = later.named()
    said = {name: _boosted(settings, seed, learn, own, test[name]) for name, own in learn.rows.named().items()}
    wider = (np.column_stack(pair).astype(np.float32) for pair in ((learn.rows.graph, before), (later.graph, logit)))
    said["hybrid"] = _boosted(settings, seed, learn, *wider)
    newest, teaching = learn.newest, learn.teaching
    own = or_unchanged(chosen, before[newest], teaching.target[newest], teaching.weight[newest])
    said["network"] = own.probability(logit)
    return said


def _boosted(settings: ExperimentSettings, seed: int, learn: Slice, matrix: Matrix, test: Matrix) -> Floats:
    """What trees say of the test: stopped and calibrated on the newest slice, then grown with it as well."""
    newest, teaching = learn.newest, learn.teaching
    before, watch = (Learned(matrix[at], teaching.target[at], teaching.weight[at]) for at in (~newest, newest))
    stopped = Boosted.train(before, watch, seed, settings.boost)
    own = or_unchanged(chosen, stopped.logit(watch.matrix), watch.target, watch.weight)
    return own.probability(Boosted.grow(before.followed_by(watch), stopped.rounds, seed, settings.boost).logit(test))


def _payers(data: FlatSet, index: Ints) -> Ints:
    """Events of one source node belong together when resampling."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(data.events[at].src, len(numbers)) for at in index], np.int64)


def _counted(cut: Split) -> str:
    parts = (("train", cut.train), ("calibrate", cut.calibrate), ("test", cut.test))
    return ", ".join(f"{name} {len(part):,} ({part.target.sum():,} fraud)" for name, part in parts)


def _notes(data: FlatSet, cut: Split, settings: ExperimentSettings) -> dict[str, str]:
    asked = settings.split
    return {
        "Split": f"by time: {_counted(cut)}; the last {asked.test:.0%} of the labelled events are tested, "
        f"{cut.gap_ms / 86_400_000:.2f} days before them are left out.",
        "Labels": f"known {data.delay_ms / 86_400_000:.2f} days after the event (median); training knows what was "
        "reported when the test begins, every event sees what was reported before it.",
        "Refit": "what stopped and calibrated on the newest slice was made once more with it, and then tested.",
        "Thinning": f"of the negatives one in {cut.train.weight.max():.1f} trains, with that weight; "
        "no test event is left out.",
        "Seeds": f"training seeds {', '.join(map(str, settings.seeds))}.",
    }
