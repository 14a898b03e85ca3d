"""Keys as they are looked up in a database: the key's text, which is as the connector sends it, and the column's value.

Each pair was looked up, sorted and paged through on the real servers; `place` is what was sorted by.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from deploy.stack.endpoints import MariaDb
from deploy.verify import mariadb_columns, postgres_columns
from deploy.verify.columns import Column, key_parts, values_of
from deploy.verify.connector import CannotVerify, Connector
from deploy.verify.mariadb import MariaDbSource
from deploy.verify.postgres import PostgresSource
from graph.columns import key_text
from graph.mapping_file import MappingFile, TableRule


def mariadb(kind: str, whole: str = "") -> Column:
    about = {"column_name": "c", "data_type": kind, "column_type": whole or kind, "datetime_precision": 0}
    found = mariadb_columns.column(about | {"is_nullable": "NO", "character_set_name": "latin1", "extra": ""})
    assert found is not None
    return found


def postgres(kind: str, modifier: int = -1, family: str = "b") -> Column:
    return postgres_columns.column("c", kind, family, modifier)


@pytest.mark.parametrize(
    ("column", "cell", "value"),
    [
        (mariadb("int", "int(11)"), "-3", -3),
        (mariadb("bigint", "bigint(20) unsigned"), "-1", 2**64 - 1),
        (mariadb("varchar", "varchar(9)"), "a:b|c% ", "a:b|c% "),
        (mariadb("enum", "enum('m','f')"), "m", "m"),
        (mariadb("binary", "binary(4)"), "3q2+7w==", b"\xde\xad\xbe\xef"),
        (mariadb("decimal", "decimal(20,0)"), "12345678901234567891", Decimal("12345678901234567891")),
        (mariadb("date"), "19782", 19_782),
        (mariadb("timestamp"), "2024-02-29T12:34:56.789Z", "2024-02-29 12:34:56.789"),
        (mariadb("bit", "bit(9)"), "AQE=", 257),
        (postgres("int8"), "5", 5),
        (postgres("uuid"), "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        (postgres("bytea"), "3q2+7w==", "deadbeef"),
        (postgres("numeric"), "NAN", "NAN"),
        (postgres("date"), "-1", -1),
        (postgres("timestamptz", 3), "2024-02-29T12:34:56.120Z", "2024-02-29T12:34:56.120000"),
        (postgres("timestamptz", 0), "2024-02-29T12:34:56Z", "2024-02-29T12:34:56.000000"),
    ],
)
def test_a_cell_of_a_key_is_compared_as_the_columns_value(column: Column, cell: str, value: Any) -> None:
    """What the connector sends of bytes and moments is not how the database writes them."""
    assert values_of(key_parts("t", [column]), key_text([cell])) == [value]


@pytest.mark.parametrize(
    ("column", "key"),
    [
        (mariadb("int", "int(11)"), "ghost"),
        (mariadb("int", "int(11)"), "007"),
        (mariadb("int", "int(11)"), "2147483648"),
        (mariadb("tinyint", "tinyint(3) unsigned"), "-1"),
        (mariadb("bigint", "bigint(20)"), "1_0"),
        (mariadb("binary", "binary(4)"), "no base64"),
        (mariadb("decimal", "decimal(9,2)"), "1e5"),
        (mariadb("timestamp"), "yesterday"),
        (mariadb("varchar", "varchar(9)"), "a|b"),
        (postgres("int2"), "40000"),
        (postgres("int8"), ""),
        (postgres("uuid"), "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}"),
        (postgres("text"), "a\0"),
    ],
)
def test_a_key_that_no_row_can_have_is_asked_of_no_database(column: Column, key: str) -> None:
    """It stands in the graph from another type, another key, or by a fault: a statement with it would fail."""
    assert values_of(key_parts("t", [column]), key) is None


def test_what_ingest_takes_for_no_identifier_is_no_key() -> None:
    """Said at once, instead of a difference for every row."""
    for column in (mariadb("double"), postgres("bool"), postgres("float4"), mariadb("bit", "bit(1)")):
        with pytest.raises(CannotVerify, match="key column 'c' of table 't' is a"):
            key_parts("t", [column])


def test_choices_are_sorted_by_the_name_that_they_are_compared_by() -> None:
    """MariaDB sorts an ENUM by its number: a page behind a name would leave rows out, or never end."""
    (part,) = key_parts("t", [mariadb("enum", "enum('m','f')")])
    assert part.place == "CONVERT(`c` USING utf8mb4) COLLATE utf8mb4_bin"


def test_text_is_given_in_the_columns_character_set() -> None:
    """A key from elsewhere may not fit it, which ends a comparison with an error (1271)."""
    (part,) = key_parts("t", [mariadb("varchar", "varchar(9)")])
    assert (part.place, part.given) == ("`c`", "CONVERT(%s USING latin1)")


def test_a_cast_to_text_would_show_an_addresss_mask() -> None:
    """The connector sends 10.0.0.1, and PostgreSQL's cast makes 10.0.0.1/32 of it."""
    assert postgres("inet").sql == 'textin(inet_out("c"))'


class Asked:
    """Keeps the statements that a source would have sent."""

    def __init__(self) -> None:
        self.statements: list[tuple[str, list[object]]] = []

    def fetch(self, text: str, values: list[object]) -> list[tuple[Any, ...]]:
        self.statements.append((text, values))
        return []


def test_a_row_without_a_key_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ingest refuses it, so it is in no graph; and behind NULL there is no next page."""
    rule, asked = TableRule(key=["a%", "b"]), Asked()
    file = MappingFile(source="bank", tables={"t": rule})
    my = MariaDbSource(MariaDb("h", 1, "u", "p", "d"), Connector("bank", "mariadb", 1, {}), file)
    about = {"data_type": "int", "column_type": "int(11)", "datetime_precision": None, "is_nullable": "YES"}
    described = [about | {"column_name": name, "character_set_name": None, "extra": ""} for name in ("a%", "b")]
    monkeypatch.setattr(my, "_described", lambda table: described)
    pg = PostgresSource("", Connector("bank", "postgres", 1, {}), file)
    pg._tables["t"] = ('"public"."t"', [postgres_columns.column(name, "int4", "b", -1) for name in ("a%", "b")])
    for source in (my, pg):
        monkeypatch.setattr(source, "_fetch", asked.fetch)
        assert source.chunk("t", "1|2", 5) == [] and source.present("t", ["1|x"]) == set()
    (mine, given), (theirs, values) = asked.statements[0], asked.statements[1]
    assert "WHERE `a%%` IS NOT NULL AND `b` IS NOT NULL AND `a%%` >= %s AND (" in mine and given == [1, 1, 1, 2]
    assert '"b" IS NOT NULL AND ("a%%", "b") > (%s::int4, %s::int4)' in theirs and values == [1, 2]
