"""The kinds of things a mapping puts into the graph, as far as a store or a model has to know them."""

from __future__ import annotations

import msgspec


class Relation(msgspec.Struct, frozen=True):
    """A relation, the labels it joins, and those of its attributes that are numbers."""

    name: str
    source: str
    target: str
    numeric: tuple[str, ...] = ()


class GraphSchema(msgspec.Struct, frozen=True):
    """Node labels, relations, and by (label, role) the property names that role owns. All sorted.

    `windowed` names the tables whose edges leave the graph when they are older than the retention window.
    """

    labels: tuple[str, ...]
    relations: tuple[Relation, ...]
    properties: dict[tuple[str, str], tuple[str, ...]]
    windowed: tuple[str, ...] = ()
