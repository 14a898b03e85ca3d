"""Train and measure on a set nobody prepared: the baselines, the network, and both together, by one split in time.

Shapes: B events, S seeds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from graph.model import Caps
from scoring.columns import Floats, Ints
from scoring.core.backend import CPU
from scoring.core.calibration import chosen, or_unchanged
from scoring.core.fit import Progress
from scoring.flat_set import FlatSet
from scoring.folds import FOLDS, Networks, Slice, grown, networks_of, slice_of
from scoring.folds import ExperimentSettings as ExperimentSettings
from scoring.inputs import stream
from scoring.outcome import Outcome
from scoring.rows import Rows, batch_of, put_together, rows_of, with_network
from scoring.split import Split, split
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
TRAINED = 0.7  # of the run, when its networks are: reading later events and growing trees take the rest
BAR = "lightgbm_labels"  # what has to be beaten (issue 5), beside the strongest in the same table


def run(data: FlatSet, settings: ExperimentSettings, told: Told = NOBODY) -> Outcome:
    """Train every model with every seed, and say what each thinks of every test event.

    Raises:
        FlatSetError: the set can't be split so.
    """
    torch.set_num_threads(settings.threads)
    cut = split(data, settings.split)
    told.say(cut.counted)
    told.at("sampling what is trained on", 0.0)
    learn = slice_of(data, cut.train, cut.calibrate, settings.caps)
    networks = [
        networks_of(settings, data.schema, seed, learn, told.say, partial(_epoch, told, place, len(settings.seeds)))
        for place, seed in enumerate(settings.seeds)
    ]
    told.at("sampling later events", TRAINED)
    later = _later(data, cut.test.index, settings.caps, networks)
    said: dict[str, list[Floats]] = {}
    for seed, own, logit in zip(settings.seeds, networks, later.logits, strict=True):
        for name, scores in _seed(settings, seed, learn, later.rows, own.before, logit).items():
            said.setdefault(name, []).append(scores)
        told.at(f"seed {seed}: trees", TRAINED + (1 - TRAINED) * len(said["network"]) / len(settings.seeds))
    test = cut.test.index
    ids = np.array([f"{data.name}/{data.events[at].id}" for at in test])
    return Outcome(
        data.name, ids, data.time_ms[test], cut.test.target, {name: np.stack(each) for name, each in said.items()},
        TITLES, ours=OURS, groups={"payers": data.payers(test)}, notes=_notes(data, cut, settings), bars=(BAR,),
    )  # fmt: skip


def _epoch(told: Told, seed: int, seeds: int, network: int, progress: Progress) -> None:
    """Tell that an epoch is done, of which seed's which network."""
    epoch = progress.epoch + 1
    text = f"seed {seed + 1} of {seeds}: network {network} of {FOLDS}, epoch {epoch} of {progress.epochs}"
    told.at(text, TRAINED * (seed + (network - 1 + epoch / progress.epochs) / FOLDS) / seeds)


@dataclass(frozen=True, slots=True)
class Later:
    """What is read once of the test's events: rows, and what each seed's network says [S, B]."""

    rows: Rows
    logits: Floats


def _later(data: FlatSet, index: Ints, caps: Caps, networks: list[Networks]) -> Later:
    rows, logits = [], np.zeros((len(networks), len(index)))
    for span, features, past in stream(data, index, caps):
        rows.append(rows_of(data.schema, features, past))
        batch = batch_of(features, past)
        for place, each in enumerate(networks):
            logits[place, span] = CPU.logits(each.last, batch).numpy()
    return Later(put_together(rows), logits)


def _seed(
    settings: ExperimentSettings, seed: int, learn: Slice, later: Rows, before: Floats, logit: Floats
) -> dict[str, Floats]:
    """What each model trained with this seed says of the test events: calibrated [B]."""
    test = later.named()
    own = learn.rows.named() | {"hybrid": with_network(learn.rows.graph, before)}
    test |= {"hybrid": with_network(later.graph, logit)}
    said = {name: grown(settings, seed, learn, matrix).probability(test[name]) for name, matrix in own.items()}
    newest, teaching = learn.newest, learn.teaching
    calibration = or_unchanged(chosen, before[newest], teaching.target[newest], teaching.weight[newest])
    said["network"] = calibration.probability(logit)
    return said


def _notes(data: FlatSet, cut: Split, settings: ExperimentSettings) -> dict[str, str]:
    asked = settings.split
    return {
        "Split": f"by time: {cut.counted}; the last {asked.test:.0%} of the labelled events are tested, "
        f"{cut.gap_ms / 86_400_000:.2f} days before them are left out.",
        "Labels": f"known {data.delay_ms / 86_400_000:.2f} days after the event (median); training knows what was "
        "reported when the test begins, every event sees what was reported before it.",
        "Refit": "what stopped and calibrated on the newest slice was made once more with it, and then tested.",
        "Thinning": f"of the negatives one in {cut.train.weight.max():.1f} trains, with that weight; "
        "no test event is left out.",
        "Seeds": f"training seeds {', '.join(map(str, settings.seeds))}.",
    }
