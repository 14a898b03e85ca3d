"""What the graph is made of: upserts that build it, events to score, and the subgraph around one.

Times are milliseconds since 1970 UTC. A position is a `Position.token`, which sorts as text. A node
is named `Label:id` (`Account:17`). An owner names the row and role something comes from:
`table:key:role` (`transfers:981:transfer`).

Two clocks: an edge or label happened at its event time and became known when its row was committed.
Each change of a row makes a new version of what the row owns; a version is closed by the next
version, or the deletion, of the same owner. Nothing is overwritten.
"""

from __future__ import annotations

from sys import intern
from typing import Literal

import msgspec

Scalar = str | int | float | bool | None
Attributes = dict[str, Scalar]


class NodeUpsert(msgspec.Struct, frozen=True, tag="node", gc=False):
    """The properties one row gives a node; None when the row is gone.

    Mutable properties are shown to people and are no features. `role` is the table (and role) that
    owns these properties: the newest position per (node, role) wins, and roles own disjoint names.
    """

    label: str
    id: str
    role: str
    pos: str
    known_ms: int
    properties: Attributes | None  # never holds None: SQL's NULL is a property that is not there

    @property
    def key(self) -> str:
        """The node's name, `Label:id`."""
        return f"{self.label}:{self.id}"

    @property
    def place(self) -> tuple[str, bool]:
        """What the newest is found by. A row of a snapshot stands at the floor its end sets, and so does a row
        that this floor took away: the one that was read again wins.
        """
        return self.pos, self.properties is not None


class EdgeUpsert(msgspec.Struct, frozen=True, tag="edge", gc=False):
    """One version of an edge. `relation` runs from `src` to `dst`, both `Label:id`."""

    owner: str
    pos: str
    known_ms: int
    relation: str
    src: str
    dst: str
    time_ms: int
    attributes: Attributes


class LabelUpsert(msgspec.Struct, frozen=True, tag="label", gc=False):
    """One version of a fraud report: it says of `event` (an edge's owner) whether it is fraud.

    `known_ms` is the later of reported and committed: before it the label is no evidence.
    """

    owner: str
    pos: str
    known_ms: int
    event: str
    fraud: bool


class Gone(msgspec.Struct, frozen=True, tag="gone", gc=False):
    """The row behind an edge (`kind` names its relation) or a label (`kind` is None) was deleted."""

    owner: str
    pos: str
    known_ms: int
    kind: str | None


class Floor(msgspec.Struct, frozen=True, tag="floor"):
    """Every row of `table` below `pos` is gone (TRUNCATE, or a whole snapshot that was completed)."""

    table: str
    pos: str
    known_ms: int


class Incomplete(msgspec.Struct, frozen=True, tag="incomplete"):
    """Whether a row (`table:key`) waits for a record of it that was refused. The highest `seq` wins.

    `seq` is the record's offset in its partition: the log brings the records of one key in order. `pos` is the newest
    position among the row's refused records, empty where none could be read that far: a change from before it does
    not stand for them.
    """

    row: str
    seq: int
    marked: bool
    pos: str = ""


class Horizon(msgspec.Struct, frozen=True, tag="horizon"):
    """What is older is forgotten. The highest `before_ms` of a kind wins.

    retention: edges of windowed tables with an event time below it, and their labels known before it; what
        arrives later from below it is dropped on arrival.
    purge: deletion markers known before it. Changes committed before it are no longer taken (the
        worker counts them), since the marker that would have met them may be gone.
    """

    kind: Literal["retention", "purge"]
    before_ms: int


Upsert = NodeUpsert | EdgeUpsert | LabelUpsert | Gone | Floor | Incomplete | Horizon


class Watermark(msgspec.Struct, frozen=True, tag="watermark"):
    """Worker `worker` has published everything up to `pos` of its share of the source.

    Sent to every partition of `graph.changes` behind the upserts it speaks of.
    """

    worker: str
    pos: str


class Event(msgspec.Struct, frozen=True, gc=False):
    """An edge that asks for a score.

    `kind` is a function of the row's change alone: created → new, a scoreable column changed →
    revised, deleted → withdrawn. `pos` is the position of that change.
    """

    id: str
    kind: Literal["new", "revised", "withdrawn"]
    pos: str
    known_ms: int
    relation: str
    src: str
    dst: str
    time_ms: int
    attributes: Attributes


class SubgraphEdge(msgspec.Struct, frozen=True):
    """An edge as it stood: `label` is what was known of it then (True fraud, False not, None unknown).

    `hop` is 1 for an edge found from the event's endpoints, 2 from their neighbours, and so on.
    """

    owner: str
    relation: str
    src: str
    dst: str
    time_ms: int
    attributes: Attributes
    label: bool | None
    hop: int


class Subgraph(msgspec.Struct, frozen=True):
    """The capped k-hop neighbourhood of an event, edges strictly before its time.

    `edges` is sorted by hop, then newest first, then owner; `nodes` starts with the event's source
    and target and goes on as the edges name them. The event's own edge is not among them.
    """

    event: Event
    nodes: tuple[str, ...]
    edges: tuple[SubgraphEdge, ...]


class Caps(msgspec.Struct, frozen=True):
    """How much of a neighbourhood is read: the newest N edges per node, relation and direction, per hop."""

    per_hop: tuple[int, ...] = (16, 8)

    @property
    def hops(self) -> int:
        """How many hops are walked."""
        return len(self.per_hop)


class Look(msgspec.Struct, frozen=True):
    """How much is read around an event: what a walk takes by its caps, and a long look back at its two ends.

    Attributes:
        caps: of the walk.
        back: the newest edges of each relation and direction at an end (0: as many as the walk takes).
        tallied: the newest edges of the event's relation in which an end stands as in the event (0: none beside).
        by_category: edges with the event's values of categories are asked for too, wherever they are.
    """

    caps: Caps
    back: int = 0
    tallied: int = 0
    by_category: bool = False


def node_key(label: str, id: str) -> str:
    """Name a node: `Label:id`, one string however many edges name it."""
    return intern(f"{label}:{id}")


def split_key(key: str) -> tuple[str, str]:
    """Label and id of a node's name (the id may hold colons, the label can't)."""
    label, _, id = key.partition(":")
    return label, id


def table_of(owner: str) -> str:
    """The table an owner's row is in."""
    return owner.partition(":")[0]


def row_of(owner: str) -> str:
    """The row behind an owner: `table:key`."""
    return owner.rpartition(":")[0]


def version_id(owner: str, pos: str) -> str:
    """Name one version: the owner and the position it came from."""
    return f"{owner}@{pos}"


def split_version(id: str) -> tuple[str, str]:
    """Owner and position of a version's name (a position holds no @, an owner may)."""
    owner, _, pos = id.rpartition("@")
    return owner, pos
