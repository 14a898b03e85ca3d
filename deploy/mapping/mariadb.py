"""A MariaDB or MySQL database's tables, as its connector gives their rows (deploy/stack/connector.py)."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pymysql

from graph.known_tables import ForeignKey, Kind, KnownColumn, KnownTable, Tables

COLUMNS = """
SELECT c.table_name, c.column_name, c.data_type, c.column_type, c.numeric_scale, c.datetime_precision,
       c.is_nullable, c.extra
FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
WHERE c.table_schema = DATABASE() AND t.table_type = 'BASE TABLE'
ORDER BY c.table_name, c.ordinal_position"""
KEYS = """
SELECT table_name, constraint_name, column_name, referenced_table_name, referenced_column_name
FROM information_schema.key_column_usage
WHERE table_schema = DATABASE() AND (constraint_name = 'PRIMARY' OR referenced_table_schema = DATABASE())
ORDER BY table_name, constraint_name, ordinal_position"""

KINDS: dict[str, Kind] = {
    **dict.fromkeys(("tinyint", "smallint", "mediumint", "int", "bigint", "year"), "integer"),
    **dict.fromkeys(("char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set", "json"), "text"),
    **dict.fromkeys(("uuid", "inet4", "inet6"), "text"),
    **dict.fromkeys(("float", "double"), "number"),
    **dict.fromkeys(("date", "datetime", "timestamp"), "time"),
    "decimal": "decimal",
}


def tables(connection: pymysql.Connection[Any]) -> Tables:
    """The tables of the connection's database."""
    columns: dict[str, dict[str, KnownColumn]] = defaultdict(dict)
    primary: dict[str, list[str]] = defaultdict(list)
    foreign: dict[tuple[str, str], list[ForeignKey]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(COLUMNS)
        for table, name, *described in cursor.fetchall():
            columns[table][name] = _column(*described)
        cursor.execute(KEYS)
        for table, constraint, name, to, column in cursor.fetchall():
            if to is None:
                primary[table].append(name)
            else:
                foreign[table, constraint].append(ForeignKey(name, to, column))
    return {
        table: KnownTable(
            found,
            tuple(primary[table]),
            tuple(keys[0] for (of, _), keys in foreign.items() if of == table and len(keys) == 1),
        )
        for table, found in columns.items()
    }


def _column(
    type: str, declared: str, scale: int | None, precision: int | None, nullable: str, extra: str
) -> KnownColumn:
    kind: Kind = KINDS.get(type, "bool" if declared == "bit(1)" else "other")
    if "VIRTUAL" in (extra or "").upper():
        kind = "virtual"
    return KnownColumn(kind, declared, _unit(type, precision), scale or 0, nullable == "YES")


def _unit(type: str, precision: int | None) -> str:
    """time.precision.mode = adaptive_time_microseconds; TIMESTAMP is text with its zone."""
    if type == "datetime":
        return "us" if (precision or 0) > 3 else "ms"
    return {"date": "days", "timestamp": "iso"}.get(type, "")
