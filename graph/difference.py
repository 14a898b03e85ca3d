"""One thing in which a table and the graph disagree, and how a row is compared with what the graph holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal

import msgspec

from graph.current import LABELS, NODE, Fact, Facts, Name

What = Literal["missing", "extra", "differing", "refused"]
Found = dict[Name, tuple[What, tuple[str, ...]]]
Forgets = Callable[[Name, Fact], bool]


class Difference(msgspec.Struct, frozen=True, omit_defaults=True):
    """A node, edge or label that is not as its table has it.

    It holds no values: a row may be about a person, and this is printed. `fields` names what differs.
    """

    table: str
    key: str
    what: What
    kind: str  # node, edge or label; row for a row the mapping refuses
    name: str  # Label:id, or relation and owner
    fields: tuple[str, ...] = ()
    reason: str = ""
    mended: bool = False

    @property
    def line(self) -> str:
        """For people."""
        said = f" ({', '.join(field.lstrip('_') for field in self.fields)})" if self.fields else ""
        why = f": {self.reason}" if self.reason else ""
        return f"{self.what} {self.kind} {self.name}{said}{why}{', mended' if self.mended else ''}"


def compare(wanted: Facts, held: Facts, forgets: Forgets = lambda name, fact: False) -> Found:
    """What differs, by name. What `forgets` says of a fact lies behind the retention horizon: it may be there or not.

    A row behind it that says something else than stands before it is as good as none: what stands is extra.
    """
    found: Found = {}
    for name, fact in wanted.items():
        there = held.get(name)
        if there is None:
            if not forgets(name, fact):
                found[name] = "missing", ()
        elif there.value != fact.value:
            if not forgets(name, fact):
                found[name] = "differing", _fields(fact.value, there.value)
            elif not forgets(name, there):
                found[name] = "extra", ()
    for name in held.keys() - wanted.keys():
        if not forgets(name, held[name]):
            found[name] = "extra", ()
    return found


def _fields(one: Mapping[str, object], other: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name)))


def shown(table: str, key: str, name: Name, what: What, fields: Iterable[str] = ()) -> Difference:
    """A difference as it is told."""
    kind = "node" if name[0] == NODE else "label" if name[0] == LABELS else "edge"
    return Difference(table, key, what, kind, name[1] if kind != "edge" else f"{name[0]} {name[1]}", tuple(fields))
