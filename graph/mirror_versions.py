"""What a mirror holds of edges and labels, with the horizons and floors that act on it. No lock is around it here."""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from itertools import compress

from graph.adjacency import Adjacency
from graph.ages import Ages
from graph.horizons import Horizons
from graph.logs import Spot
from graph.model import EdgeUpsert, Floor, Gone, LabelUpsert, table_of
from graph.place import place_of
from graph.shelf import Shelf
from graph.store import StoreRefused
from graph.versions import Held, Version

Deletion = tuple[Shelf, int, Gone]  # with its number there


class Versions:
    """Versions and deletions of edges and of labels, which are apart: an owner of both has a chain of each."""

    def __init__(self, windowed: Collection[str]) -> None:
        """`windowed` names the tables whose edges, with their labels, retention speaks of."""
        self.adjacency = Adjacency()
        self.horizons = Horizons(frozenset(windowed))
        self.floors: dict[str, list[Floor]] = defaultdict(list)
        self.deletions: Ages[Deletion] = Ages(_known_ms, list)
        self.shelves: tuple[Shelf, Shelf] = (self.adjacency.edges, self.adjacency.labels)

    # -- writing ------------------------------------------------------------------------------

    def plain(self, edge: EdgeUpsert) -> Spot | None:
        """Where an edge stands of which nothing special is known: most are, and `put_edges` takes them together."""
        if edge.time_ms < self.horizons.retention_ms and self.horizons.reaches(edge):
            return None
        if self.floors and self._floor_of(edge.owner, edge.pos) is not None:
            return None
        return self.adjacency.logs.plain(edge.pos)

    def put_edges(self, edges: Sequence[EdgeUpsert], spots: Sequence[Spot]) -> None:
        """Owners that have nothing yet get a line each; the others are put one by one."""
        if not edges:
            return
        tables = self.horizons.windowed
        windowed = [table_of(edge.owner) in tables for edge in edges] if tables else [False] * len(edges)
        taken = self.adjacency.edges.put(edges, spots, windowed)
        if taken.min() < 0:
            for edge in compress(edges, (taken < 0).tolist()):
                self.put(edge)

    def put(self, op: Version | Gone) -> bool:
        """Take whatever it is, unless it is here or hidden; whether it was taken.

        Raises:
            StoreRefused: its position is none.
        """
        if not isinstance(op, Gone) and self.horizons.hides(op):
            return False
        check(op.owner, op.pos)
        shelf, windowed = self.shelf(op), not isinstance(op, Gone) and self.horizons.reaches(op)
        owner, floor = shelf.number(op.owner), self._floor_of(op.owner, op.pos)
        labels = self.adjacency.labels
        if isinstance(op, LabelUpsert) and floor is None and shelf.is_empty(owner) and labels.put(op, owner, windowed):
            return True
        item = shelf.add(op, owner, windowed)
        if item is None:
            return False
        if isinstance(op, Gone):
            self.deletions.add((shelf, item, op))
        elif floor is not None:
            shelf.drop(item, floor.pos, floor.known_ms)
        return True

    def shelf(self, op: Version | Gone) -> Shelf:
        """Where such a thing is."""
        label = op.kind is None if isinstance(op, Gone) else isinstance(op, LabelUpsert)
        return self.shelves[label]

    def _floor_of(self, owner: str, pos: str) -> Floor | None:
        """Of the floors above a version the lowest: it ended there."""
        floors = self.floors.get(table_of(owner), ())
        return next((floor for floor in floors if pos < floor.pos), None)

    def put_floor(self, floor: Floor) -> None:
        """What is below it ends there.

        Raises:
            StoreRefused: its position is none.
        """
        check(floor.table, floor.pos)
        insort(self.floors[floor.table], floor, key=lambda f: f.pos)
        for shelf in self.shelves:
            for owner in shelf.owned():
                name = shelf.names.text(owner)
                if table_of(name) == floor.table:
                    self._drop(shelf, owner, name)

    def _drop(self, shelf: Shelf, owner: int, name: str) -> None:
        """End what an owner has below floors."""
        for item in shelf.items(owner):
            below = self._floor_of(name, shelf.pos(item)) if item >= 0 else None
            if below is not None:
                shelf.chain(owner)
                shelf.drop(item, below.pos, below.known_ms)

    # -- reading ------------------------------------------------------------------------------

    def holds(self, owner: str, pos: str) -> bool:
        """Whether a version or deletion of that position is here."""
        return any(shelf.holds(owner, pos) for shelf in self.shelves)

    def remaining(self, shelf: Shelf, first: int, last: int) -> Iterator[Version | Gone]:
        """What is left of the owners with these numbers."""
        for owner in shelf.owned(first, last):
            yield from self.horizons.remaining(map(Held, shelf.ops(owner)))

    # -- forgetting ---------------------------------------------------------------------------

    def sweep(self, limit: int) -> int:
        """Remove up to so many things behind the horizons: found by their age, so it costs what it removes."""
        swept = 0
        for shelf in self.shelves:
            swept += self._sweep(shelf, limit - swept)
        deletions = self.deletions.take(self.horizons.purge_ms, limit - swept)
        for shelf, item, gone in deletions:
            self._forget(shelf, item, gone)
        return swept + len(deletions)

    def _sweep(self, shelf: Shelf, limit: int) -> int:
        old = shelf.ages.take(self.horizons.retention_ms, limit)
        owners = [shelf.owner(number) for number in old]
        shelf.remove(old)
        for owner, number in zip(owners, old, strict=True):
            following = shelf.take_out(owner, number)
            if following is not None and following < 0 and self.horizons.forgets(shelf.gone[following]):
                self._forget(shelf, following, shelf.gone[following])
        for owner in dict.fromkeys(owners):
            if shelf.names.is_named(owner):  # a deletion may have been its last
                shelf.leave(owner)
        return len(old)

    def _forget(self, shelf: Shelf, item: int, gone: Gone) -> None:
        """A deletion, where it closes nothing. One that closes a version goes with that version."""
        owner = shelf.names.find(gone.owner)
        if item in shelf.gone and not shelf.closes(owner, item):
            shelf.take_out(owner, item)
            shelf.leave(owner)


def check(what: str, pos: str) -> None:
    """Make sure that a position is one.

    Raises:
        StoreRefused: it is none.
    """
    try:
        place_of(pos)
    except ValueError as error:
        raise StoreRefused(f"{what}: {error}") from error


def _known_ms(deletion: Deletion) -> int:
    return deletion[2].known_ms
