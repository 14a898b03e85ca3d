"""Tables: the rows of the bank as they stand, built from its changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Protocol

from deploy.demo.change import Row, RowChange
from ingest.events import Op

COLUMNS: dict[str, tuple[str, ...]] = {
    "users": ("id", "name", "country", "phone", "email", "address", "created_at"),
    "accounts": ("id", "user_id", "kind", "opened_at"),
    "devices": ("id", "model", "first_seen"),
    "logins": ("id", "user_id", "device_id", "ip", "at"),
    "transfers": ("id", "src_account", "dst_account", "amount", "currency", "channel", "status", "at"),
    "profile_changes": ("id", "user_id", "field", "new_value", "at"),
    "fraud_reports": ("id", "event_table", "event_id", "is_fraud", "reported_at"),
}
"""Every table with its columns, in the order of schema.sql."""

TIME_COLUMNS = frozenset({"created_at", "opened_at", "first_seen", "at", "reported_at"})
EVENT_TABLES = ("transfers", "logins", "profile_changes")


class Changing(Protocol):
    """Something with a stream of changes, such as a Bank."""

    def changes(self) -> Iterator[RowChange]:
        """The changes, in commit order."""
        ...


class Tables:
    """The rows as they stand, by table and primary key."""

    def __init__(self) -> None:
        """Start with every table empty."""
        self.rows: dict[str, dict[int, Row]] = {table: {} for table in COLUMNS}

    def apply(self, change: RowChange) -> None:
        """Bring the rows up to date with one change.

        Raises:
            ValueError: the change does not fit the rows as they stand.
        """
        rows = self.rows[change.table]
        if rows.get(change.row_id) != change.before:
            raise ValueError(f"{change.table} {change.row_id}: before is not the row as it stands")
        if change.op is Op.DELETE:
            del rows[change.row_id]
        else:
            assert change.after is not None
            rows[change.row_id] = change.after

    def apply_all(self, changes: Iterable[RowChange]) -> None:
        """Apply changes in order."""
        for change in changes:
            self.apply(change)

    def snapshot(self) -> Iterator[tuple[str, Row]]:
        """Every standing row with its table: tables in schema order, rows by key."""
        for table, rows in self.rows.items():
            for key in sorted(rows):
                yield table, rows[key]

    def __len__(self) -> int:
        """How many rows stand."""
        return sum(len(rows) for rows in self.rows.values())


def history(bank: Changing, until_ms: int) -> tuple[Tables, Iterator[RowChange]]:
    """Run the bank up to `until_ms` (exclusive): the rows as they stand then, and the rest of the stream."""
    tables, stream = Tables(), bank.changes()
    for change in stream:
        if change.at_ms >= until_ms:
            return tables, chain([change], stream)
        tables.apply(change)
    return tables, iter(())
