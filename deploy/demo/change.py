"""RowChange: one row-level change as the demo bank commits it."""

from __future__ import annotations

from typing import Any

import msgspec

from ingest.events import Op

Row = dict[str, Any]
"""Column → value, as Debezium emits it with decimal.handling.mode=string: times int ms UTC, decimals text."""


class RowChange(msgspec.Struct, frozen=True):
    """One changed row, whole before and after.

    Attributes:
        table: the table's name.
        op: CREATE, UPDATE or DELETE.
        before: the row before (update, delete), or None.
        after: the row after (create, update), or None.
        at_ms: the bank's commit time on the simulated clock, ms since 1970 UTC.
        commit: changes with the same number are one transaction; they are consecutive.
    """

    table: str
    op: Op
    before: Row | None
    after: Row | None
    at_ms: int
    commit: int

    @property
    def row_id(self) -> int:
        """The primary key of the row, whichever side it stands on."""
        row = self.after if self.after is not None else self.before
        assert row is not None, "a change has at least one side"
        return int(row["id"])
