"""What stands in the graph for a table, looked through along the graph's index: what has no row, or no rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from graph.columns import key_text
from graph.current import LABELS, NODE, Asked, GraphReader, Name, keys_behind, kind_of, kinds_of, names_of
from graph.mapping import Mapping
from graph.model import node_key
from graph.node_ids import MOST_KEYS
from graph.source import SourceReader

Suspicion = tuple[str, Name | None]  # a key without a row; or something that no row of this key gives


class Standing:
    """One table's part of the graph, against its keys."""

    def __init__(self, table: str, mapping: Mapping, source: SourceReader, graph: GraphReader, chunk: int) -> None:
        """`chunk` names are looked at at a time, of all relations: an earlier mapping may have given others."""
        self._table, self._rule, self._source, self._graph = table, mapping.file.tables[table], source, graph
        self._chunk, rule = chunk, self._rule
        others = [*((relation.name, "") for relation in mapping.relations), (LABELS, "")]
        self._kinds = list(dict.fromkeys([*kinds_of(rule), *others]))
        edges = ((edge.relation, edge.role) for edge in rule.edges)
        self._roles = frozenset([*edges, *((LABELS, label.role) for label in rule.labels)])

    def pages(self) -> Iterator[list[Suspicion]]:
        """What is to be looked at more closely, page by page.

        Raises:
            Transient: a server did not answer.
        """
        for n, kind in enumerate(self._kinds):
            after = ""
            while names := self._graph.standing(self._table, kind, after, self._chunk):
                after = names[-1]
                behind = {name: keys_behind(self._rule, kind, name) for name in names}
                strays = [name for name in names if self._is_stray(kind, name, behind[name])]
                found: list[Suspicion] = [self._stray(kind, name, behind.pop(name)) for name in strays]
                yield found + [(key, None) for key in self._rowless(behind, self._kinds[: n + 1])]

    def _is_stray(self, kind: Name, name: str, keys: Sequence[str]) -> bool:
        """Whether no rule of the table gives such an id, or such a role."""
        return not keys if kind[0] == NODE else (kind[0], name.rpartition(":")[2]) not in self._roles

    def _stray(self, kind: Name, name: str, keys: Sequence[str]) -> Suspicion:
        return (key_text([name]), (NODE, node_key(kind[1], name))) if kind[0] == NODE else (keys[0], (kind[0], name))

    def _rowless(self, behind: dict[str, list[str]], kinds: Sequence[Name]) -> list[str]:
        """Keys without a row, each once: where the first thing that it gave is met."""
        first = min(behind, default="")
        mine = {keys[0]: keys for keys in behind.values() if len(keys) < MOST_KEYS}
        every, there = [key for keys in mine.values() for key in keys], set[str]()
        for at in range(0, len(every), self._chunk):
            there |= self._source.present(self._table, every[at : at + self._chunk])
        met = {key: self._met(key, kinds, first) for key, keys in mine.items() if there.isdisjoint(keys)}
        asked = Asked.of(name for names in met.values() for name in names)
        held = self._graph.held(self._table, asked) if any(met.values()) else {}
        return [key for key, names in met.items() if not any(name in held for name in names)]

    def _met(self, key: str, kinds: Sequence[Name], first: str) -> list[Name]:
        """What this key gives that comes before the page of the last of these kinds that begins with `first`."""
        found = []
        for name in names_of(self._rule, self._table, key):
            kind = kind_of(name)
            if kind not in kinds[:-1]:
                before = kind == kinds[-1] and kind[0] != NODE and name[1] < first
            else:  # a node was met under the first of the keys that its id may be of
                before = kind[0] != NODE or keys_behind(self._rule, kind, name[1].partition(":")[2])[0] == key
            found += [name] if before else []
        return found
