"""A PostgreSQL schema's tables, as Debezium's connector gives their rows (decimals as text, adaptive times)."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import psycopg

from graph.known_tables import ForeignKey, Kind, KnownColumn, KnownTable, Tables

COLUMNS = """
SELECT t.relname, a.attname, y.typname, y.typtype, format_type(a.atttypid, a.atttypmod), a.atttypmod,
       NOT a.attnotnull, a.attgenerated <> '', t.relreplident = 'f'
FROM pg_class t
JOIN pg_namespace n ON n.oid = t.relnamespace
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type y ON y.oid = a.atttypid
WHERE n.nspname = %s AND t.relkind IN ('r', 'p') AND NOT t.relispartition
ORDER BY t.relname, a.attnum"""
KEYS = """
SELECT t.relname, c.contype, a.attname, f.relname, fa.attname, cardinality(c.conkey)
FROM pg_constraint c
JOIN pg_class t ON t.oid = c.conrelid
JOIN pg_namespace n ON n.oid = t.relnamespace
CROSS JOIN LATERAL unnest(c.conkey) WITH ORDINALITY AS k(attnum, place)
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum
LEFT JOIN pg_class f ON f.oid = c.confrelid
LEFT JOIN pg_attribute fa ON fa.attrelid = c.confrelid AND fa.attnum = c.confkey[k.place]
WHERE n.nspname = %s AND c.contype IN ('p', 'f')
ORDER BY t.relname, c.conname, k.place"""

KINDS: dict[str, Kind] = {
    **dict.fromkeys(("int2", "int4", "int8", "oid"), "integer"),
    **dict.fromkeys(("text", "varchar", "bpchar", "char", "citext", "name", "uuid", "json", "jsonb", "xml"), "text"),
    **dict.fromkeys(("inet", "cidr", "macaddr"), "text"),
    **dict.fromkeys(("float4", "float8"), "number"),
    **dict.fromkeys(("date", "timestamp", "timestamptz"), "time"),
    "numeric": "decimal",
    "money": "decimal",
    "bool": "bool",
}
NUMERIC_HEADER = 4  # of atttypmod, which holds precision and scale above it
ANY_SCALE = 9  # numeric without a declared scale may have any; a mapping's scale goes this far


def tables(connection: psycopg.Connection[Any], schema: str) -> Tables:
    """The tables of one schema; partitions count as the table they are parts of."""
    columns: dict[str, dict[str, KnownColumn]] = defaultdict(dict)
    whole: dict[str, bool] = {}
    primary: dict[str, list[str]] = defaultdict(list)
    foreign: dict[str, list[ForeignKey]] = defaultdict(list)
    for table, name, *described, full in connection.execute(COLUMNS, (schema,)):
        columns[table][name] = _column(*described)
        whole[table] = full
    for table, kind, name, to, column, size in connection.execute(KEYS, (schema,)):
        if kind in ("p", b"p"):
            primary[table].append(name)
        elif size == 1:
            foreign[table].append(ForeignKey(name, to, column))
    return {
        table: KnownTable(found, tuple(primary[table]), tuple(foreign[table]), whole[table])
        for table, found in columns.items()
    }


def _column(type: str, sort: Any, declared: str, mod: int, nullable: bool, generated: bool) -> KnownColumn:
    kind: Kind = "text" if sort in ("e", b"e") else KINDS.get(type, "other")
    if generated:
        kind = "virtual"  # pgoutput leaves generated columns out
    return KnownColumn(kind, declared, _unit(type, mod), _scale(type, mod), nullable)


def _unit(type: str, mod: int) -> str:
    """timestamp(0) to (3) in ms, finer ones (and without a number) in us; timestamptz is text with its zone."""
    if type == "timestamp":
        return "ms" if 0 <= mod <= 3 else "us"
    return {"date": "days", "timestamptz": "iso"}.get(type, "")


def _scale(type: str, mod: int) -> int:
    if type == "numeric":
        return (mod - NUMERIC_HEADER) & 0x7FF if mod >= NUMERIC_HEADER else ANY_SCALE
    return 2 if type == "money" else 0
