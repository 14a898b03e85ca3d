"""The loader and the mapping of the Czech bank, on a few invented rows in its format."""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path

import pytest

from deploy.demo import berka
from graph.mapping import Mapping
from graph.model import EdgeUpsert, NodeUpsert
from ingest.events import Change, Op, Position

MAPPING = Path(__file__).parents[2] / "graph" / "mappings" / "berka-1999-partial.toml"
POSITION = Position("berka", 1, True, 1, 1)
FILES = {
    "account": ['"account_id";"district_id";"frequency";"date"', '7;3;"POPLATEK MESICNE";900102'],
    "client": ['"client_id";"birth_number";"district_id"', '1;"501231";3', '2;"516231";4'],
    "disp": ['"disp_id";"client_id";"account_id";"type"', '1;1;7;"OWNER"', '2;2;7;"DISPONENT"'],
    "order": ['"order_id";"account_id";"bank_to";"account_to";"amount";"k_symbol"',
              '5;7;"QX";"777000111";2222221.10;" "'],
    "loan": ["header", '9;7;900214;611111;9;67901.25;"B"'],
    "card": ["header", '3;1;"classic";900321 00:00:00'],
    "district": ["header", '3;"Here";"There";10;0;0;0;1;1;100.0;654321;?;77.77;7771;?;7777711'],
    "trans": ["header", '11;7;900105;"PRIJEM";"PREVOD Z UCTU";7123456.00;7123956.00;"DUCHOD";"QX";"777000222"',
              '12;7;900106;"VYDAJ";"VYBER";700.30;7123255.70;"";;', '13;7;900107;"VYD'],
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, lines in FILES.items():
        whole = "\r\n".join(lines) + ("" if name == "trans" else "\r\n")
        (tmp_path / f"{name}.asc.gz").write_bytes(gzip.compress(whole.encode()))
    return tmp_path


def edges(table: str, **row: object) -> dict[str, EdgeUpsert]:
    """What the mapping makes of a row as Debezium gives it, by role."""
    mapping = Mapping.load(MAPPING, b"k" * 16)
    key = {name: row[name] for name in mapping.file.tables[table].key}
    plan = mapping.plan(Change(table, key, Op.READ, None, row, POSITION, 0))
    return {edge.owner.rpartition(":")[2]: edge for edge in plan.upserts if isinstance(edge, EdgeUpsert)}


def booking(**changed: object) -> dict[str, EdgeUpsert]:
    row: dict[str, object] = {
        "trans_id": 11, "account_id": 7, "date": 7309, "type": "PRIJEM", "operation": "PREVOD Z UCTU",
        "amount": "7123456.00", "balance": "7123956.00", "k_symbol": "DUCHOD", "bank": "QX",
        "account": "777000222",
    }  # fmt: skip
    return edges("trans", **(row | changed))


def test_a_broken_last_line_is_dropped(folder: Path) -> None:
    """The mirror's file of bookings stops in the middle of one."""
    assert [row["trans_id"] for row in berka.rows(folder, "trans")] == ["11", "12"]


def test_a_short_line_before_the_end_is_refused_by_its_number(folder: Path) -> None:
    """A file that is not the bank's loads nothing."""
    (folder / "card.asc.gz").write_bytes(gzip.compress(b'header\r\n3;1\r\n4;2;"gold";900321 00:00:00\r\n'))
    with pytest.raises(berka.BadFile, match=r"card\.asc\.gz:2: 2 cells, expected 4"):
        list(berka.rows(folder, "card"))


def test_a_missing_folder_says_what_to_name(tmp_path: Path) -> None:
    """The files are the reader's own to bring."""
    with pytest.raises(berka.BadFile, match=r"name the folder with the bank's \.asc\.gz files"):
        list(berka.rows(tmp_path, "account"))


def test_dates_are_dates_and_nothing_is_null(folder: Path) -> None:
    """yymmdd of the 1900s; an empty cell, a blank and a question mark hold nothing."""
    loan, card = next(berka.rows(folder, "loan")), next(berka.rows(folder, "card"))
    assert (loan["date"], card["issued"]) == (date(1990, 2, 14), date(1990, 3, 21))
    cash = list(berka.rows(folder, "trans"))[1]
    order, district = next(berka.rows(folder, "order")), next(berka.rows(folder, "district"))
    assert (cash["k_symbol"], cash["bank"], order["k_symbol"], district["crimes_95"]) == (None,) * 4


def test_an_undated_row_counts_from_when_it_is_surely_known(folder: Path) -> None:
    """An owner from the account's opening on; an authorised user and a standing order from the data's end."""
    tables = berka.tables(folder)
    assert [row["since"] for row in tables["disp"]] == [date(1990, 1, 2), date(1998, 12, 31)]
    assert tables["order"][0]["since"] == date(1998, 12, 31)


def test_the_schema_has_the_columns_that_are_loaded(folder: Path) -> None:
    """Each loaded column is declared in its table."""
    sql = berka.SCHEMA.read_text()
    for table, rows in berka.tables(folder).items():
        declared = sql.split(f"CREATE TABLE {'`order`' if table == 'order' else table} (")[1].split(") ENGINE")[0]
        assert [name for name in rows[0] if f"\n  {name} " not in declared] == [], table


def test_money_that_comes_in_points_at_the_account() -> None:
    """From the outside account, exact in hellers, at the day's midnight."""
    made = booking()
    assert list(made) == ["incoming"]
    edge = made["incoming"]
    assert (edge.relation, edge.src, edge.dst) == ("TRANSFER", "Account:QX/777000222", "Account:7")
    assert (edge.time_ms, edge.attributes) == (7309 * 86_400_000, {"amount": 712_345_600, "purpose": "DUCHOD"})


def test_money_that_goes_out_points_away_from_the_account() -> None:
    """The same relation, the other direction."""
    made = booking(type="VYDAJ", operation="PREVOD NA UCET")
    assert [(edge.src, edge.dst) for edge in made.values()] == [("Account:7", "Account:QX/777000222")]


def test_cash_stays_with_its_account() -> None:
    """A till for each account: one for all would join every account with every other."""
    made = booking(operation="VYBER", type="VYDAJ", bank=None, account=None)
    assert [(edge.relation, edge.src, edge.dst) for edge in made.values()] == [("CASH", "Account:7", "Cash:7")]


def test_interest_is_no_edge() -> None:
    """It has no other side."""
    assert booking(operation=None, k_symbol="UROK", bank=None, account=None) == {}


def test_bookings_are_what_is_scored() -> None:
    """A new one asks for a score, a new account or order does not."""
    tables = Mapping.load(MAPPING, b"k" * 16).file.tables
    assert {(name, edge.role) for name, table in tables.items() for edge in table.edges if edge.event} == {
        ("trans", "incoming"), ("trans", "outgoing"), ("trans", "cash"),
    }  # fmt: skip


def test_neither_birth_number_nor_the_end_of_a_loan_enters_the_graph() -> None:
    """The one is personal, the other tells what came later."""
    mapping = Mapping.load(MAPPING, b"k" * 16)
    row = {"client_id": 1, "birth_number": "501231", "district_id": 3}
    client = mapping.plan(Change("client", {"client_id": 1}, Op.READ, None, row, POSITION, 0)).upserts[0]
    assert isinstance(client, NodeUpsert) and client.properties == {"district": 3}
    borrowed = edges("loan", loan_id=9, account_id=7, date=7349, amount="611111.00", duration=9,
                     payments="67901.25", status="B")  # fmt: skip
    assert borrowed["borrower"].attributes == {"amount": 61_111_100}
