"""What stands in any store now, read from its whole dump: a GraphReader for small graphs and for tests."""

from __future__ import annotations

from collections.abc import Sequence

from graph.current import LABELS, NODE, Asked, Facts, Name, edge_fact, facts_of, label_fact
from graph.model import EdgeUpsert, Floor, Gone, LabelUpsert, NodeUpsert, table_of
from graph.store import GraphStore
from graph.versions import Chain


class DumpedCurrent:
    """See `graph.current.GraphReader`. Each question reads the store whole."""

    def __init__(self, store: GraphStore) -> None:
        self._store = store

    def held(self, table: str, asked: Asked) -> Facts:
        """See GraphReader.held."""
        wanted = {(NODE, f"{label}:{id}") for label, ids in asked.nodes.items() for id in ids}
        wanted |= {(kind, owner) for kind, owners in asked.owners.items() for owner in owners}
        return {name: fact for name, fact in self._facts(table).items() if name in wanted}

    def standing(self, table: str, kind: Name, after: str, limit: int) -> Sequence[str]:
        """See GraphReader.standing."""
        found = []
        for place, name in self._facts(table):
            if kind[0] == NODE and place == NODE and name.startswith(f"{kind[1]}:"):
                found.append(name.partition(":")[2])
            elif kind[0] == place != NODE:
                found.append(name)
        return [name for name in sorted(found) if name > after][:limit]

    def horizon_ms(self) -> int | None:
        """See GraphReader.horizon_ms."""
        return self._store.horizon("retention")

    def _facts(self, table: str) -> Facts:
        chains: dict[str, Chain] = {}
        floors: list[str] = []
        facts: Facts = {}
        for upsert in self._store.dump():
            match upsert:
                case NodeUpsert() if upsert.role == table:
                    facts |= facts_of([upsert])
                case EdgeUpsert() | LabelUpsert() | Gone() if table_of(upsert.owner) == table:
                    chains.setdefault(upsert.owner, Chain()).add(upsert)
                case Floor() if upsert.table == table:
                    floors.append(upsert.pos)
        for chain in chains.values():
            last = chain.items[-1].op
            if any(last.pos < floor for floor in floors):
                continue
            if isinstance(last, EdgeUpsert):
                facts[last.relation, last.owner] = edge_fact(last.src, last.dst, last.time_ms, last.attributes)
            elif isinstance(last, LabelUpsert):
                facts[LABELS, last.owner] = label_fact(last.event, last.fraud, last.known_ms)
        return facts
