"""How a long run tells where it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


def _nobody(*_: object) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True)
class Told:
    """Whom a run tells.

    Attributes:
        say: a line that stays.
        at: what runs now, and which share of the whole is done, from 0 to 1.
    """

    say: Callable[[str], None] = _nobody
    at: Callable[[str, float], None] = _nobody


NOBODY = Told()
