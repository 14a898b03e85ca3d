"""Postgres' types as Debezium's connector sends them under our settings (`decimal.handling.mode=string`,
`time.precision.mode=adaptive_time_microseconds`; Debezium's Postgres connector, "Data type mappings").
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any

from deploy.verify.columns import Column, float32

INTEGERS = frozenset({"int2", "int4", "int8"})
TEXTS = frozenset({"text", "varchar", "bpchar", "name", "citext", "uuid"})
SHOWN = frozenset({"json", "jsonb", "xml", "inet", "cidr", "macaddr"})
ENUM = "e"  # pg_type.typtype


def column(name: str, kind: str, family: str, modifier: int) -> Column | None:
    """A column by its type's name, typtype and type modifier; None for a type not understood."""
    at = quoted(name)
    if kind in INTEGERS:
        return Column(name, at, int, "integer", kind)
    if kind in TEXTS:
        return Column(name, at, str, "text", kind)  # a CHAR(n) is padded, and cast to text it would not be
    if kind in SHOWN or family == ENUM:
        return Column(name, f"{at}::text", str, type=kind)
    made = _exact(at, kind, modifier)
    return None if made is None else Column(name, made[0], made[1], type=kind)


def _exact(at: str, kind: str, modifier: int) -> tuple[str, Callable[[Any], Any]] | None:
    digits = modifier if 0 <= modifier <= 6 else 6
    match kind:
        case "bool":
            return at, bool
        case "numeric":
            return f"{at}::text", lambda text: "NAN" if text == "NaN" else text
        case "float8":
            return at, float
        case "float4":
            return f"{at}::float8", float32
        case "bytea":
            return at, lambda value: b64encode(value).decode()
        case "date":
            return f"({at} - date '1970-01-01')", int
        case "timestamp":
            return f"(extract(epoch from {at}) * {1_000 if digits <= 3 else 1_000_000})::bigint", int
        case "timestamptz":
            return f"to_char({at} at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')", lambda t: _moment(t, digits)
        case "time":
            return f"(extract(epoch from {at}) * 1000000)::bigint", int
        case "bit" if modifier == 1:
            return f"{at}::text", lambda text: text == "1"
    return None


def quoted(name: str) -> str:
    """A name fit for a statement, whatever it holds."""
    return '"' + name.replace('"', '""') + '"'


def _moment(text: str, digits: int) -> str:
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction[:digits]}Z" if digits else f"{whole}Z"
