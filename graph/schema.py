"""The kinds of things a mapping puts into the graph, as far as a store or a model has to know them."""

from __future__ import annotations

from typing import Literal

import msgspec


class Relation(msgspec.Struct, frozen=True):
    """A relation, the labels it joins, those of its attributes that are numbers, and categories, and all of them.

    `tables` are those that give it, sorted; empty where nobody said.
    """

    name: str
    source: str
    target: str
    numeric: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()


class GraphSchema(msgspec.Struct, frozen=True):
    """Node labels, relations, and by (label, role) the property names that role owns. All sorted.

    `windowed` names the tables whose edges (and their labels) leave the graph behind the retention window.
    """

    labels: tuple[str, ...]
    relations: tuple[Relation, ...]
    properties: dict[tuple[str, str], tuple[str, ...]]
    windowed: tuple[str, ...] = ()

    @property
    def tables(self) -> dict[str, tuple[str, ...]]:
        """By label, the tables whose rows say something of its nodes."""
        return {label: tuple(sorted(role for of, role in self.properties if of == label)) for label in self.labels}

    def reach(self, relation: Relation) -> Literal["none", "some", "all"]:
        """How much of a relation retention speaks of: edges of no table that gives it, of some, or of all."""
        inside = [table in self.windowed for table in relation.tables]
        if not self.windowed or (inside and not any(inside)):
            return "none"
        return "all" if inside and all(inside) else "some"
