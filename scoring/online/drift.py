"""How far what a model reads and says now is from what it was made on: PSI by feature and of the score.

The population stability index sums (now - then) * ln(now / then) over bins that held equal shares then (Siddiqi 2006);
by custom 0.1 is a small shift, 0.25 a large one. Shapes: B events, C columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from scoring.baseline import Matrix
from scoring.columns import Floats
from scoring.reference import Reference, log_odds

SMALL, LARGE = 0.1, 0.25
LEAST = 500  # events below which nothing is said


class Shift(msgspec.Struct, frozen=True):
    """How far it is now: PSI by column, of the score, and over how many events."""

    columns: Mapping[str, float]
    score: float
    events: int

    @property
    def worst(self) -> list[tuple[str, float]]:
        """Columns that shifted at all, the farthest first."""
        moved = ((name, value) for name, value in self.columns.items() if value >= SMALL)
        return sorted(moved, key=lambda pair: (-pair[1], pair[0]))


class Recent:
    """The rows and scores of the newest events, a fixed number of them."""

    def __init__(self, most: int = 4_096) -> None:
        """Keep so many: 4,096 of 150 columns are 2.5 MB."""
        self.most, self.seen = most, 0
        self._rows: Matrix | None = None
        self._probability: Floats = np.zeros(most)

    def add(self, rows: Matrix, probability: Floats) -> None:
        """Rows [B, C] and what was said of them [B]; the oldest make room."""
        if self._rows is None or self._rows.shape[1] != rows.shape[1]:
            self._rows, self.seen = np.zeros((self.most, rows.shape[1]), np.float32), 0
        at = (self.seen + np.arange(len(rows))) % self.most
        self._rows[at], self._probability[at] = rows, probability
        self.seen += len(rows)

    def reference(self, names: Sequence[str]) -> Reference | None:
        """These as the reference, where a model brings none; None while there are not enough."""
        if self._rows is None or self.seen < self.most:
            return None
        return Reference.of(names, self._rows, self._probability)

    def shift(self, names: Sequence[str], reference: Reference) -> Shift | None:
        """How far these are from the reference; None while there are not enough."""
        held = min(self.seen, self.most)
        if self._rows is None or held < LEAST:
            return None
        found = {
            name: reference.columns[name].psi(self._rows[:held, at])
            for at, name in enumerate(names[: self._rows.shape[1]])
            if name in reference.columns
        }
        return Shift(found, reference.score.psi(log_odds(self._probability[:held])), held)
