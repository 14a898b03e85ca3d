"""How far behind the scorer is, and how much less it reads of a neighbourhood then."""

from __future__ import annotations

from dataclasses import dataclass

from graph.model import Caps

LEAST = 2  # edges of a kind that are read however far behind


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds behind from which neighbourhoods are halved, then quartered; below `back` of a limit it is undone.

    Two seconds are four times what a commit takes to its score (`ringwatch bench latency`): a burst alone does not
    reach them.
    """

    behind_s: tuple[float, ...] = (2.0, 10.0)
    back: float = 0.5


class Load:
    """The level it works at: 0 is all a model asks for, each further one halves what is read of each hop."""

    def __init__(self, limits: Limits | None = None) -> None:
        """At rest."""
        self.limits = limits or Limits()
        self.level = 0
        self.behind_s = 0.0

    def observe(self, behind_s: float) -> int:
        """The oldest event that waits has waited so long: the level from now on.

        Up at once, as far as need be; down one at a time, and only well below the limit, so that it does not swing.
        """
        self.behind_s = behind_s
        due = sum(behind_s >= limit for limit in self.limits.behind_s)
        if due > self.level:
            self.level = due
        elif self.level and behind_s < self.limits.behind_s[self.level - 1] * self.limits.back:
            self.level -= 1
        return self.level

    def caps(self, whole: Caps) -> Caps:
        """What of a model's caps is read at this level."""
        return Caps(tuple(max(LEAST, cap >> self.level) if cap > LEAST else cap for cap in whole.per_hop))
