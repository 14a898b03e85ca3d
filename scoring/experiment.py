"""Train and measure on a set nobody prepared: the baselines, the network, and both together, by one split in time.

Shapes: B events, S seeds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from graph.model import Caps
from scoring.columns import Floats, Ints
from scoring.core.backend import CPU
from scoring.core.calibration import chosen, or_unchanged
from scoring.flat_set import FlatSet
from scoring.folds import ExperimentSettings as ExperimentSettings
from scoring.folds import Networks, Say, Slice, grown, networks_of, slice_of
from scoring.inputs import stream
from scoring.outcome import Outcome
from scoring.rows import Rows, batch_of, put_together, rows_of, with_network
from scoring.split import Split, split

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


def run(data: FlatSet, settings: ExperimentSettings, say: Say = lambda _: None) -> Outcome:
    """Train every model with every seed, and say what each thinks of every test event.

    Raises:
        FlatSetError: the set can't be split so.
    """
    torch.set_num_threads(settings.threads)
    cut = split(data, settings.split)
    say(_counted(cut))
    learn = slice_of(data, cut.train, cut.calibrate, settings.caps)
    networks = [networks_of(settings, data.schema, seed, learn, say) for seed in settings.seeds]
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
