"""The tables and figures of an evaluation: Markdown for people, the one JSON form for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from scoring.control import Control, control
from scoring.core.interval import Interval
from scoring.kinds import RATES, recall_by_kind
from scoring.measured import LOWER, Measured
from scoring.outcome import FEWEST_SEEDS

TITLES = {
    "pr_auc": "PR-AUC",
    "roc_auc": "ROC-AUC",
    "ece": "ECE",
    "ece_mass": "ECE, equal mass",
    "brier": "Brier",
}
GAINS = ("pr_auc", "recall_at_fpr_0.023")  # what ours is compared by
HEADLINE = ("pr_auc", "roc_auc", "recall_at_fpr_0.023", "ece")


def title_of(name: str) -> str:
    """A figure's name for people."""
    if name.startswith("recall_at_fpr_"):
        return f"recall at {float(name.removeprefix('recall_at_fpr_')) * 100:g} % FPR"
    if name.startswith("precision_at_"):
        return f"precision at {int(name.split('_')[2]):,} a day"
    return TITLES.get(name, name)


def number(name: str, value: float) -> str:
    """A figure as printed: the small ones of calibration with a digit more."""
    return f"{value:.4f}" if name in LOWER else f"{value:.3f}"


def bounds(name: str, found: Interval, signed: bool = False) -> str:
    """Its interval as printed."""
    if not found.width < float("inf"):
        return "no interval"
    low, high = (number(name, value) for value in (found.low, found.high))
    if not signed:
        return f"{low}–{high}"
    return f"{'+' * (found.low >= 0)}{low} to {'+' * (found.high >= 0)}{high}"


def with_bounds(name: str, found: Interval, signed: bool = False) -> str:
    """Figure and interval; the figure alone where nothing varies."""
    value = ("+" if signed and found.value >= 0 else "") + number(name, found.value)
    return value if found.width == 0 else f"{value} ({bounds(name, found, signed)})"


def table(results: Sequence[Measured], columns: Sequence[str] | None = None) -> str:
    """Markdown: a table for each test set and one by kind of fraud, the gains of ours, what a reader has to know."""
    return "\n".join(line for result in results for line in _table(result, columns or result.figures))


def _table(result: Measured, columns: Sequence[str]) -> Iterator[str]:
    outcome, costs = result.outcome, result.outcome.cost_ms
    yield f"### {outcome.name}: {counts(result)}"
    yield ""
    heads = ["model", "seeds", *map(title_of, columns), *(["ms an event"] if costs else [])]
    yield "| " + " | ".join(heads) + " |"
    yield "|---|" + "---:|" * (len(heads) - 1)
    for model, scores in outcome.said.items():
        cells = [outcome.title(model), str(len(scores))]
        cells += [with_bounds(name, result.figure(model, name)) for name in columns]
        cells += [f"{costs[model]:.3g}" if model in costs else ""] if costs else []
        yield "| " + " | ".join(cells) + " |"
    yield ""
    yield from _kinds_table(result)
    yield from (f"- {line}" for line in [*gains(result), *notes(result)])
    yield ""


def _kinds_table(result: Measured) -> Iterator[str]:
    outcome, kinds = result.outcome, recall_by_kind(result.outcome, result.settings)
    if not kinds:
        return
    yield "Recall by kind of fraud; the thresholds let through that share of all negatives:"
    yield ""
    yield "| " + " | ".join(["kind of fraud", "events", "FPR", *map(outcome.title, outcome.said)]) + " |"
    yield "|---|" + "---:|" * (2 + len(outcome.said))
    for kind in kinds:
        for place, rate in enumerate(RATES):
            cells = [with_bounds("recall", kind.recall[model][place]) for model in outcome.said]
            yield "| " + " | ".join([kind.kind, f"{kind.events:,}", f"{rate * 100:g} %", *cells]) + " |"
    yield ""


def kinds_of(results: Sequence[Measured]) -> dict[str, dict[str, Any]]:
    """Recall by kind for programs, of the test sets that know kinds: test set → kind → events, model → figure."""
    return {
        result.outcome.name: {
            kind.kind: {
                "events": kind.events,
                "models": {
                    model: {f"recall_at_fpr_{rate:g}": given(found) for rate, found in zip(RATES, each, strict=True)}
                    for model, each in kind.recall.items()
                },
            }
            for kind in recall_by_kind(result.outcome, result.settings)
        }
        for result in results
        if result.outcome.kinds is not None
    }


def counts(result: Measured) -> str:
    """How many events and how many to find."""
    events, positives = len(result.outcome), int(result.outcome.target.sum())
    return f"{events:,} events, {positives:,} of them fraud ({positives / events:.2%})"


def gains(result: Measured) -> list[str]:
    """A sentence for each of ours and each figure it is compared by."""
    outcome = result.outcome
    if not result.rivals:
        return ["No baseline in this table: these figures compare with nothing. Evaluate one beside the model."]
    return [
        f"{_first_large(title_of(name))} of {outcome.title(model)} less that of {outcome.title(rival)}: "
        f"{with_bounds(name, found, signed=True)}{_verdict(found)}."
        for model in outcome.ours
        for rival in result.rivals
        for name in GAINS
        for found in [result.difference(model, rival, name)]
    ] + [_controlled(each) for each in controls(result)]


