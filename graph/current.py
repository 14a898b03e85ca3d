"""The graph as it stands now, in a form that a table's rows can be compared with: facts, named and valued.

A fact is a node's properties from one table, an open edge or an open label. Positions and times of
knowing are left out: a row does not say by which change it came about.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import msgspec

from graph.mapping_file import TableRule
from graph.model import Attributes, EdgeUpsert, LabelUpsert, NodeUpsert, Upsert, node_key
from graph.node_ids import id_of, keys_of

LABELS = "_Label"  # the kind of every label, beside the relations
Name = tuple[str, str]  # ("node", "User:17"), ("TRANSFER", "transfers:9:transfer"), ("_Label", owner)
NODE = "node"


class Fact(msgspec.Struct, frozen=True):
    """What stands under a name. `at_ms` is what a retention horizon compares, None where it never applies."""

    value: Attributes
    at_ms: int | None = None


Facts = dict[Name, Fact]


class Asked(msgspec.Struct):
    """What to look up: ids of nodes by label, owners by relation or LABELS."""

    nodes: dict[str, list[str]] = {}
    owners: dict[str, list[str]] = {}

    @classmethod
    def of(cls, names: Iterable[Name]) -> Asked:
        """Sorted by where they are looked up."""
        asked = cls({}, {})
        for kind, name in names:
            if kind == NODE:
                label, _, id = name.partition(":")
                asked.nodes.setdefault(label, []).append(id)
            else:
                asked.owners.setdefault(kind, []).append(name)
        return asked


class GraphReader(Protocol):
    """What a comparison reads of a graph. Every answer is of this moment."""

    def held(self, table: str, asked: Asked) -> Facts:
        """What of these is open. An owner with several open versions has one fact that says so.

        Raises:
            StoreUnavailable: no answer.
        """
        ...

    def standing(self, table: str, kind: Name, after: str, limit: int) -> Sequence[str]:
        """Ids of nodes, or owners, that the table gives and that are open, in the order of their names.

        Args:
            table: whose.
            kind: ("node", label), (relation, "") or (LABELS, "").
            after: the last of the page before; empty for the first.
            limit: at most so many, none only when there are no more.

        Raises:
            StoreUnavailable: no answer.
        """
        ...

    def horizon_ms(self) -> int | None:
        """What retention forgets is older than this; None where it forgets nothing.

        Raises:
            StoreUnavailable: no answer.
        """
        ...


def facts_of(upserts: Iterable[Upsert]) -> Facts:
    """What a row's upserts leave standing."""
    return dict(_fact(u) for u in upserts if isinstance(u, EdgeUpsert | LabelUpsert) or _stands(u))


def _stands(upsert: Upsert) -> bool:
    return isinstance(upsert, NodeUpsert) and upsert.properties is not None


def _fact(upsert: Upsert) -> tuple[Name, Fact]:
    match upsert:
        case EdgeUpsert():
            return (upsert.relation, upsert.owner), edge_fact(upsert.src, upsert.dst, upsert.time_ms, upsert.attributes)
        case LabelUpsert():
            return (LABELS, upsert.owner), label_fact(upsert.event, upsert.fraud, upsert.known_ms)
        case NodeUpsert():
            return (NODE, upsert.key), Fact(dict(upsert.properties or {}))
    raise TypeError(f"{type(upsert).__name__} says nothing of what stands")


def edge_fact(src: str, dst: str, time_ms: int, attributes: Mapping[str, object]) -> Fact:
    """An edge: its attributes, and under names that no mapping can give, where and when it is."""
    return Fact({**attributes, "_src": src, "_dst": dst, "_time": time_ms}, time_ms)  # type: ignore[dict-item]


def label_fact(event: str, fraud: bool, known_ms: int) -> Fact:
    """A label: what it says of which event."""
    return Fact({"event": event, "fraud": fraud}, known_ms)


def several(count: int) -> Fact:
    """Of one owner at most one version is open; more are a fault of the store."""
    return Fact({"_versions": count})


def names_of(rule: TableRule, table: str, key: str) -> Iterator[Name]:
    """Every name that a row of this key may stand under."""
    mine = cells(key)
    for node in rule.nodes:
        if (id := id_of(node.id, rule.key, mine)) is not None:
            yield NODE, node_key(node.label, id)
    yield from ((edge.relation, f"{table}:{key}:{edge.role}") for edge in rule.edges)
    yield from ((LABELS, f"{table}:{key}:{label.role}") for label in rule.labels)


def kinds_of(rule: TableRule) -> list[Name]:
    """What a table gives, as `GraphReader.standing` asks for it."""
    relations = dict.fromkeys((edge.relation, "") for edge in rule.edges)
    return [*((NODE, node.label) for node in rule.nodes), *relations, *([(LABELS, "")] if rule.labels else [])]


def kind_of(name: Name) -> Name:
    """The kind a name is of, as `kinds_of` gives it."""
    return (NODE, name[1].partition(":")[0]) if name[0] == NODE else (name[0], "")


def keys_behind(rule: TableRule, kind: Name, name: str) -> list[str]:
    """The keys of the rows that may be behind a standing name, as `kinds_of` gives its kind. An owner says its row;
    a node's id may read in several ways (`graph.node_ids.keys_of`), or in none.
    """
    if kind[0] != NODE:
        return [name.rpartition(":")[0].partition(":")[2]]
    return [key for node in rule.nodes if node.label == kind[1] for key in keys_of(node.id, rule.key, name)]


def cells(key: str) -> list[str]:
    """The cells of a key's text, as they were."""
    return [cell.replace("%7C", "|").replace("%3A", ":").replace("%25", "%") for cell in key.split("|")]
