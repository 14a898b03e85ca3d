"""A mirror gives back the memory of what it has forgotten."""

from __future__ import annotations

import numpy as np
from histories import canonical, changes, demo_mapping
from hypothesis import given, settings

from deploy.benches.mirror import made
from graph.adjacency_lines import ASK, AT, INFO
from graph.mirror import Mirror
from graph.model import Caps, EdgeUpsert, Event, Floor, Gone, Horizon, Incomplete, LabelUpsert, NodeUpsert
from graph.shelf import Shelf
from ingest.events import Change

MAPPING = demo_mapping()


def pos(n: int) -> str:
    return f"bank/0001.1.00000001.{n:016x}.000000"


def sizes(mirror: Mirror) -> dict[str, int]:
    """How much it holds, structure by structure."""
    return {
        "named": len(mirror._nodes),
        "owners": mirror.owners,
        "items": sum(len(shelf.items(owner)) for shelf in shelves(mirror) for owner in shelf.owned()),
        **mirror._adjacent.sizes,
        "ages": sum(len(shelf.ages) for shelf in shelves(mirror)) + len(mirror._versions.deletions),
        "marks": len(mirror._incomplete),
    }


def shelves(mirror: Mirror) -> tuple[Shelf, ...]:
    return mirror._versions.shelves


def places(mirror: Mirror) -> int:
    """One of what closed each version, one of the floor above it."""
    several = mirror._adjacent._graph.several
    asked = [shelf.rows[shelf.here()] for shelf in shelves(mirror)]
    of = np.concatenate([rows[rows[:, INFO] & ASK != 0, AT] for rows in asked])
    return int((several.closed[of] >= 0).sum() + (several.floored[of] >= 0).sum())


def swept(mirror: Mirror, limit: int = 7) -> None:
    while mirror.sweep(limit):
        pass


def test_nothing_is_left_of_what_is_forgotten() -> None:
    """Edges, their ends, chains, labels, deletions, marks; a node with properties stays."""
    mirror = Mirror({"transfers"})
    mirror.apply([NodeUpsert("Account", "0", "accounts", pos(1), 5, {"kind": "current"})])
    before = sizes(mirror)
    for n in range(1, 200):
        owner = f"transfers:{n}:transfer"
        mirror.apply([
            EdgeUpsert(owner, pos(n), n, "TRANSFER", "Account:0", f"Account:{n % 7}", n, {}),
            LabelUpsert(f"fraud_reports:{n}:label", pos(n), n + 1, owner, True),
            *([Gone(owner, pos(n + 500), n + 500, "TRANSFER")] if n % 3 == 0 else []),
            Gone(f"transfers:{n + 1000}:transfer", pos(n), n, "TRANSFER"),
            Incomplete(f"transfers:{n}", n, False),
        ])  # fmt: skip
    mirror.apply([Horizon("retention", 1_000), Horizon("purge", 1_000)])
    swept(mirror)
    assert sizes(mirror) == before


def test_an_edge_that_stays_keeps_its_place() -> None:
    """Between older ones that went and at an end it shares with them."""
    mirror = Mirror({"transfers"})
    mirror.apply([EdgeUpsert(f"{table}:{n}:x", pos(n), n, "PAID", "A:a", "A:b", n, {})
                  for n in range(1, 9) for table in ("transfers", "cards")])  # fmt: skip
    mirror.apply([Horizon("retention", 5)])
    swept(mirror, 3)
    stays = [f"cards:{n}:x" for n in range(1, 5)]
    stays += [f"{table}:{n}:x" for n in range(5, 9) for table in ("cards", "transfers")]
    event = Event("asked:1:x", "new", pos(99), 99, "PAID", "A:a", "A:none", 99, {})
    for cap in range(1, len(stays) + 1):
        seen = mirror.subgraphs([event], Caps((cap,)))[0]
        assert {edge.owner for edge in seen.edges} == set(stays[-cap:])


@settings(max_examples=200, deadline=None)
@given(changes(40))
def test_a_swept_mirror_is_as_large_as_a_new_one_of_its_dump(log: list[Change]) -> None:
    """Both horizons through the middle of any history."""
    mirror, middle_ms = Mirror(MAPPING.schema.windowed), log[len(log) // 2].committed_ms
    for change in log:
        mirror.apply(MAPPING.plan(change).upserts)
    mirror.apply([Horizon("retention", middle_ms), Horizon("purge", middle_ms)])
    swept(mirror)
    copy = Mirror(MAPPING.schema.windowed)
    copy.apply(list(mirror.dump()))
    swept(copy)
    left, made = sizes(mirror), sizes(copy)
    # What a version of before the horizon closed stays closed, or was never closed by it (see graph/horizons.py), so
    # each mirror has just the places that its own versions and what ended them take.
    assert left.pop("places") == places(mirror) and made.pop("places") == places(copy)
    assert left == made and canonical(mirror.dump()) == canonical(copy.dump())


def test_an_edge_takes_less_than_150_bytes() -> None:
    """All its structures together: payments and logins, a label for some; twice as many where a table is emptied."""
    mirror, edges = Mirror({"transfers", "logins"}), 20_000
    mirror.apply(list(made(edges)))
    assert mirror.sizes["edges"] == edges and sum(mirror.memory.values()) < 150 * edges
    mirror.apply([Floor("logins", pos(edges + 1), 10**9)])
    assert sum(mirror.memory.values()) < 170 * edges
