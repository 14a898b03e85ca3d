"""What a rule found, and what several findings come to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found: its name, how strongly (0 to 1), why, in a sentence, and whether it is an alert by itself."""

    rule: str
    strength: float
    sentence: str
    alert: bool = False


def ranked(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Strongest first."""
    return tuple(sorted(found, key=lambda finding: (-finding.strength, finding.rule)))


def total(found: Iterable[Finding]) -> float:
    """One score, 0 to 1: the chance that at least one of independent findings is right (noisy or)."""
    silent = 1.0
    for finding in found:
        silent *= 1.0 - finding.strength
    return 1.0 - silent


def demanded(found: Iterable[Finding]) -> str | None:
    """The rule that asks for an alert, whatever the model says: the strongest that fired and may; None: none does."""
    return next((finding.rule for finding in ranked(found) if finding.alert), None)