def controls(result: Measured) -> list[Control]:
    """The edge-shuffle control of this test set; none where none was run."""
    if not result.outcome.control:
        return []
    model, shuffled, rival = result.outcome.control
    return [control(result, model, shuffled, rival)]


def _controlled(found: Control) -> str:
    gain, left = (with_bounds("pr_auc", each, signed=True) for each in (found.gain, found.shuffled))
    return (
        f"Edge-shuffle control: gain in PR-AUC of {found.model} over {found.rival} {gain}, with each event given "
        f"another's neighbourhood {left}: {found.verdict}."
    )


def _first_large(text: str) -> str:
    return text[:1].upper() + text[1:]


def _verdict(found: Interval) -> str:
    return "" if found.above_zero or found.below_zero else ": the interval includes zero"


def notes(result: Measured) -> list[str]:
    """How the figures were made, and where they are weak."""
    outcome, drawn = result.outcome, list(result.samples)
    ways = f"the wider of drawing {' and of drawing '.join(drawn)} anew" if len(drawn) > 1 else "events drawn anew"
    lines = [
        f"In brackets 95 % of {result.settings.rounds} resamples: {ways}; seeds are drawn with them. "
        "Differences are taken on the same resamples.",
        f"Precision at {result.settings.a_day:,} a day: those that score highest on each UTC day; ties by their mean.",
    ]
    if "days" not in drawn:
        lines.append("Too few days to draw whole days: where fraud comes in bursts, the intervals are too narrow.")
    few = [f"{outcome.title(model)} ({len(s)})" for model, s in outcome.said.items() if len(s) < FEWEST_SEEDS]
    if few:
        lines.append(f"Fewer than {FEWEST_SEEDS} seeds, so the interval says little of training: {', '.join(few)}.")
    return lines + [f"{heading}: {said}" for heading, said in outcome.notes.items()]


def figures_of(results: Sequence[Measured]) -> list[dict[str, Any]]:
    """The list under `figures` of the one JSON form: what is ours, each figure beside the strongest baseline's."""
    found = [figure for result in results for model in result.shown for figure in _figures(result, model)]
    return found + [
        figure for result in results for each in controls(result) for figure in control_rows(each, result.outcome.name)
    ]


def control_rows(found: Control, test: str) -> list[dict[str, Any]]:
    """An edge-shuffle control in the JSON form, its verdict beside the last figure."""
    rows = [figure_row(f"control_pr_auc_{name}@{test}", "pr_auc", each, None) for name, each in found.figures.items()]
    rows[-1]["verdict"] = found.verdict
    return rows


def _figures(result: Measured, model: str) -> Iterator[dict[str, Any]]:
    rival = result.rival if result.rival != model else None
    place = result.outcome.name + (f"/{model}" if len(result.shown) > 1 else "")
    for name in result.figures:
        beside = None if rival is None else {"name": rival} | given(result.figure(rival, name))
        yield figure_row(f"{name}@{place}", name, result.figure(model, name), beside)
    others = [other for other in result.rivals if other != model]
    for other, name in ((other, name) for other in others for name in GAINS):
        gain, over = result.difference(model, other, name), "" if other == result.rival else f"_over_{other}"
        beside = {"name": other} | given(result.figure(other, name))
        yield figure_row(f"{name}_gain{over}@{place}", name, gain, beside)
        for side, value in (("low", gain.low), ("high", gain.high)):
            bound = Interval(value, value, value, gain.by)
            yield figure_row(f"{name}_gain{over}_{side}@{place}", name, bound, beside)


def figure_row(label: str, name: str, found: Interval, beside: dict[str, Any] | None) -> dict[str, Any]:
    """One figure in the JSON form: `label` as it is called there, `name` of which figure it is."""
    better = "lower" if name in LOWER else "higher"
    row = {"name": label, **given(found), "unit": "1", "bar": None, "better": better, "ok": True}
    return row if beside is None else row | {"beside": beside}


def given(found: Interval) -> dict[str, Any]:
    """A figure and its interval in the JSON form; null for a bound there is none of."""
    low, high = ((_short(v) if abs(v) < float("inf") else None) for v in (found.low, found.high))
    return {"value": _short(found.value), "low": low, "high": high, "by": found.by}


def models_of(results: Sequence[Measured]) -> dict[str, dict[str, dict[str, dict[str, Any]]]]:
    """Every figure of every model: test set → model → figure."""
    return {
        result.outcome.name: {
            model: {name: given(result.figure(model, name)) for name in result.figures} for model in result.means
        }
        for result in results
    }


def headline(results: Sequence[Measured]) -> dict[str, float]:
    """The few figures a manifest keeps."""
    return {
        f"{model}.{name}@{result.outcome.name}": _short(result.value(model, name))
        for result in results
        for model in result.means
        for name in HEADLINE
    }


def _short(value: float) -> float:
    return round(value, 5)
