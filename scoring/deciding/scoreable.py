"""What can be asked about: the mapping's events, their ends and attributes, and how a raw contact becomes a node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graph.bound import CONTACT_KINDS
from graph.columns import ID_LIMIT, hashed, typed
from graph.mapping_file import EdgeRule, MappingFile, NodeRef, Property
from graph.model import Attributes, node_key, split_key
from ingest.events import Reject
from scoring.deciding.problem import Problem

HASH_LENGTH = 32  # hexadecimal digits of a hashed contact
NUMBERS = ("integer", "decimal", "number")

RawEnd = str | dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class End:
    """An end of an event: its label, and the kinds of contact it may be; without any it is no contact."""

    label: str
    kinds: tuple[str, ...] = ()

    @classmethod
    def of(cls, ref: NodeRef) -> End:
        """As the mapping has it."""
        if ref.hash is not None:
            return cls(ref.label, (ref.hash,))
        return cls(ref.label, CONTACT_KINDS if ref.hash_column is not None else ())


@dataclass(frozen=True, slots=True)
class Shape:
    """One rule that makes events: the table and role its ids begin and end with, its ends and attributes."""

    table: str
    role: str
    relation: str
    source: End
    target: End
    attributes: Mapping[str, Property]

    def owns(self, id: str) -> bool:
        """Whether an event's id is one of this rule's."""
        return id.startswith(f"{self.table}:") and id.endswith(f":{self.role}")

    def read(self, given: Mapping[str, Any]) -> Attributes:
        """Attributes as the graph holds them: what the columns hold, decimals in minor units.

        Raises:
            Problem: one is not the rule's, or not of its type.
        """
        found: Attributes = {}
        for name, value in given.items():
            if (rule := self.attributes.get(name)) is None:
                known = ", ".join(sorted(self.attributes)) or "none"
                raise Problem("attribute", f"{self.relation} has no attribute of that name; it has: {known}",
                              pointer("attributes", name), "leave it out, or map it")  # fmt: skip
            try:
                read = typed(value, rule.type, rule.scale, name)
            except Reject as error:
                raise Problem("attribute", str(error).removeprefix("column "), pointer("attributes", name),
                              f"send what the column {rule.column} holds") from None  # fmt: skip
            if read is not None:
                found[name] = read
        return found

    def lacks(self, given: Attributes) -> list[str]:
        """Numbers a model may read that were not given."""
        return sorted(name for name, rule in self.attributes.items() if rule.type in NUMBERS and name not in given)


class Scoreable:
    """The events of a mapping."""

    def __init__(self, file: MappingFile, contact_key: bytes | None) -> None:
        """Without the HMAC key of contacts, raw contacts are refused."""
        self._key = contact_key
        self.shapes = tuple(
            _shape(table, edge) for table, rule in file.tables.items() for edge in rule.edges if edge.event
        )

    @property
    def relations(self) -> tuple[str, ...]:
        """Those that can be asked about, sorted."""
        return tuple(sorted({shape.relation for shape in self.shapes}))

    def find(self, relation: str, ends: Sequence[str], id: str) -> Shape:
        """The rule an event of this relation between these labels comes from; its id decides between several.

        Raises:
            Problem: there is none.
        """
        of = [shape for shape in self.shapes if shape.relation == relation]
        if not of:
            raise Problem("relation", f"no relation of that name is scored; these are: {', '.join(self.relations)}",
                          "/relation", "name one of them")  # fmt: skip
        fit = [shape for shape in of if [shape.source.label, shape.target.label] == list(ends)]
        if not fit:
            joins = " or ".join(sorted({f"{shape.source.label} to {shape.target.label}" for shape in of}))
            raise Problem("relation", f"{relation} goes from {joins}", "/src", "send keys such as "
                          f"{of[0].source.label}:17 and {of[0].target.label}:18")  # fmt: skip
        return next((shape for shape in fit if shape.owns(id)), fit[0])

    def node(self, end: End, raw: RawEnd, where: str) -> str:
        """The node's key. A contact given raw is hashed here, and no message repeats it.

        Raises:
            Problem: it is none.
        """
        if isinstance(raw, str):
            return _key(end, raw, where)
        kind, text = _contact(end, raw, where)
        if self._key is None:
            raise Problem("contact", "this server has no key of contacts", where,
                          "start it with RINGWATCH_CONTACT_KEY, or send the node's key")  # fmt: skip
        made = hashed(text, kind, self._key)
        if made is None:
            raise Problem("contact", f"nothing is left of this {kind} once it is normalised", where, "send a real one")
        return node_key(end.label, made)


def label_of(raw: RawEnd, where: str) -> str:
    """The label of an end as it was sent.

    Raises:
        Problem: it names none, or several.
    """
    if isinstance(raw, str):
        label, id = split_key(raw)
        if not label or not 0 < len(id) <= ID_LIMIT or not raw.isprintable():
            raise Problem("field", f"no node's key: a label, a colon, and 1 to {ID_LIMIT} printable characters", where,
                          "send a key such as Account:17")  # fmt: skip
        return label
    if len(raw) != 1:
        raise Problem("field", f"an object of {len(raw)} labels, expected one", where,
                      'send {"Contact": {"phone": "…"}}')  # fmt: skip
    return next(iter(raw))


def pointer(*parts: str) -> str:
    """A JSON Pointer (RFC 6901)."""
    return "".join(f"/{part.replace('~', '~0').replace('/', '~1')[:60]}" for part in parts)


def _shape(table: str, edge: EdgeRule) -> Shape:
    return Shape(table, edge.role, edge.relation, End.of(edge.source), End.of(edge.target), edge.attributes)


def _key(end: End, raw: str, where: str) -> str:
    label, id = split_key(raw)
    if end.kinds and not (len(id) == HASH_LENGTH and set(id) <= set("0123456789abcdef")):
        raise Problem("contact", f"a {label} is named by its hash, {HASH_LENGTH} hexadecimal digits", where,
                      f'send it raw, and it is hashed here: {{"{label}": {{"{end.kinds[0]}": "…"}}}}')  # fmt: skip
    return node_key(label, id)


def _contact(end: End, raw: dict[str, dict[str, str]], where: str) -> tuple[str, str]:
    """Kind and text of a contact that was sent raw."""
    if not end.kinds:
        raise Problem("contact", f"a {end.label} is not hashed", where, f"send its key: {end.label}:17")
    inside = raw[end.label]
    kind, text = next(iter(inside.items())) if len(inside) == 1 else ("", "")
    if kind not in end.kinds or len(text) > ID_LIMIT:
        raise Problem("contact", f"expected one of {', '.join(end.kinds)}, with at most {ID_LIMIT} characters", where,
                      f'send {{"{end.label}": {{"{end.kinds[0]}": "…"}}}}')  # fmt: skip
    return kind, text
