"""Which edge a feature speaks of."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from graph.model import Subgraph
from scoring.explaining.about import about

ROWS = [
    ("LOGIN", "User:u", "Device:old", 400), ("LOGIN", "User:u", "Device:new", 30),
    ("LOGIN", "User:u", "Device:new", 20), ("LOGIN", "User:u", "Device:old", 10),
    ("LOGIN", "User:stranger", "Device:else", 1),
    ("OWNS", "User:u", "Account:A", 5_000), ("MODIFY", "User:u", "Contact:x", 3, None, {"field": "phone"}),
    ("TRANSFER", "Account:A", "Account:B", 50, None, {"channel": "app"}),
    ("TRANSFER", "Account:C", "Account:A", 5, None, {"channel": "app"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("event.near_new_since_LOGIN", 1),  # the first on the device that was new last, not the newest login
        ("event.near_24h_LOGIN", 3),  # of the user's: a stranger's is not near
        ("event.near_1h_LOGIN", None),
        ("event.near_24h_MODIFY", 6),
        ("event.source_since_TRANSFER", 8),
        ("event.target_since_TRANSFER", 7),
        ("source.TRANSFER_in_24h_log", 8),
        ("source.TRANSFER_out_all_log", 7),
        ("source.TRANSFER_out_24h_log", None),
        ("mean_edge.MODIFY.field=phone", 6),
        ("mean_edge.MODIFY.field=email", None),
        ("mean_edge.TRANSFER.channel=app", None),  # two of them
        ("event.value_0_log", None),
        ("pair_count", None),
        ("network", None),
    ],
)
def test_a_feature_speaks_of_an_edge(build: Callable[..., Subgraph], name: str, row: int | None) -> None:
    """The one that made it what it is; of several the newest; of most features none."""
    subgraph = build("TRANSFER", "Account:A", "Account:B", ROWS)
    found = about(name, subgraph)
    assert (None if found is None else found.owner) == (None if row is None else f"rows:{row + 1}:x")
