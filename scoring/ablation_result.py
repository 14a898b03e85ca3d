"""What an ablation found: its table, the edge-shuffle control behind it, and how the figures were made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from scoring import ablation, control
from scoring.ablation import Ablation
from scoring.ablation_ledger import Ledger
from scoring.ablation_run import MODEL
from scoring.ablation_variants import BASE, SHUFFLED, Reads, Variant
from scoring.control import Control
from scoring.measured import Settings, measure
from scoring.outcome import Outcome, joined
from scoring.report import control_rows, with_bounds

OWN_ROW = "lightgbm_row"  # reads no edges
COST = (
    "Milliseconds an event: a forward pass of one event on one thread, mean over test events; topology with its "
    "computation; without reading the neighbourhood and the long look back. A teacher's training is not in them."
)


@dataclass(frozen=True, slots=True)
class Result:
    """The rows, the control where it was run, and notes by heading."""

    ablation: Ablation
    control: Control | None
    notes: dict[str, str]


def result_of(ledger: Ledger, variants: Sequence[Variant], settings: Settings | None = None) -> Result:
    """Make the tables of what is finished.

    Raises:
        OutcomeError: the base is not finished, or a file is damaged.
    """
    chosen = settings or Settings()
    base = ledger.outcome(BASE.name)
    made = {each.name: ledger.outcome(each.name) for each in variants if each.name in ledger.finished}
    shuffled = ledger.outcome(SHUFFLED.name) if SHUFFLED.name in ledger.finished else None
    rows = ablation.ablate(base, made, [variant.technique for variant in variants], chosen)
    notes = dict(base.notes)
    for outcome in made.values():
        notes |= outcome.notes
    alike = [made[each.name] for each in variants if each.name in made and not each.options and each.reads == Reads()]
    if alike:
        apart = max(abs(_cost(each) - _cost(base)) for each in alike)
        notes["Noise"] = f"networks that compute what the base does differ from it by up to {apart:.2g} ms an event."
    return Result(rows, None if shuffled is None else _control(base, shuffled, chosen), notes)


def _cost(outcome: Outcome) -> float:
    return outcome.cost_ms.get(MODEL, 0.0)


def _control(base: Outcome, shuffled: Outcome, settings: Settings) -> Control:
    pair = joined(base.of([OWN_ROW, MODEL]), shuffled)
    return control.control(measure(pair, settings), MODEL, f"{MODEL}@2", OWN_ROW)


def markdown(result: Result) -> str:
    """For people."""
    parts = [ablation.table(result.ablation)]
    if result.control is not None:
        parts.append(control_table(result.control))
    else:
        parts.append("The edge-shuffle control was not run for want of time.\n")
    parts.append("".join(f"- {line}\n" for line in _notes(result)))
    return "\n".join(parts)


def _notes(result: Result) -> Iterator[str]:
    yield from (f"{heading}: {said}" for heading, said in result.notes.items())
    yield COST


def figures(result: Result) -> list[dict[str, Any]]:
    """The list under `figures` of the one JSON form."""
    found = ablation.figures_of(result.ablation)
    if result.control is not None:
        found += control_rows(result.control, result.ablation.test)
    return found


def control_table(found: Control) -> str:
    """Markdown: the gain, the gain with shuffled edges, and the verdict."""
    rows = (
        (f"gain of {found.model} over {found.rival}", found.gain, found.verdict),
        ("gain with shuffled edges", found.shuffled, ""),
        ("what the edges add", found.graph, ""),
    )
    lines = ["| PR-AUC | difference | verdict |", "|---|---:|---|"]
    lines += [f"| {name} | {with_bounds('pr_auc', each, signed=True)} | {said} |" for name, each, said in rows]
    return "\n".join([*lines, ""])
