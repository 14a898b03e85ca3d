"""Train a variant of an ablation with each seed, and say what it thinks of every test event and what it costs.

Shapes: B events, S seeds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import torch

from graph.model import Caps
from scoring.ablation_cost import cost_ms
from scoring.ablation_inputs import Sample
from scoring.ablation_ledger import Ledger, Limits, run
from scoring.ablation_tuning import SEARCH, Found, tuned
from scoring.ablation_variants import BASE, SHUFFLED, TEACHER, Variant
from scoring.baseline import Boosted, BoostSettings
from scoring.baseline import Rows as Learned
from scoring.columns import Floats
from scoring.core.architecture import Architecture
from scoring.core.backend import CPU
from scoring.core.calibration import chosen, or_unchanged
from scoring.core.fit import FitSettings, Progress, fit, seed_everything
from scoring.core.metrics import pr_auc
from scoring.core.network import EventNetwork
from scoring.core.topology import FEATURES
from scoring.core.tuning import Search
from scoring.outcome import Outcome
from scoring.prepared import Prepared
from scoring.teaching import Teaching
from scoring.telling import NOBODY, Told

MODEL = "network"
POSITIVE = 4.0  # how much more a positive counts, as everywhere
READ = 256  # events a network is asked of at a time
TITLES = {
    "lightgbm_row": "LightGBM, the event's own row",
    "lightgbm_counts": "LightGBM, + causal graph counts",
    "lightgbm_labels": "LightGBM, + labels known by then",
    "lightgbm_graph": "LightGBM, + sums over the neighbourhood",
}


@dataclass(frozen=True, slots=True)
class AblationSettings:
    """How every variant is trained.

    Attributes:
        seeds: each variant is trained with each.
        most: events to train on.
        caps: of the subgraphs.
        search: how long rate and decay are looked for, where they are.
        costed: test events whose forward pass is timed.
    """

    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    most: int = 5_000
    caps: Caps = field(default_factory=Caps)
    epochs: int = 4
    batch: int = 128
    rate: float = 3e-3
    decay: float = 1e-2
    boost: BoostSettings = field(default_factory=BoostSettings)
    search: Search = SEARCH
    costed: int = 100

    def fitting(self, events: int, variant: Variant) -> FitSettings:
        """How a variant's network is trained on so many events."""
        steps = -(-events // self.batch)
        base = FitSettings(self.epochs, steps, self.rate, self.decay, POSITIVE)
        return replace(base, **variant.fitting)  # type: ignore[arg-type]  # names of the table of variants


class OutOfTime(Exception):
    """The time is up in the middle of a variant: what it has trained is lost, what is in the ledger stands."""


@dataclass(slots=True)
class Bench:
    """Makes variants on one sample, as `ablation_ledger.run` asks for them.

    Attributes:
        teachers: by seed, a larger network's logits of the training events [B], kept for the next that is taught.
        teachers_pr_auc: by seed, on the test.
        done: which share of all variants is finished.
        overdue: whether the time is up; asked after every epoch.
    """

    sample: Sample
    settings: AblationSettings
    told: Told = NOBODY
    teachers: dict[int, Floats] = field(default_factory=dict)
    teachers_pr_auc: dict[int, float] = field(default_factory=dict)
    done: float = 0.0
    overdue: Callable[[], bool] = lambda: False

    def make(self, variant: Variant) -> Outcome:
        """Train, calibrate and test a variant; the base's outcome has the boosted trees beside it.

        Torch computes on one thread: the tensors are small, and sums come out the same on every machine.
        """
        torch.set_num_threads(1)
        prepared, said, networks, found = self.sample.read_as(variant.reads), list[Floats](), [], list[Found]()
        for seed in self.settings.seeds:
            network, how = self._trained(variant, prepared[0], seed)
            said.append(self._said(network, prepared))
            networks.append(network)
            found += how
        models = {MODEL: said} | (self._trees() if variant is BASE else {})
        made = self.sample.outcome(models, TITLES | {MODEL: variant.title})
        notes = dict(made.notes) | self._told_by(variant, found)
        return replace(made, ours=(MODEL,), cost_ms={MODEL: self._cost_ms(networks[0], prepared[2])}, notes=notes)

    def _cost_ms(self, network: EventNetwork, test: Prepared) -> float:
        return cost_ms(network, test, self.settings.costed)

    def _told_by(self, variant: Variant, found: list[Found]) -> dict[str, str]:
        """What a reader has to know of this variant."""
        if found:
            return {_first_large(variant.title): f"{'; '.join(map(str, found))}."}
        if variant.taught:
            return {"Teacher": f"{TEACHER.title}; PR-AUC {np.mean(list(self.teachers_pr_auc.values())):.3f}."}
        return {}

    def _trained(self, variant: Variant, prepared: Prepared, seed: int) -> tuple[EventNetwork, list[Found]]:
        part = self.sample.train.part
        teaching = Teaching(prepared, part.target, part.weight, self._taught(seed) if variant.taught else None)
        network, fitting = self.network(variant, prepared, seed), self.settings.fitting(len(part), variant)
        found = []
        if variant.tuning != "none":
            self._at(f"{variant.title}, seed {seed}: looking for rate and decay")
            found = [tuned(variant.tuning, network, teaching, fitting, seed, self.settings.search)]
            fitting = replace(fitting, rate=found[0].rate, decay=found[0].decay)
        seed_everything(seed)
        lessons = teaching.lessons(np.arange(len(prepared)), self.settings.batch, seed)
        fit(network, lessons, fitting, progress=partial(self._epoch, variant, seed))
        return network, found

    def network(self, variant: Variant, prepared: Prepared, seed: int) -> EventNetwork:
        """A variant's network, scaled to what it reads and not trained yet."""
        schema, whole = self.sample.data.schema, 0 if prepared.whole is None else FEATURES
        seed_everything(seed)
        network = EventNetwork(Architecture(
            len(schema.nodes), len(schema.edges), prepared.event.shape[1], len(schema.relations), whole=whole,
            **variant.options,  # type: ignore[arg-type]  # names of the table of variants; refused by Architecture itself
        ))  # fmt: skip
        network.fit_scaling(prepared.scaling())
        return network

    def _taught(self, seed: int) -> Floats:
        """What a larger network, trained first with the same seed, says of the training events."""
        if seed not in self.teachers:
            prepared = self.sample.train.prepared
            network, _ = self._trained(TEACHER, prepared, seed)
            self.teachers[seed] = logits(network, prepared)
            test = self.sample.test
            self.teachers_pr_auc[seed] = pr_auc(test.part.target, logits(network, test.prepared))
        return self.teachers[seed]

    def _said(self, network: EventNetwork, prepared: tuple[Prepared, Prepared, Prepared]) -> Floats:
        """Calibrated on the second: what it says of the third."""
        watch = self.sample.calibrate.part
        own = or_unchanged(chosen, logits(network, prepared[1]), watch.target, watch.weight)
        return own.probability(logits(network, prepared[2]))

    def _trees(self) -> dict[str, list[Floats]]:
        """Boosted trees on rows of the same events: each model's scores of the test, a seed each."""
        said: dict[str, list[Floats]] = {}
        for seed in self.settings.seeds:
            self._at(f"boosted trees, seed {seed}")
            for name in TITLES:
                said.setdefault(name, []).append(self._boosted(name, seed))
        return said

    def _boosted(self, name: str, seed: int) -> Floats:
        sample = self.sample
        learn, watch = (
            Learned(each.rows.named()[name], each.part.target, each.part.weight)
            for each in (sample.train, sample.calibrate)
        )
        trees = Boosted.train(learn, watch, seed, self.settings.boost)
        own = or_unchanged(chosen, trees.logit(watch.matrix), watch.target, watch.weight)
        return own.probability(trees.logit(sample.test.rows.named()[name]))

    def _epoch(self, variant: Variant, seed: int, progress: Progress) -> None:
        self._at(f"{variant.title}, seed {seed}: epoch {progress.epoch + 1} of {progress.epochs}")
        if self.overdue():
            raise OutOfTime(f"{variant.title}, seed {seed}")

    def _at(self, text: str) -> None:
        self.told.at(text, self.done)


def run_all(bench: Bench, variants: Sequence[Variant], ledger: Ledger, limits: Limits | None = None) -> list[str]:
    """Make the base, the base on shuffled edges, and variants, as far as they are not finished and the time goes.

    A variant that takes longer than those before it is given up when the time is up; the base never is.

    Returns:
        Names of what was left out for want of time.
    """
    asked = {variant.name: variant for variant in (BASE, SHUFFLED, *variants)}

    def make(name: str) -> Outcome:
        began_s, bench.done = time.monotonic(), len(asked.keys() & ledger.finished.keys()) / len(asked)
        made = bench.make(asked[name])
        mean = np.mean([pr_auc(made.target, scores) for scores in made.said[MODEL]])
        bench.told.say(f"{asked[name].title}: PR-AUC {mean:.3f}, {time.monotonic() - began_s:.0f} s")
        return made

    given = limits or Limits()
    limit_s, all_began_s = given.limit_s, given.clock()
    if limit_s is not None:
        bench.overdue = lambda: bool(ledger.finished) and given.clock() - all_began_s > limit_s
    try:
        return run(tuple(asked), make, ledger, given)
    except OutOfTime:
        return [name for name in asked if name not in ledger.finished]


def _first_large(text: str) -> str:
    return text[:1].upper() + text[1:]


def logits(network: EventNetwork, prepared: Prepared) -> Floats:
    """What a network says of prepared events: [B]."""
    said = np.empty(len(prepared))
    for first in range(0, len(prepared), READ):
        at = np.arange(first, min(first + READ, len(prepared)))
        said[at] = CPU.logits(network, prepared.batch(at)).numpy()
    return said
