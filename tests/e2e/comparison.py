"""What MariaDB's tables say the graph should hold, and what Neo4j holds, in one comparable form."""

from __future__ import annotations

from typing import Any

import neo4j
import pymysql

from deploy.demo.tables import COLUMNS, TIME_COLUMNS
from graph.mapping import Mapping
from graph.model import EdgeUpsert, LabelUpsert, NodeUpsert, split_version
from graph.neo4j_rows import attributes_of
from ingest.events import Change, Op, Position

Facts = dict[str, Any]
NOWHERE = Position("bank", 0, False, 0, 0)


def rows(bank: pymysql.Connection, table: str) -> list[dict[str, Any]]:
    """A table as it stands, values as Debezium gives them (times in ms, decimals as text)."""
    columns = [
        f"CAST(ROUND(UNIX_TIMESTAMP(`{c}`) * 1000) AS SIGNED)" if c in TIME_COLUMNS else
        f"CAST(`{c}` AS CHAR)" if c == "amount" else f"`{c}`"
        for c in COLUMNS[table]
    ]  # fmt: skip
    with bank.cursor() as cursor:
        cursor.execute(f"SELECT {','.join(columns)} FROM `{table}`")
        return [dict(zip(COLUMNS[table], row, strict=True)) for row in cursor.fetchall()]


def expected(bank: pymysql.Connection, mapping: Mapping) -> Facts:
    """Each node's properties, each edge's ends, time and attributes, each label, from the tables."""
    facts: Facts = {}
    for table in COLUMNS:
        for row in rows(bank, table):
            change = Change(table, {"id": row["id"]}, Op.READ, None, row, NOWHERE, 0)
            for upsert in mapping.plan(change).upserts:
                match upsert:
                    case NodeUpsert():
                        facts[upsert.key] = upsert.properties
                    case EdgeUpsert():
                        facts[upsert.owner] = [upsert.src, upsert.dst, upsert.time_ms, upsert.attributes]
                    case LabelUpsert():
                        facts[upsert.owner] = [upsert.event, upsert.fraud]
    return facts


def held(driver: neo4j.Driver, mapping: Mapping) -> Facts:
    """The same of what Neo4j holds and has not closed."""
    facts: Facts = {}
    for (label, role), names in mapping.schema.properties.items():
        text = f"MATCH (n:{label}) WHERE n._pos_{role} IS NOT NULL AND n._gone_{role} IS NULL RETURN properties(n) AS p"
        for record in driver.execute_query(text).records:
            p = record["p"]
            facts[f"{label}:{p['id']}"] = {name: p[name] for name in names if name in p}
    for relation in mapping.relations:
        text = f"MATCH (a)-[e:{relation.name}]->(b) WHERE e._closed_pos IS NULL "
        text += "RETURN properties(e) AS p, a.id AS a, b.id AS b"
        for record in driver.execute_query(text).records:
            p = record["p"]
            ends = [f"{relation.source}:{record['a']}", f"{relation.target}:{record['b']}"]
            facts[split_version(p["id"])[0]] = [*ends, p["time"], attributes_of(p)]
    text = "MATCH (l:_Label) WHERE l._closed_pos IS NULL AND l.id STARTS WITH 'fraud_' RETURN properties(l) AS p"
    for record in driver.execute_query(text).records:
        facts[split_version(record["p"]["id"])[0]] = [record["p"]["event"], record["p"]["fraud"]]
    return facts


def differences(wanted: Facts, found: Facts) -> list[str]:
    """Each missing, extra and differing fact, in words."""
    missing = [f"missing {key}: {wanted[key]}" for key in wanted.keys() - found.keys()]
    extra = [f"extra {key}: {found[key]}" for key in found.keys() - wanted.keys()]
    other = [f"{k}: {wanted[k]} but {found[k]}" for k in wanted.keys() & found.keys() if wanted[k] != found[k]]
    return [*missing, *extra, *other]
