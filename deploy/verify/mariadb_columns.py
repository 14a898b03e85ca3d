"""MariaDB's types as Debezium's connector sends them under our settings (`decimal.handling.mode=string`,
`time.precision.mode=adaptive_time_microseconds`; Debezium's MariaDB connector, "Data type mappings").

Where a snapshot and the stream differ (fractions of a TIMESTAMP, FLOAT past six digits), as the stream.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from deploy.verify.columns import LONGEST, Column, KeyPart, binary, float32, unreadable, whole_number

PLAIN = re.compile(r"-?\d{1,65}(\.\d{1,38})?", re.ASCII)
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)
SIGNED = 2**63
BITS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64, "year": 16}
TEXTS = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "json"})
CHOICES = frozenset({"enum", "set"})  # sorted by their number, compared by their name
BYTES = frozenset({"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"})
LONG = frozenset({"text", "mediumtext", "longtext", "json", "blob", "mediumblob", "longblob"})
DAYS_TO_1970 = 719_528
ANY_WHOLE = whole_number(-SIGNED, SIGNED - 1)


def column(about: Mapping[str, Any]) -> Column | None:
    """A column by its row of information_schema.columns (names in lower case); None for one that is not in the log."""
    if "VIRTUAL" in str(about["extra"] or "").upper():
        return None
    name, kind = str(about["column_name"]), str(about["data_type"]).lower()
    at, whole = quoted(name), str(about["column_type"]).lower()
    zero = 0 if about["is_nullable"] == "NO" else None  # what Debezium makes of 0000-00-00
    if kind in BITS:
        return Column(name, at, _signed if kind == "bigint" else int, whole, KeyPart(at, "%s", _integer(kind, whole)))
    sql = f"LEFT({at}, {LONGEST})" if kind in LONG or _size(whole) > LONGEST else at
    if kind in TEXTS:
        given = f"CONVERT(%s USING {about['character_set_name']})"  # what it can't hold is no error, and no row's key
        return Column(name, sql, str, whole, KeyPart(at, given))
    if kind in CHOICES:
        shown = f"CONVERT({at} USING utf8mb4) COLLATE utf8mb4_bin"
        return Column(name, at, str, whole, KeyPart(shown, "%s"))
    if kind in BYTES:
        return Column(name, sql, lambda value: b64encode(value).decode(), whole, KeyPart(at, "%s", binary))
    made = _exact(at, kind, whole, int(about["datetime_precision"] or 0), zero)
    return unreadable(name, at, whole) if made is None else Column(name, made[0], made[1], whole, made[2])


def _exact(
    at: str, kind: str, whole: str, digits: int, zero: int | None
) -> tuple[str, Callable[[Any], Any], KeyPart | None] | None:  # fmt: skip
    match kind:
        case "decimal":
            return at, str, KeyPart(at, "%s", _decimal)
        case "double":
            return at, float, None
        case "float":
            return f"CAST({at} AS DOUBLE)", lambda value: float32(float(value)), None
        case "bit":
            size, number = _size(whole) or 1, f"CAST({at} AS UNSIGNED)"
            key = None if size == 1 else KeyPart(number, "%s", lambda cell: int.from_bytes(binary(cell), "little"))
            return number, lambda value: _bits(int(value), size), key
        case "date":
            return _counted(_or_zero(f"TO_DAYS({at}) - {DAYS_TO_1970}", at, zero))
        case "datetime":
            us = f"TIMESTAMPDIFF(MICROSECOND, '1970-01-01', {at})"
            return _counted(_or_zero(us if digits > 3 else f"{us} DIV 1000", at, zero))
        case "timestamp":
            return at, _moment, KeyPart(at, "%s", _timestamp)
        case "time":
            return _counted(f"CAST(ROUND(TIME_TO_SEC({at}) * 1000000) AS SIGNED)")
    return None


def _size(whole: str) -> int:
    """The number in brackets, 0 where there is none."""
    found = re.search(r"\((\d+)\)", whole)
    return int(found[1]) if found else 0


def quoted(name: str) -> str:
    """A name fit for a statement, whatever it holds."""
    return f"`{name.replace('`', '``').replace('%', '%%')}`"


def _counted(sql: str) -> tuple[str, Callable[[Any], Any], KeyPart]:
    return sql, int, KeyPart(f"({sql})", "%s", ANY_WHOLE)


def _integer(kind: str, whole: str) -> Callable[[str], int]:
    """A cell of an integer column as the column has it: BIGINT UNSIGNED is sent as a signed number."""
    half = 1 << (BITS[kind] - 1)
    if kind == "bigint" and "unsigned" in whole:
        return lambda cell: ANY_WHOLE(cell) % (2 * SIGNED)
    return whole_number(0, 2 * half - 1) if "unsigned" in whole or kind == "year" else whole_number(-half, half - 1)


def _decimal(cell: str) -> Decimal:
    value = Decimal(cell) if PLAIN.fullmatch(cell) else None
    if value is None:
        raise ValueError(cell)
    return value


def _timestamp(cell: str) -> str:
    """As `_moment` writes it, the other way round."""
    if not MOMENT.fullmatch(cell):
        raise ValueError(cell)
    return cell.removesuffix("Z").replace("T", " ")


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
