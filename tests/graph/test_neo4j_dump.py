"""A dump beside writers and the sweep; the store's contract has what it holds."""

from __future__ import annotations

from typing import Any

import pytest
from histories import demo_mapping

from graph.horizons import Horizons
from graph.neo4j_dump import stored


class _Session:
    """Finds one thing of each kind, of which so much is left to be read."""

    def __init__(self, left: dict[str, Any]) -> None:
        self._left = left

    def run(self, _: object) -> list[dict[str, Any]]:
        return [{"p": self._left}]


@pytest.mark.parametrize("left", [{}, {"id": "transfers:1:transfer@x"}, {"owner": "transfers:1:transfer"}])
def test_what_is_taken_away_while_it_is_read_is_passed_over(left: dict[str, Any]) -> None:
    """Neo4j shows its properties as gone, all or some of them."""
    assert list(stored(_Session(left), demo_mapping().schema, Horizons())) == []  # type: ignore[arg-type]
