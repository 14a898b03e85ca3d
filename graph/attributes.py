"""An edge's relation and attributes in a few bytes: only what differs from edge to edge takes room. Nodes' likewise.

The names and types of the values, in their order, are kept once for all edges of a shape, and so are the first texts of
each name (currencies, channels). What is left is msgpack: the shape, then a value for each name.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from graph.model import Attributes

TEXTS = 1_024  # kept once of each name; what comes after them stands with the edge
LONGEST = 64  # characters of such a text
INT64 = 1 << 63


class Shape(NamedTuple):
    """What edges of one relation with the same attributes share: their names and the types of their values."""

    number: int
    relation: str
    names: tuple[str, ...]
    types: tuple[type, ...]
    texts: tuple[Texts | None, ...]
    plain: bool  # no text among them, and no whole number


class Texts:
    """The texts of one name, numbered as they came."""

    def __init__(self) -> None:
        """None yet."""
        self.numbers: dict[str, int] = {}
        self.found: list[str] = []

    def number(self, text: str) -> int | str:
        """The number of a text; the text itself where there is no room for another."""
        number = self.numbers.get(text)
        if number is not None:
            return number
        return text if len(self.found) >= TEXTS or len(text) > LONGEST else self.keep(text)

    def keep(self, text: str) -> int:
        """The number of a text, room or not."""
        number = self.numbers.setdefault(text, len(self.found))
        if number == len(self.found):
            self.found.append(text)
        return number


class Packing:
    """Packs and unpacks the edges of one store."""

    def __init__(self) -> None:
        """No shape is known."""
        self._shapes: dict[tuple[Any, ...], Shape] = {}
        self._by_number: list[Shape] = []
        self._texts: dict[str, Texts] = {}
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(list[Any]).decode

    def pack(self, relation: str, given: Attributes) -> bytes:
        """Relation (of a node: the role) and attributes. Whole numbers of more than 64 bits are written as text."""
        key = (relation, *given, *map(type, given.values()))
        shape = self._shapes.get(key)
        if shape is None:
            shape = self._new(key, relation, given)
        if shape.plain:
            return self._encode((shape.number, *given.values()))
        values: list[Any] = [shape.number, *given.values()]
        for at, (kind, texts) in enumerate(zip(shape.types, shape.texts, strict=True), 1):
            if texts is not None:
                values[at] = texts.number(values[at])
            elif kind is int and not -INT64 <= values[at] < INT64:
                values[at] = str(values[at])
        try:
            return self._encode(values)
        except UnicodeEncodeError:  # a half of a character, as only Python's own texts can hold
            for at, (texts, value) in enumerate(zip(shape.texts, given.values(), strict=True), 1):
                values[at] = values[at] if texts is None else texts.keep(str(value))
            return self._encode(values)

    def _new(self, key: tuple[Any, ...], relation: str, given: Attributes) -> Shape:
        names, types = tuple(given), tuple(map(type, given.values()))
        pairs = zip(names, types, strict=True)
        texts = tuple(self._texts.setdefault(name, Texts()) if kind is str else None for name, kind in pairs)
        plain = not any(kind in (str, int) for kind in types)
        shape = Shape(len(self._by_number), relation, names, types, texts, plain)
        self._by_number.append(shape)
        self._shapes[key] = shape
        return shape

    def unpack(self, record: bytes) -> tuple[str, Attributes]:
        """Relation and attributes as they were packed."""
        number, *values = self._decode(record)
        shape = self._by_number[number]
        if not shape.plain:
            for at, (kind, texts) in enumerate(zip(shape.types, shape.texts, strict=True)):
                if texts is not None and type(values[at]) is int:
                    values[at] = texts.found[values[at]]
                elif kind is int and type(values[at]) is str:
                    values[at] = int(values[at])
        return shape.relation, dict(zip(shape.names, values, strict=True))
