"""What lines do not say: where versions stand that have company, or no room in a line, and what ended them."""

from __future__ import annotations

from graph.adjacency_arrays import NONE, Array, Places, Several, grown, made
from graph.logs import Logs, Spot
from graph.numbers import Numbers
from graph.place import place_of


class Asked:
    """Rows of `Several` and `Places`, for edges and labels."""

    def __init__(self, logs: Logs) -> None:
        """Nothing."""
        self.several, self.places = made(Several), made(Places)
        self.logs = logs
        self._several, self._places = Numbers(), Numbers()

    @property
    def ends(self) -> int:
        """How many places that ended a version are kept."""
        return self._places.taken

    @property
    def nbytes(self) -> int:
        """Bytes in use."""
        return 32 * self._several.size + 20 * self._places.size

    def add(self, owner: int, spot: Spot, known_ms: int) -> int:
        """A version's row."""
        row = self._several.take()
        self.several = grown(self.several, row + 1)
        for column, value in zip(self.several, (owner, *spot, known_ms, NONE, NONE), strict=True):
            column[row] = value
        return row

    def close(self, row: int, pos: str, known_ms: int) -> None:
        """The next of the owner in the log ends a version, at the moment it became known."""
        self._end(self.several.closed, row, pos, known_ms)

    def drop(self, row: int, pos: str, known_ms: int) -> None:
        """The version's table was emptied."""
        self._end(self.several.floored, row, pos, known_ms)

    def _end(self, column: Array, row: int, pos: str, known_ms: int) -> None:
        if column[row] == NONE:
            column[row] = self._places.take()
            self.places = grown(self.places, int(column[row]) + 1)
        for part, value in zip(self.places, (*self.logs.spot(place_of(pos)), known_ms), strict=True):
            part[column[row]] = value

    def free(self, row: int) -> None:
        """Let a version's row go, and its ends."""
        for column in (self.several.closed, self.several.floored):
            if column[row] != NONE:
                self._places.free(int(column[row]))
        self._several.free(row)
