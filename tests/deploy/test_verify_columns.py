"""Values of MariaDB and Postgres as Debezium 3.5 sends them (each pair was seen on the real servers)."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.verify import mariadb_columns, postgres_columns
from deploy.verify.columns import Column, float32, named
from graph.columns import NullWhereMissing
from graph.columns import column as column_of
from graph.mapping_file import EdgeRule, NodeRef, TableRule, TimeColumn
from ingest.events import Reject


def mariadb(kind: str, whole: str = "", digits: int | None = None, nullable: str = "YES", extra: str = "") -> Column:
    about = {"column_name": "c", "data_type": kind, "column_type": whole or kind, "datetime_precision": digits}
    found = mariadb_columns.column(about | {"is_nullable": nullable, "character_set_name": "utf8mb4", "extra": extra})
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("column", "given", "sent"),
    [
        (mariadb("bigint", "bigint(20) unsigned"), "18446744073709551615", -1),
        (mariadb("tinyint", "tinyint(1)"), "1", 1),
        (mariadb("decimal"), "0.0000001000", "0.0000001000"),
        (mariadb("float"), "1.100000023841858", 1.1),
        (mariadb("double"), "1e20", 1e20),
        (mariadb("bit", "bit(1)"), "1", True),
        (mariadb("bit", "bit(9)"), "257", "AQE="),
        (mariadb("binary", "binary(4)"), b"ab\0\0", "YWIAAA=="),
        (mariadb("datetime", "datetime(3)", 3), "1709210096789", 1_709_210_096_789),
        (mariadb("timestamp", "timestamp(3)", 3), "2024-02-29 12:34:56.120", "2024-02-29T12:34:56.120Z"),
        (mariadb("timestamp", "timestamp", 0), "0000-00-00 00:00:00", "1970-01-01T00:00:00Z"),
        (mariadb("varchar", "varchar(9)"), "tr  ", "tr  "),
    ],
)
def test_mariadb_values_read_as_the_connector_sends_them(column: Column, given: Any, sent: object) -> None:
    """Types that a driver would render otherwise."""
    read = column.read(given)
    assert (read, type(read)) == (sent, type(sent))


def test_a_datetime_is_asked_for_in_the_unit_of_its_precision() -> None:
    """Up to three digits ms, beyond µs; a zero date of a column that can't be NULL is 1970."""
    assert "DIV 1000" in mariadb("datetime", digits=3).sql
    assert "DIV 1000" not in mariadb("datetime", digits=6).sql
    assert "COALESCE" in mariadb("date", nullable="NO").sql and "COALESCE" not in mariadb("date").sql


def postgres(kind: str, modifier: int = -1, family: str = "b") -> Column:
    return postgres_columns.column("c", kind, family, modifier)


@pytest.mark.parametrize(
    ("column", "given", "sent"),
    [
        (postgres("numeric"), "0.000000001", "0.000000001"),
        (postgres("float4"), 1.100000023841858, 1.1),
        (postgres("bytea"), b"\xde\xad\xbe\xef", "3q2+7w=="),
        (postgres("bit", 1), "1", True),
        (postgres("timestamptz"), "1970-01-01T00:00:01.000000", "1970-01-01T00:00:01.000000Z"),
        (postgres("timestamptz", 3), "2024-02-29T12:34:56.120000", "2024-02-29T12:34:56.120Z"),
        (postgres("timestamptz", 0), "2024-02-29T12:34:56.000000", "2024-02-29T12:34:56Z"),
        (postgres("timestamptz"), "infinity", "infinity"),
        (postgres("bpchar", 9), "ab   ", "ab   "),
    ],
)
def test_postgres_values_read_as_the_connector_sends_them(column: Column, given: Any, sent: object) -> None:
    """Types that a driver would render otherwise."""
    read = column.read(given)
    assert (read, type(read)) == (sent, type(sent))


def test_a_timestamp_is_asked_for_in_the_unit_of_its_precision() -> None:
    """Up to three digits ms, beyond and without any µs."""
    assert "1000)" in postgres("timestamp", 3).sql and "1000000" in postgres("timestamp").sql


def test_infinity_ends_no_comparison() -> None:
    """PostgreSQL can't make a number of it: the row is refused, as ingest refuses it."""
    for kind in ("date", "timestamp", "timestamptz"):
        assert postgres(kind).sql.startswith('CASE WHEN isfinite("c") THEN')


def test_a_type_that_is_not_understood_is_refused_by_its_name() -> None:
    """Whether it is NULL is known; a table that reads missing columns as NULL must not read this one so."""
    for found in (postgres("int4range"), mariadb("geometry")):
        assert found.sql.startswith("CASE WHEN") and found.key is None
        with pytest.raises(Reject, match=f"column 'c' is a {found.type}"):
            column_of(NullWhereMissing({"c": found.read(1)}), "c")


def test_a_computed_column_is_not_in_the_log() -> None:
    """So it is missing here as well."""
    about = {"column_name": "c", "data_type": "int", "column_type": "int(11)", "datetime_precision": None}
    about |= {"is_nullable": "YES", "character_set_name": None, "extra": "VIRTUAL GENERATED"}
    assert mariadb_columns.column(about) is None


def test_of_large_values_no_more_is_read_than_tells_that_they_are_too_large() -> None:
    """A page has thousands of rows."""
    for found in (mariadb("longtext"), mariadb("mediumblob"), mariadb("varchar", "varchar(9000)")):
        assert found.sql == "LEFT(`c`, 4097)" and found.key is not None and found.key.place == "`c`"
    assert postgres("text").sql == 'left("c"::text, 4097)' and "4097" in postgres("bytea").sql
    assert mariadb("varchar", "varchar(40)").sql == "`c`" and postgres("varchar", 44).sql == '"c"'


def test_a_32_bit_number_is_written_as_short_as_it_reads_back() -> None:
    """As JSON writers do."""
    assert [float32(x) for x in (1.100000023841858, 16777216.0, 0.0)] == [1.1, 16777216.0, 0.0]


def test_every_column_a_rule_names_is_read() -> None:
    """Whatever fields the format has: all texts of the rule count."""
    end = NodeRef(label="A", id="src")
    edge = EdgeRule(role="r", relation="R", source=end, target=NodeRef(label="A", id="dst", hash_column="kind"),
                    time=TimeColumn(column="at"))  # fmt: skip
    assert named(TableRule(key=["id"], edges=[edge])) >= {"id", "src", "dst", "kind", "at"}
