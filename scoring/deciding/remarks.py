"""What an answer says of itself that is out of the ordinary: a code for programs, a sentence for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from scoring.score import Score

Code = Literal[
    "network_failed", "rules", "smaller", "unseen", "incomplete", "missing", "stale", "before_window", "no_reasons",
    "other",
]  # fmt: skip
SENTENCES: dict[str, tuple[Code, str]] = {
    "fallback": ("network_failed", "the network failed or drifted: its boosted trees alone gave the probability"),
    "rules": ("rules", "the model failed: the rules gave the probability"),
    "smaller": ("smaller", "less of the neighbourhood was read than the model asks for"),
    "unseen": ("unseen", "the event's own change was not there in time"),
}


class Remark(msgspec.Struct, frozen=True):
    """One thing to know of an answer."""

    code: Code
    text: str


INCOMPLETE = Remark("incomplete", "a row around it could not be read and waits among the dead letters")
NO_REASONS = Remark("no_reasons", "the probability came in time, the reasons did not")
BEFORE_WINDOW = Remark("before_window", "its time lies before the window that the graph keeps")


def missing(names: Sequence[str]) -> Remark:
    """Numbers that the request did not give."""
    return Remark("missing", f"not given, and so scored as nothing: {', '.join(names)}")


def stale(silent_s: float) -> Remark:
    """The graph has not been heard of."""
    return Remark("stale", f"nothing was heard of the bank's changes for {silent_s:,.0f} s")


def of_score(score: Score) -> Iterable[Remark]:
    """What the scorer says."""
    for said in score.remarks:
        code, text = SENTENCES.get(said, ("other", said))
        yield Remark(code, text)
    if score.incomplete:
        yield INCOMPLETE
