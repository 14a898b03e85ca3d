"""The labels of a mirror: a list of lines for each edge they speak of (see graph/shelf.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graph.adjacency_arrays import NONE
from graph.adjacency_lines import ENDS, FRAUD, HALF, HERE, INFO, LABELLED, LAST, LOW, TIME_MS, WINDOWED, packed
from graph.asked import Asked
from graph.edges import Edges
from graph.model import LabelUpsert
from graph.names import Names
from graph.shelf import Shelf


class Labels(Shelf):
    """Labels by number."""

    def __init__(self, asked: Asked, edges: Edges) -> None:
        """None is here."""
        super().__init__(asked)
        self._edges = edges

    @property
    def nbytes(self) -> int:
        """Bytes in use; an edge has 4 for its first label."""
        return 4 * self._edges.names.size + 32 * self.names.size + self.names.nbytes

    def put(self, label: LabelUpsert, owner: int, windowed: bool) -> bool:
        """Take a label of which its owner has nothing yet; False where a line can't say everything of it."""
        spot = self._asked.logs.plain(label.pos)
        info = packed(_flags(label, windowed) | HERE, spot.log, 0) if spot is not None else None
        if spot is None or info is None:
            return False
        self.rows[owner] = label.known_ms, spot.at, self._link(label.event, owner), info
        if windowed:
            self.ages.add(owner)
        return True

    def take(self, op: Any, owner: int, windowed: bool) -> int:
        """See Shelf."""
        number = self._another(owner)
        flags = _flags(op, windowed) | (int(self.rows[owner, INFO]) if number == owner else 0)
        self._put_asked(number, op, owner, (op.known_ms, self._link(op.event, number), flags))
        if windowed:
            self.ages.add(number)
        return number

    def _link(self, event: str, label: int) -> int:
        """Put a label before the others of its event; ENDS of its line."""
        edges = self._edges
        edge = edges.number(event)
        following, edges.told[edge] = int(edges.told[edge]), label
        if edges.rows[edge, INFO] & HERE:
            edges.rows[edge, INFO] |= LABELLED
        return edge << HALF | (following if following != NONE else LAST)

    def op(self, number: int) -> LabelUpsert:
        """See Shelf."""
        ends, owner = int(self.rows[number, ENDS]), self.names.text(self.owner(number))
        event, fraud = self._edges.names.text(ends >> HALF), bool(self.rows[number, INFO] & FRAUD)
        return LabelUpsert(owner, self.pos(number), int(self.rows[number, TIME_MS]), event, fraud)

    def remove(self, numbers: Sequence[int]) -> None:
        """See Shelf. The names of events go too, where nothing is left of them."""
        for number in numbers:
            event = self._unlink(number)
            self._clear(number)
            self._edges.leave(event)

    def _unlink(self, number: int) -> int:
        """Take a label out of its event's list; the event."""
        rows, edges = self.rows, self._edges
        ends = int(rows[number, ENDS])
        event, following = ends >> HALF, ends & LOW
        if edges.told[event] != number:
            at = int(edges.told[event])
            while int(rows[at, ENDS]) & LOW != number:
                at = int(rows[at, ENDS]) & LOW
            rows[at, ENDS] = event << HALF | following
        elif following != LAST:
            edges.told[event] = following
        else:
            edges.told[event] = NONE
            edges.rows[event, INFO] &= ~LABELLED
        return event

    def leave(self, owner: int) -> None:
        """See Shelf."""
        if self.is_empty(owner):
            self.names.forget(owner)

    def freeze(self) -> None:
        """Let go of what only writing and reading whole labels need."""
        self.names, self.chains, self.gone = Names(roles=True), {}, {}


def _flags(label: LabelUpsert, windowed: bool) -> int:
    return WINDOWED * windowed | FRAUD * label.fraud
