"""Postgres' types as Debezium's connector sends them under our settings (`decimal.handling.mode=string`,
`time.precision.mode=adaptive_time_microseconds`; Debezium's Postgres connector, "Data type mappings").
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any
from uuid import UUID

from deploy.verify.columns import LONGEST, Column, KeyPart, binary, float32, unreadable, whole_number

INTEGERS = {"int2": 16, "int4": 32, "int8": 64}
TEXTS = frozenset({"text", "varchar", "bpchar", "name", "citext"})
LONG = frozenset({"text", "varchar", "citext"})
SHOWN = frozenset({"json", "jsonb", "xml", "cidr", "macaddr"})
ENUM = "e"  # pg_type.typtype
FRACTION = 6  # digits of a second that Postgres keeps


def column(name: str, kind: str, family: str, modifier: int) -> Column:
    """A column by its type's name, typtype and type modifier."""
    at = quoted(name)
    if kind in INTEGERS:
        half = 1 << (INTEGERS[kind] - 1)
        return Column(name, at, int, kind, KeyPart(at, kind, whole_number(-half, half - 1)))
    if kind == "oid":
        return Column(name, at, int, kind, KeyPart(at, kind, whole_number(0, 2**32 - 1)))
    if kind in TEXTS:  # a CHAR(n) is padded, and cast to text it would not be
        sql = f"left({at}::text, {LONGEST})" if kind in LONG and not 0 < modifier <= LONGEST else at
        return Column(name, sql, str, kind, KeyPart(at, kind, _text))
    if kind == "uuid":
        return Column(name, at, str, kind, KeyPart(at, kind, _uuid))
    if kind == "inet":  # cast to text, an address would have its mask
        return Column(name, f"textin(inet_out({at}))", str, kind, _shown(f"textin(inet_out({at}))"))
    if kind in SHOWN or family == ENUM:
        return Column(name, f"left({at}::text, {LONGEST})", str, kind, _shown(f"{at}::text"))
    made = _exact(at, kind, modifier)
    return unreadable(name, at, kind) if made is None else Column(name, made[0], made[1], kind, made[2])


def _exact(at: str, kind: str, modifier: int) -> tuple[str, Callable[[Any], Any], KeyPart | None] | None:
    digits = modifier if 0 <= modifier <= FRACTION else FRACTION
    match kind:
        case "bool":
            return at, bool, None
        case "numeric":
            shown = f"CASE {at} WHEN 'NaN' THEN 'NAN' ELSE {at}::text END"
            return shown, str, _shown(shown)
        case "float8":
            return at, float, None
        case "float4":
            return f"{at}::float8", float32, None
        case "bytea":
            key = KeyPart(f"encode({at}, 'hex')", "text", lambda cell: binary(cell).hex())
            return f"substring({at} from 1 for {LONGEST})", lambda value: b64encode(value).decode(), key
        case "date":
            return _counted(_finite(at, f"({at} - date '1970-01-01')", "2147483647", "-2147483648"))
        case "timestamp":
            units = f"(extract(epoch from {at}) * {1_000 if digits <= 3 else 1_000_000})::bigint"
            return _counted(_finite(at, units, "9223372036825200000", "-9223372036832400000"))
        case "timestamptz":
            text = f"to_char({at} at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')"
            shown = _finite(at, text, "'infinity'", "'-infinity'")
            return shown, lambda text: _moment(text, digits), KeyPart(shown, "text", _whole_moment)
        case "time":
            return _counted(f"(extract(epoch from {at}) * 1000000)::bigint")
        case "bit" if modifier == 1:
            return f"{at}::text", lambda text: text == "1", None
    return None


def quoted(name: str) -> str:
    """A name fit for a statement, whatever it holds."""
    return '"' + name.replace('"', '""').replace("%", "%%") + '"'


def _shown(sql: str) -> KeyPart:
    return KeyPart(sql, "text", _text)


def _counted(sql: str) -> tuple[str, Callable[[Any], Any], KeyPart]:
    return sql, int, KeyPart(f"({sql})::bigint", "int8", whole_number(-(2**63), 2**63 - 1))


def _finite(at: str, sql: str, after: str, before: str) -> str:
    """What is computed of a moment. Of its infinities PostgreSQL computes nothing, and a mapping refuses them too."""
    ends = f"WHEN {at} > '2000-01-01' THEN {after} WHEN {at} IS NOT NULL THEN {before}"
    return f"CASE WHEN isfinite({at}) THEN {sql} {ends} END"


def _text(cell: str) -> str:
    if "\0" in cell:
        raise ValueError("no text of Postgres holds a NUL")
    return cell


def _uuid(cell: str) -> str:
    if str(UUID(cell)) != cell:
        raise ValueError(cell)
    return cell


def _moment(text: str, digits: int) -> str:
    whole, point, fraction = text.partition(".")
    if not point:
        return text  # infinity
    return f"{whole}.{fraction[:digits]}Z" if digits else f"{whole}Z"


def _whole_moment(cell: str) -> str:
    """A moment with all its digits, as it is selected."""
    if not cell.endswith("Z"):
        return _text(cell)
    whole, _, fraction = _text(cell).removesuffix("Z").partition(".")
    return f"{whole}.{fraction.ljust(FRACTION, '0')}"
