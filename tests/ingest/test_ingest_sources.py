"""What differs between the databases' envelopes: places in the log, ends of snapshots, values that were left out."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from envelopes import body, record, transfer

from ingest.debezium import Captured, decode
from ingest.events import Op, Position, Reject, Reread
from ingest.unavailable import PLACEHOLDER, UNAVAILABLE

KEY = {"id": 1}
POSTGRES = {"connector": "postgresql", "file": None, "pos": None, "row": None, "lsn": 0x16B3748, "schema": "public"}


def read(op: str, before: Any = None, after: Any = None, **changes: Any) -> Captured:
    captured = decode(record(body(op, before, after, **changes), KEY))
    assert isinstance(captured, Captured)
    return captured


def test_postgres_stands_at_its_lsn() -> None:
    """File 0, row 0: the log has one order."""
    change = read("c", None, transfer(), **POSTGRES).change
    assert change.position == Position("bank", 1, True, 0, 0x16B3748, 0)


def test_mysql_stands_where_mariadb_does() -> None:
    """File number, byte, row in the event."""
    change = read("c", None, transfer(), connector="mysql", file="mysql-bin.000012", row=3).change
    assert change.position == Position("bank", 1, True, 12, 4_217, 3)


@pytest.mark.parametrize(
    "changes", [POSTGRES | {"lsn": None}, POSTGRES | {"lsn": -1}, POSTGRES | {"lsn": 2**63}, {"connector": "oracle"}]
)
def test_a_place_that_is_none_is_refused(changes: dict[str, Any]) -> None:
    """No LSN, one out of range, a log of another kind."""
    with pytest.raises(Reject, match=r"log position"):
        read("c", None, transfer(), **changes)


@pytest.mark.parametrize(
    ("mark", "completes"),
    [
        ("first", False), ("first_in_data_collection", False), ("true", False), ("last_in_data_collection", False),
        ("last", True),
    ],
)  # fmt: skip
@pytest.mark.parametrize("log", [{}, POSTGRES])
def test_only_the_last_row_completes_a_snapshot(mark: str, completes: bool, log: dict[str, Any]) -> None:
    """All are rows that were there."""
    change = read("r", None, transfer(), snapshot=mark, **log).change
    assert (change.op, change.position.stream, change.completes) == (Op.READ, False, completes)


@pytest.mark.parametrize("mark", ["false", None, False])
def test_a_streamed_row_completes_nothing(mark: object) -> None:
    """In every spelling."""
    assert not read("c", None, transfer(), snapshot=mark).change.completes


@pytest.mark.parametrize("log", [{}, POSTGRES | {"lsn": None}])
def test_a_row_of_an_incremental_snapshot_only_names_its_key(log: dict[str, Any]) -> None:
    """It has no place of its own, so it needs none."""
    assert decode(record(body("r", None, transfer(), snapshot="incremental", **log), KEY)) == Reread("transfers", KEY)


def test_a_changed_key_is_two_changes_at_one_place() -> None:
    """A deletion of the old key and an insert of the new one; the headers say which, and nobody needs them."""
    gone = decode(
        record(body("d", transfer(1), None, **POSTGRES), KEY, headers=(("epoch", b"1"), ("__debezium.newkey", b"{}")))
    )
    new = read("c", None, transfer(2), **POSTGRES)
    assert isinstance(gone, Captured) and (gone.change.op, new.change.op) == (Op.DELETE, Op.CREATE)
    assert gone.change.position == new.change.position


FORMS: list[Any] = [
    PLACEHOLDER, b64encode(PLACEHOLDER.encode()).decode(), PLACEHOLDER.encode().hex(), [PLACEHOLDER],
    list(PLACEHOLDER.encode()), {PLACEHOLDER: PLACEHOLDER}, f'{{"{PLACEHOLDER}":"{PLACEHOLDER}"}}',
]  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_a_value_that_was_left_out_is_taken_from_the_row_before(form: Any) -> None:
    """As text, bytes, an array, a map."""
    change = read("u", transfer(note="long"), transfer(note=form), **POSTGRES).change
    assert change.after == transfer(note="long")


@pytest.mark.parametrize("before", [None, {"id": 1}, transfer(note=PLACEHOLDER)])
def test_a_value_nobody_sent_is_marked_and_never_passes_for_text(before: Any) -> None:
    """The mapping refuses the row if it needs it."""
    change = read("u", before, transfer(note=PLACEHOLDER), **POSTGRES).change
    assert change.after is not None and change.after["note"] is UNAVAILABLE


def test_elsewhere_the_placeholder_is_a_text_like_any_other() -> None:
    """MariaDB logs whole rows."""
    assert read("u", transfer(), transfer(note=PLACEHOLDER)).change.after == transfer(note=PLACEHOLDER)
