"""Large values that PostgreSQL did not log: an UPDATE that leaves a TOASTed column alone sends a placeholder.

It must never get into the graph. Where the row before is logged whole (REPLICA IDENTITY FULL) the value is
there; elsewhere the column is marked, so that a mapping that needs it refuses the row and says the mend.
See "Toasted values" in Debezium's documentation of its PostgreSQL connector (`unavailable.value.placeholder`).
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any, Final
from uuid import UUID

from ingest.events import Row

PLACEHOLDER = "__debezium_unavailable_value"
_BYTES = PLACEHOLDER.encode()
# As bytes (binary.handling.mode base64 or hex), and as hstore in its JSON mode.
_TEXTS = frozenset(
    {PLACEHOLDER, b64encode(_BYTES).decode(), _BYTES.hex(), f'{{"{PLACEHOLDER}":"{PLACEHOLDER}"}}'}
)  # fmt: skip
# As arrays: of text, of numbers (the bytes), of uuid (Java's nameUUIDFromBytes, which is MD5 without a namespace).


def _name_uuid(name: bytes) -> str:
    from hashlib import md5

    return str(UUID(bytes=md5(name, usedforsecurity=False).digest(), version=3))


_LISTS: tuple[list[Any], ...] = ([PLACEHOLDER], list(_BYTES), [_name_uuid(_BYTES)])


class Unavailable:
    """Stands for a value that is in the database but not in the record. It compares with nothing."""

    def __repr__(self) -> str:
        """For messages."""
        return "a value that was not sent"


UNAVAILABLE: Final = Unavailable()


def completed(after: dict[str, Any], before: Row | None) -> Row:
    """The row after, its left-out values filled in from the row before, or marked where that lacks them too."""
    left_out = [name for name, value in after.items() if _is_placeholder(value)]
    return {**after, **{name: _known(before, name) for name in left_out}} if left_out else after


def _known(before: Row | None, name: str) -> Any:
    if before is None or name not in before or _is_placeholder(before[name]):
        return UNAVAILABLE
    return before[name]


def _is_placeholder(value: Any) -> bool:
    kind = type(value)
    if kind is str:
        return value in _TEXTS
    if kind is list:
        return value in _LISTS
    return kind is dict and PLACEHOLDER in value
