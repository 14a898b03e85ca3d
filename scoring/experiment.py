"""Train and measure on a set nobody prepared: the baselines, the network, and both together, by one split in time.

Shapes: B events, S seeds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scoring.blend import SHARES
from scoring.columns import Floats, Ints
from scoring.core.backend import Admitted, parity_gate
from scoring.flat_set import FlatSet
from scoring.folds import ExperimentSettings as ExperimentSettings
from scoring.folds import Networks, networks_of, slice_of
from scoring.inputs import stream
from scoring.one_run import epochs_told, run_from
from scoring.outcome import Outcome
from scoring.rows import Rows, batch_of, put_together, rows_of
from scoring.split import Split, split
from scoring.telling import NOBODY, Told

TITLES = {
    "lightgbm_row": "LightGBM, the event's own row",
    "lightgbm_counts": "LightGBM, + causal graph counts",
    "lightgbm_labels": "LightGBM, + labels known by then",
    "lightgbm_graph": "LightGBM, + sums over the neighbourhood",
    "network": "network",
    "lightgbm_network": "LightGBM, + the network's logit",
    "lightgbm_shuffled": "the same, each with another event's neighbourhood",
    "hybrid": "hybrid: network and trees, blended",
}
OURS = ("network", "lightgbm_network", "hybrid")
TRAINED, ASKED = 0.5, 0.85  # of the run, when its networks are trained, and when they were asked of all later events
BAR = "lightgbm_labels"  # what has to be beaten (issue 5), beside the strongest in the same table
CONTROL = ("lightgbm_network", "lightgbm_shuffled", "lightgbm_row")  # see `Outcome.control`


def run(data: FlatSet, settings: ExperimentSettings, told: Told = NOBODY) -> Outcome:
    """Train every model with every seed, and say what each thinks of every test event.

    Raises:
        FlatSetError: the set can't be split so.
    """
    cut = split(data, settings.split)
    told.say(cut.counted)
    told.at("sampling what is trained on", 0.0)
    learn = slice_of(data, cut.train, cut.calibrate, settings.caps)
    seeds = len(settings.seeds)
    networks = [
        networks_of(settings, data.schema, seed, learn, told.say, epochs_told(told, place, seeds, TRAINED))
        for place, seed in enumerate(settings.seeds)
    ]
    later = _later(data, cut.test.index, settings, networks, told)
    said: dict[str, list[Floats]] = {}
    for seed, own, logit in zip(settings.seeds, networks, later.logits, strict=True):
        made = run_from(settings, seed, learn, own)
        for name, scores in made.said(later.rows, logit).items():
            said.setdefault(name, []).append(scores)
        told.at(f"seed {seed}: trees", ASKED + (1 - ASKED) * len(said["network"]) / len(settings.seeds))
    test = cut.test.index
    ids = np.array([f"{data.name}/{data.events[at].id}" for at in test])
    return Outcome(
        data.name, ids, data.time_ms[test], cut.test.target, {name: np.stack(each) for name, each in said.items()},
        TITLES, ours=OURS, groups={"payers": data.payers(test)}, notes=_notes(data, cut, settings), bars=(BAR,),
        control=CONTROL,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Later:
    """What is read once of the test's events: rows, and what each seed's network says [S, B]."""

    rows: Rows
    logits: Floats


def _later(
    data: FlatSet, index: Ints, settings: ExperimentSettings, networks: list[Networks], told: Told
) -> Later:
    rows, logits, placed = [], np.zeros((len(networks), len(index))), list[Admitted]()
    for span, features, past in stream(data, index, settings.caps):
        text = f"later events: {span.start:,} of {len(index):,}"
        told.at(text, TRAINED + (ASKED - TRAINED) * span.start / len(index))
        rows.append(rows_of(data.schema, features, past))
        batch = batch_of(features, past)
        placed = placed or [parity_gate(each.last, [batch], settings.backend, told.say) for each in networks]
        for place, each in enumerate(placed):
            logits[place, span] = each.logits(batch).numpy()
    return Later(put_together(rows), logits)


def _notes(data: FlatSet, cut: Split, settings: ExperimentSettings) -> dict[str, str]:
    asked = settings.split
    return {
        "Split": f"by time: {cut.counted}; the last {asked.test:.0%} of the labelled events are tested, "
        f"{cut.gap_ms / 86_400_000:.2f} days before them are left out.",
        "Labels": f"known {data.delay_ms / 86_400_000:.2f} days after the event (median); training knows what was "
        "reported when the test begins, every event sees what was reported before it.",
        "Blend": f"of the hybrid's log-odds {SHARES[0]:.1%} are the network's, {SHARES[1]:.1%} those of boosting on "
        f"all, {SHARES[2]:.1%} those of the same with the network; each by its own sigmoid on the newest slice.",
        "Refit": "what stopped and calibrated on the newest slice was made once more with it, and then tested.",
        "Thinning": f"of the negatives one in {cut.train.weight.max():.1f} trains, with that weight; "
        "no test event is left out.",
        "Device": f"networks trained on {settings.backend.trains}, and asked on {settings.backend}.",
        "Seeds": f"training seeds {', '.join(map(str, settings.seeds))}.",
    }
