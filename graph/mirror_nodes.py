"""The properties of a mirror's nodes, packed: nothing scores by them, they are kept to be given on.

Each row of the bank gives a node the properties of its role; the newest position per node and role wins.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from graph.adjacency_arrays import Array, aligned, wider
from graph.arena import Arena
from graph.attributes import Packing
from graph.logs import Logs, Spot
from graph.model import Attributes, Floor, NodeUpsert
from graph.names import Names

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[int | str, int, int, bytes | None]).decode


class Properties:
    """Nodes' properties by node and role."""

    def __init__(self, logs: Logs) -> None:
        """None are here."""
        self._logs, self._names, self._packing, self._arena = logs, Names(), Packing(), Arena()
        self._records: Array = aligned(64, "i4")
        self._kinds: dict[tuple[str, str], int] = {}  # label and role: names here begin with their number
        self._by_kind: list[tuple[str, str]] = []

    def __len__(self) -> int:
        """Of how many nodes and roles there are properties, empty ones among them."""
        return len(self._names)

    @property
    def nbytes(self) -> int:
        """Bytes in use."""
        return 4 * self._names.size + self._names.nbytes + self._arena.nbytes

    def put(self, node: NodeUpsert, floors: Sequence[Floor]) -> None:
        """Take what a row gives a node, unless something newer is here; below a floor its table is empty."""
        for floor in floors:
            if node.pos < floor.pos:
                node = _emptied(node, floor)
        numbers, fresh = self._names.number_all((f"{self._kind(node.label, node.role)}:{node.id}",))
        number = int(numbers[0])
        if len(fresh):
            if number >= len(self._records):
                self._records = wider(self._records, 2 * number, "i4")
        elif self._place(number) < node.place:
            self._arena.free(int(self._records[number]))
        else:
            return
        self._records[number] = self._arena.put((self._packed(node),))[0]

    def drop(self, floor: Floor) -> None:
        """A table was emptied."""
        for number in range(self._names.size):
            node = self._node(number)
            if node.role == floor.table and node.pos < floor.pos:
                self.put(_emptied(node, floor), ())

    def dump(self, first: int, last: int) -> list[NodeUpsert]:
        """Those with the numbers from `first` to before `last`."""
        return [self._node(number) for number in range(first, min(last, self._names.size))]

    def _packed(self, node: NodeUpsert) -> bytes:
        spot = self._logs.plain(node.pos)
        given = None if node.properties is None else self._packing.pack(node.role, node.properties)
        return _encode((node.pos, 0, node.known_ms, given) if spot is None else (*spot, node.known_ms, given))

    def _read(self, number: int) -> tuple[str, int, bytes | None]:
        """Position, when it became known, and the packed properties."""
        log, at, known_ms, given = _decode(self._arena.get(int(self._records[number])))
        return log if isinstance(log, str) else self._logs.token(Spot(log, at)), known_ms, given

    def _place(self, number: int) -> tuple[str, bool]:
        """See NodeUpsert.place."""
        pos, _, given = self._read(number)
        return pos, given is not None

    def _node(self, number: int) -> NodeUpsert:
        kind, _, id = self._names.text(number).partition(":")
        label, role = self._by_kind[int(kind)]
        pos, known_ms, given = self._read(number)
        properties: Attributes | None = None if given is None else self._packing.unpack(given)[1]
        return NodeUpsert(label, id, role, pos, known_ms, properties)

    def _kind(self, label: str, role: str) -> int:
        kind = self._kinds.setdefault((label, role), len(self._by_kind))
        if kind == len(self._by_kind):
            self._by_kind.append((label, role))
        return kind


def _emptied(node: NodeUpsert, floor: Floor) -> NodeUpsert:
    return NodeUpsert(node.label, node.id, node.role, floor.pos, floor.known_ms, None)
