"""What the demo bank's model has to hold: at 2.3 % false positives more than the rules find at 5.1 %."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from scoring.measured import Measured
from scoring.report import figure_row, given, with_bounds

AIM = 0.89
OURS, THEIRS = ("hybrid", "recall_at_fpr_0.023"), ("rules", "recall_at_fpr_0.051")


def bar_rows(results: Sequence[Measured]) -> list[dict[str, Any]]:
    """A figure for each test set, in the one JSON form: the model's recall, its bar, the rules' beside it."""
    return [_row(result) for result in results]


def _row(result: Measured) -> dict[str, Any]:
    found, rules = result.figure(*OURS), result.figure(*THEIRS)
    beside = {"name": ".".join(THEIRS)} | given(rules)
    label = f"{'.'.join(OURS)}_beside_{'.'.join(THEIRS)}@{result.outcome.name}"
    return figure_row(label, OURS[1], found, beside) | {"bar": AIM, "ok": found.value >= AIM}


def bar_lines(results: Sequence[Measured]) -> Iterator[str]:
    """The same as sentences, one for each test set."""
    for result in results:
        found, rules = result.figure(*OURS), result.figure(*THEIRS)
        yield (
            f"- {result.outcome.name}: recall of {result.outcome.title(OURS[0])} at 2.3 % false positives "
            f"{with_bounds(OURS[1], found)} (aim {AIM}); of the {result.outcome.title(THEIRS[0])} at 5.1 % "
            f"{with_bounds(THEIRS[1], rules)}."
        )
