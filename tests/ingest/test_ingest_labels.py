"""Analysts' decisions on their way back."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from envelopes import record

from ingest.events import Position, Reject
from ingest.labels import DECISIONS, decode_label

DECISION = {"event": "transfers:1:transfer", "fraud": True, "decided_at": 1_700_000_000_000, "alert": 5, "decision": 9}


def test_a_decision_is_a_row_of_our_own_table() -> None:
    """Its number is its position, its moment the commit: sent twice it is one label."""
    captured = decode_label(record(DECISION, topic="fraud.labels"))
    assert captured is not None and captured.change.table == DECISIONS
    assert captured.change.position == Position("analysts", 1, True, 0, 9)
    assert captured.change.committed_ms == 1_700_000_000_000 and captured.change.after == DECISION


def test_a_tombstone_is_passed_over() -> None:
    """A retention cleaner's."""
    assert decode_label(record(None, {"id": 1})) is None


@pytest.mark.parametrize(
    "wrong",
    [
        b"\xff", b"", [], {}, DECISION | {"fraud": "yes"}, DECISION | {"event": None}, DECISION | {"decision": -1},
        DECISION | {"decision": 2**63}, DECISION | {"decided_at": 2**63}, DECISION | {"decided_at": -1},
        b'{"note":' + b"[" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_decision_is_refused(wrong: Any) -> None:
    """Numbers included that no graph holds and no token has room for."""
    with pytest.raises(Reject) as refused:
        decode_label(record(wrong, topic="fraud.labels"))
    assert msgspec.json.encode(str(refused.value))
