"""The table of an ablation: each technique on and off, the difference with its interval, its cost, the verdict.

A technique is on by default only where the interval of its difference in PR-AUC lies above nought.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from scoring.core.interval import TAILS, Interval
from scoring.measured import Settings, measure
from scoring.outcome import FEWEST_SEEDS, Outcome, OutcomeError, joined
from scoring.report import counts, figure_row, with_bounds

RECALL = "recall_at_fpr_0.023"
Verdict = Literal["on", "off: interval includes zero", "off: worse"]


@dataclass(frozen=True, slots=True)
class Technique:
    """One technique of an ablation.

    Attributes:
        name: of the variant that turns it.
        title: for people.
        without: whether the variant is the base without it; else it is the base with it.
    """

    name: str
    title: str
    without: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A technique's figures: on, off, and on less off.

    Attributes:
        technique: which.
        pr_auc_on, pr_auc_off: mean over seeds.
        pr_auc, recall: on less off, recall at 2.3 % false positives.
        cost_ms: what it adds to an event; None where one of the two was not measured.
        rival: the strongest baseline on the same events and its PR-AUC; None where there is none.
        seeds: of the one that has fewer.
    """

    technique: Technique
    pr_auc_on: float
    pr_auc_off: float
    pr_auc: Interval
    recall: Interval
    cost_ms: float | None
    rival: tuple[str, float] | None
    seeds: int

    @property
    def verdict(self) -> Verdict:
        """What ships."""
        if self.pr_auc.above_zero:
            return "on"
        return "off: worse" if self.pr_auc.below_zero else "off: interval includes zero"


@dataclass(frozen=True, slots=True)
class Ablation:
    """The rows, of which test set and how large, which techniques were not run, and how the figures were made."""

    test: str
    counts: str
    rows: tuple[Row, ...]
    left_out: tuple[str, ...]
    settings: Settings


def ablate(
    base: Outcome,
    variants: Mapping[str, Outcome],
    techniques: Sequence[Technique],
    settings: Settings | None = None,
) -> Ablation:
    """Compare each technique's variant with the base.

    Args:
        base: its one model of ours is the base; the others are the baselines.
        variants: by technique, outcomes of the same test set whose one model of ours is the variant.
        techniques: in the order of the table; those without a variant are named as left out.
        settings: of the figures.

    Raises:
        OutcomeError: an outcome has not one model of ours, or is of other events.
    """
    chosen = settings or Settings()
    bases = measure(base, replace(chosen, rounds=0))
    rival = None if bases.rival is None else (base.title(bases.rival), bases.value(bases.rival, "pr_auc"))
    given = [each for each in techniques if each.name in variants]
    rows = tuple(_row(base, variants[each.name], each, chosen, rival) for each in given)
    left_out = tuple(each.title for each in techniques if each.name not in variants)
    return Ablation(base.name, counts(bases), rows, left_out, chosen)


def _row(
    base: Outcome, variant: Outcome, technique: Technique, settings: Settings, rival: tuple[str, float] | None
) -> Row:
    off, on = (variant, base) if technique.without else (base, variant)
    pair = joined(_alone(off, "off"), _alone(on, "on"))
    found, cost = measure(pair, settings), pair.cost_ms
    return Row(
        technique,
        found.value("on", "pr_auc"),
        found.value("off", "pr_auc"),
        found.difference("on", "off", "pr_auc"),
        found.difference("on", "off", RECALL),
        cost["on"] - cost["off"] if {"on", "off"} <= set(cost) else None,
        rival,
        min(len(scores) for scores in pair.said.values()),
    )


def _alone(outcome: Outcome, name: str) -> Outcome:
    """Its one model of ours, under this name."""
    if len(outcome.ours) != 1:
        raise OutcomeError(f"test set {outcome.name}: {len(outcome.ours)} models are ours, an ablation compares one")
    (model,) = outcome.ours
    cost = {name: outcome.cost_ms[model]} if model in outcome.cost_ms else {}
    return replace(outcome, said={name: outcome.said[model]}, titles={}, cost_ms=cost, ours=(), notes={})


def table(ablation: Ablation) -> str:
    """Markdown: a row a technique, and what the verdicts rest on."""
    heads = ["PR-AUC off", "on", "difference", "difference of recall at 2.3 % FPR", "ms an event", "verdict"]
    lines = [f"### {ablation.test}: {ablation.counts}", "", "| technique | " + " | ".join(heads) + " |"]
    lines += ["|---|" + "---:|" * (len(heads) - 1) + "---|", *map(_line, ablation.rows), ""]
    return "\n".join([*lines, *(f"- {note}" for note in _notes(ablation)), ""])


def _line(row: Row) -> str:
    cost = "not measured" if row.cost_ms is None else f"{row.cost_ms:+.3g}"
    differences = (with_bounds(n, found, signed=True) for n, found in (("pr_auc", row.pr_auc), (RECALL, row.recall)))
    values = (f"{row.pr_auc_off:.3f}", f"{row.pr_auc_on:.3f}")
    return f"| {' | '.join([row.technique.title, *values, *differences, cost, row.verdict])} |"


def _notes(ablation: Ablation) -> Iterator[str]:
    rows = ablation.rows
    yield (
        f"In brackets 95 % of {ablation.settings.rounds} paired resamples, the widest of those by events, by days "
        "and by what else the test set is grouped by; seeds are drawn with them."
    )
    yield (
        "A technique whose interval includes zero is off by default. Each is judged alone: of "
        f"{len(rows)} that do nothing, {len(rows) * TAILS[0]:.2g} would be on by chance."
    )
    if rows and min(row.seeds for row in rows) < FEWEST_SEEDS:
        yield f"Fewer than {FEWEST_SEEDS} seeds: how training varies is hardly in the intervals."
    if rows and rows[0].rival is not None:
        yield "The strongest baseline on the same events: {}, PR-AUC {:.3f}.".format(*rows[0].rival)
    else:
        yield "No baseline was measured on the same events: evaluate the boosted trees beside the base."
    if ablation.left_out:
        yield f"Not run for want of time: {', '.join(ablation.left_out)}."


def figures_of(ablation: Ablation) -> list[dict[str, Any]]:
    """The list under `figures` of the one JSON form: a technique on, beside the same without it."""
    return [figure for row in ablation.rows for figure in _figures(ablation.test, row)]


def _figures(test: str, row: Row) -> Iterator[dict[str, Any]]:
    name = row.technique.name
    beside = {"name": f"{name}=off", "value": round(row.pr_auc_off, 5)}
    for label, found in (("pr_auc_gain", row.pr_auc), (f"{RECALL}_gain", row.recall)):
        shown = figure_row(f"{label}@{test}/{name}", "pr_auc", found, beside if label == "pr_auc_gain" else None)
        yield shown | ({"verdict": row.verdict} if label == "pr_auc_gain" else {})
    if row.cost_ms is not None:
        yield {
            "name": f"cost_ms@{test}/{name}", "value": round(row.cost_ms, 5), "unit": "ms", "bar": None,
            "better": "lower", "ok": True,
        }  # fmt: skip
