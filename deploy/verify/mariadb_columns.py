"""MariaDB's types as Debezium's connector sends them under our settings (`decimal.handling.mode=string`,
`time.precision.mode=adaptive_time_microseconds`; Debezium's MariaDB connector, "Data type mappings").

Where a snapshot and the stream differ (fractions of a TIMESTAMP, FLOAT past six digits), as the stream.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any

from deploy.verify.columns import Column, float32

INTEGERS = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint", "year"})
TEXTS = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set", "json"})
BYTES = frozenset({"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"})
DAYS_TO_1970 = 719_528
SIGNED = 2**63


def column(about: Mapping[str, Any]) -> Column | None:
    """A column by its row of information_schema.columns (names in lower case); None for a type not understood."""
    name, kind = str(about["column_name"]), str(about["data_type"]).lower()
    at, whole = f"`{name.replace('`', '``')}`", str(about["column_type"]).lower()
    zero = 0 if about["is_nullable"] == "NO" else None  # what Debezium makes of 0000-00-00
    if kind in INTEGERS:
        return Column(name, at, _signed if kind == "bigint" else int, "integer", whole)
    if kind in TEXTS:
        return Column(name, at, str, "text", whole)
    if kind in BYTES:
        return Column(name, at, lambda value: b64encode(value).decode(), type=whole)
    made = _exact(at, kind, whole, int(about["datetime_precision"] or 0), zero)
    return None if made is None else Column(name, made[0], made[1], type=whole)


def _exact(
    at: str, kind: str, whole: str, digits: int, zero: int | None
) -> tuple[str, Callable[[Any], Any]] | None:  # fmt: skip
    match kind:
        case "decimal":
            return at, str
        case "double":
            return at, float
        case "float":
            return f"CAST({at} AS DOUBLE)", lambda value: float32(float(value))
        case "bit":
            size = int(whole.partition("(")[2].rstrip(")") or 1)
            return f"CAST({at} AS UNSIGNED)", lambda value: _bits(int(value), size)
        case "date":
            return _or_zero(f"TO_DAYS({at}) - {DAYS_TO_1970}", at, zero), int
        case "datetime":
            us = f"TIMESTAMPDIFF(MICROSECOND, '1970-01-01', {at})"
            return _or_zero(us if digits > 3 else f"{us} DIV 1000", at, zero), int
        case "timestamp":
            return at, _moment
        case "time":
            return f"CAST(ROUND(TIME_TO_SEC({at}) * 1000000) AS SIGNED)", int
    return None


def _or_zero(sql: str, at: str, zero: int | None) -> str:
    return sql if zero is None else f"IF({at} IS NULL, NULL, COALESCE({sql}, {zero}))"


def _signed(value: str) -> int:
    """BIGINT UNSIGNED arrives as a signed 64-bit number (`bigint.unsigned.handling.mode=long`)."""
    read = int(value)
    return read if read < SIGNED else read - 2 * SIGNED


def _bits(value: int, size: int) -> bool | str:
    return bool(value) if size == 1 else b64encode(value.to_bytes((size + 7) // 8, "little")).decode()


def _moment(text: str) -> str:
    if text.startswith("0000-00-00"):
        return "1970-01-01T00:00:00Z"
    return text.replace(" ", "T") + "Z"
