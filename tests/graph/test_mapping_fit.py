"""A mapping against what a database has: each thing that does not fit, at its field."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from graph.known_tables import KnownColumn, KnownTable, Tables
from graph.mapping_file import read_mapping
from graph.mapping_fit import findings

TEXT = """
source = "bank"
ignore = ["audit"]
[tables.transfers]
key = ["id"]
[[tables.transfers.edges]]
role = "transfer"
relation = "TRANSFER"
source = { label = "Account", id = "src" }
target = { label = "Account", id = "{bank}/{dst}" }
time = { column = "at", unit = "ms" }
event = true
when = { kind = "wire" }
attributes = { amount = { column = "amount", type = "decimal", scale = 2 } }
[[tables.transfers.labels]]
of = "transfer"
fraud = "fraud"
"""


def column(kind: str, declared: str = "", **more: object) -> KnownColumn:
    return msgspec.convert({"kind": kind, "declared": declared or kind, **more}, KnownColumn)


def bank(**changed: KnownColumn | None) -> KnownTable:
    columns = {
        "id": column("integer"), "src": column("integer"), "bank": column("text"), "dst": column("text"),
        "at": column("time", "datetime(3)", unit="ms"), "kind": column("text"), "fraud": column("bool"),
        "amount": column("decimal", "decimal(12,2)", scale=2),
    } | changed  # fmt: skip
    return KnownTable({name: found for name, found in columns.items() if found is not None}, ("id",))


def said(tmp_path: Path, known: Tables, hint: bool = False) -> list[str]:
    path = tmp_path / "mapping.toml"
    path.write_text(TEXT)
    found = [f for f in findings(read_mapping(path), known) if f.hint == hint]
    return [f"{'.'.join(map(str, f.loc))} {f.said}" for f in found]


def test_a_mapping_that_fits_has_no_finding(tmp_path: Path) -> None:
    """So each below is its own."""
    known = {"transfers": bank(), "audit": bank()}
    assert said(tmp_path, known) == [] and said(tmp_path, known, hint=True) == []


@pytest.mark.parametrize(("changed", "field", "says"), [
    ({"src": None, "source": column("integer")}, "edges.0.source.id", "lacks; is 'source' meant?"),
    ({"dst": None}, "edges.0.target.id", "names column 'dst', which the table lacks"),
    ({"kind": None}, "edges.0.when.kind", "names column 'kind'"),
    ({"dst": column("number", "double")}, "edges.0.target.id", "neither text nor a whole number"),
    ({"at": column("time", "datetime(6)", unit="us")}, "edges.0.time", 'gives it in "us"; give unit = "us"'),
    ({"at": column("time", "date", unit="days")}, "edges.0.time", 'give unit = "days"'),
    ({"at": column("text", "varchar(20)")}, "edges.0.time", 'it is text; give unit = "iso", or a format'),
    ({"at": column("number")}, "edges.0.time", "which it can't be"),
    ({"amount": column("text", "varchar(9)")}, "edges.0.attributes.amount", 'which it is not; give type = "text"'),
    ({"amount": column("decimal", "decimal(9,4)", scale=4)}, "edges.0.attributes.amount", "has 4 places; raise scale"),
    ({"amount": column("virtual")}, "edges.0.attributes.amount", "computed and not in the log's rows"),
    ({"fraud": column("time", unit="ms")}, "labels.0.fraud", "holds no plain truth values"),
])  # fmt: skip
def test_what_a_column_can_t_be_read_as(
    tmp_path: Path, changed: dict[str, KnownColumn | None], field: str, says: str
) -> None:
    """At the field that names it, with the mend."""
    (found,) = said(tmp_path, {"transfers": bank(**changed), "audit": bank()})
    assert found.startswith(f"tables.transfers.{field} ") and says in found


def test_a_table_that_is_not_there(tmp_path: Path) -> None:
    """With the one that is likely meant."""
    (found,) = said(tmp_path, {"transfer": bank(), "audit": bank()})
    assert found.startswith("tables.transfers is no table of the database; is 'transfer' meant?")


def test_another_primary_key(tmp_path: Path) -> None:
    """Owners are named by the key, so it has to be the table's."""
    (found,) = said(tmp_path, {"transfers": msgspec.structs.replace(bank(), key=("id", "at")), "audit": bank()})
    assert found == "tables.transfers.key is ['id'], but the primary key is ['id', 'at']; name that"


def test_a_table_that_is_not_logged_whole(tmp_path: Path) -> None:
    """Postgres without REPLICA IDENTITY FULL."""
    (found,) = said(tmp_path, {"transfers": msgspec.structs.replace(bank(), logged_whole=False), "audit": bank()})
    assert "ALTER TABLE transfers REPLICA IDENTITY FULL" in found


@pytest.mark.parametrize(("known", "says"), [
    ({"transfers": bank(), "audit": bank(), "cards": bank()}, "ignore has cards, neither mapped nor ignored"),
    ({"transfers": bank()}, "ignore.0 names 'audit', which is no table"),
    ({"transfers": msgspec.structs.replace(bank(), key=()), "audit": bank()}, "has no primary key"),
    ({"transfers": bank(at=column("time", "datetime(3)", unit="ms", nullable=True)), "audit": bank()}, "may be NULL"),
    ({"transfers": bank(amount=column("number", "double")), "audit": bank()}, "is not exact"),
])  # fmt: skip
def test_a_hint_stops_nothing(tmp_path: Path, known: Tables, says: str) -> None:
    """It is said, and the mapping is good."""
    assert said(tmp_path, known) == []
    (hint,) = said(tmp_path, known, hint=True)
    assert says in hint
