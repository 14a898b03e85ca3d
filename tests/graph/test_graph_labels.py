"""Labels as banks keep them: told late or never, only where it was fraud, in files of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from graph.known_tables import KnownColumn, KnownTable
from graph.mapping import Mapping
from graph.mapping_file import MappingError
from graph.mapping_fit import findings
from graph.model import EdgeUpsert, LabelUpsert
from ingest.events import Change, Op, Position, Reject

DAY_MS = 86_400_000
TABLE = """
source = "bank"
[tables.payments]
key = ["bank", "id"]
[[tables.payments.edges]]
role = "payment"
relation = "PAID"
source = { label = "Payer", id = "src" }
target = { label = "Payee", id = "dst" }
time = "at"
event = true
"""
OWN = '[[tables.payments.labels]]\nof = "payment"\n'
REPORT = '[tables.chargebacks]\nkey = ["id"]\n[[tables.chargebacks.labels]]\nreported = "told"\n'
EVENT = 'event = { table = "payments", key = ["bank", "payment"], roles = { payments = "payment" } }\n'
ROW = {"bank": "KB", "id": 1, "src": 1, "dst": 2, "at": DAY_MS, "fraud": None, "told": None, "days": None}


def made(folder: Path, text: str) -> Mapping:
    path = folder / "mapping.toml"
    path.write_text(TABLE + text)
    return Mapping.load(path, b"k" * 16)


def become(mapping: Mapping, row: dict[str, Any], table: str = "payments", op: Op = Op.CREATE) -> list[LabelUpsert]:
    key = {"bank": row.get("bank"), "id": row["id"]}
    change = Change(table, key, op, None, row, Position("bank", 1, False, 1, 5, 0), row.get("at") or DAY_MS)
    upserts = mapping.plan(change).upserts
    assert table != "payments" or any(isinstance(upsert, EdgeUpsert) for upsert in upserts), "the event is there"
    return [upsert for upsert in upserts if isinstance(upsert, LabelUpsert)]


@pytest.mark.parametrize("fraud", ['"fraud"', '{ column = "fraud", fraud = 1, legit = 0 }'])
def test_an_event_nobody_judged_yet_is_an_event_all_the_same(tmp_path: Path, fraud: str) -> None:
    """A NULL in the label's column costs the label, not the row."""
    assert become(made(tmp_path, f"{OWN}fraud = {fraud}\n"), ROW) == []


def test_an_event_without_a_report_is_judged_after_its_own_time(tmp_path: Path) -> None:
    """The column of the report's time is empty where nothing was reported."""
    mapping = made(tmp_path, f'{OWN}fraud = "fraud"\nreported = "told"\ndelay = "3d"\n')
    (legit,) = become(mapping, ROW | {"fraud": 0})
    (fraud,) = become(mapping, ROW | {"fraud": 1, "told": 9 * DAY_MS})
    assert (legit.fraud, legit.known_ms, fraud.fraud, fraud.known_ms) == (False, 4 * DAY_MS, True, 12 * DAY_MS)


def test_fraud_and_legit_may_be_known_from_different_times_on(tmp_path: Path) -> None:
    """One rule says what is fraud, another what is not; each leaves the other's word unknown."""
    rest = OWN + 'fraud = { column = "fraud", fraud = 1, unknown = 0 }\nreported = "told"\n'
    rest += OWN + 'role = "calm"\nfraud = { column = "fraud", legit = 0, unknown = 1 }\ndelay = "30d"\n'
    mapping = made(tmp_path, rest)
    (legit,) = become(mapping, ROW | {"fraud": 0})
    (fraud,) = become(mapping, ROW | {"fraud": 1, "told": 9 * DAY_MS})
    assert (legit.fraud, legit.known_ms, fraud.fraud, fraud.known_ms) == (False, 31 * DAY_MS, True, 9 * DAY_MS)


def test_a_table_of_chargebacks_has_no_verdict(tmp_path: Path) -> None:
    """That a row is there says it."""
    mapping = made(tmp_path, f"{REPORT}{EVENT}fraud = true\n")
    (label,) = become(mapping, {"id": 5, "bank": "KB", "payment": 1, "told": 9 * DAY_MS}, "chargebacks")
    assert (label.event, label.fraud, label.known_ms) == ("payments:KB|1:payment", True, 9 * DAY_MS)


def test_each_row_may_have_its_own_delay(tmp_path: Path) -> None:
    """In a column; no label where it is NULL, for then nobody knows since when it counts."""
    mapping = made(tmp_path, OWN + 'fraud = "fraud"\ndelay = { column = "days", unit = "d" }\n')
    assert [label.known_ms for label in become(mapping, ROW | {"fraud": 1, "days": "2.5"})] == [DAY_MS * 7 // 2]
    assert become(mapping, ROW | {"fraud": 1}) == []


@pytest.mark.parametrize("days", [-1, "soon", 10**9])
def test_a_delay_that_is_none_is_refused(tmp_path: Path, days: Any) -> None:
    """Nothing is known before it happened."""
    mapping = made(tmp_path, OWN + 'fraud = "fraud"\ndelay = { column = "days", unit = "d" }\n')
    with pytest.raises(Reject, match="column 'days' holds"):
        become(mapping, ROW | {"fraud": 1, "days": days})


@pytest.mark.parametrize(("text", "says"), [
    (f'{REPORT}fraud = true\nevent = {{ table = "payments", key = "payment", roles = {{ payments = "payment" }} }}\n',
     "key names 1 column (payment), but the key of table 'payments' has 2 (bank, id)"),
    (OWN + 'fraud = { column = "fraud", fraud = 1 }\n', "unknown"),
    (OWN + "fraud = {}\n", "column is missing"),
    (OWN + 'fraud = { column = "fraud", value = true }\n', "not both"),
    (OWN + 'fraud = "fraud"\ndelay = { column = "days", unit = "rows" }\n', "is a clock"),
])  # fmt: skip
def test_what_can_be_no_label_is_told(tmp_path: Path, text: str, says: str) -> None:
    """Among it a key of too few columns, which would name events that are none."""
    with pytest.raises(MappingError) as error:
        made(tmp_path, text)
    assert says in str(error.value)


def test_a_report_on_rows_that_are_numbered_is_told(tmp_path: Path) -> None:
    """Nobody else knows their numbers."""
    path = tmp_path / "mapping.toml"
    numbered = TABLE.replace('key = ["bank", "id"]', 'file = { path = "p.csv" }')
    path.write_text(f"{numbered}{REPORT}{EVENT}fraud = true\n")
    with pytest.raises(MappingError, match="whose rows are numbered; give it a key"):
        Mapping.load(path, b"k" * 16)


def test_a_report_s_time_that_may_be_null_is_no_finding_in_a_database(tmp_path: Path) -> None:
    """Such rows are not dead-lettered; a delay of text is one, since it can be no number."""
    text = OWN + 'fraud = "fraud"\nreported = "told"\ndelay = { column = "days" }\n'
    columns = {name: KnownColumn("integer", "bigint") for name in ROW}
    columns |= {name: KnownColumn("time", "datetime(3)", "ms", nullable=name == "told") for name in ("at", "told")}
    columns["days"] = KnownColumn("text", "varchar(9)")
    (found,) = findings(made(tmp_path, text).file, {"payments": KnownTable(columns, ("bank", "id"))})
    assert found.loc == ("tables", "payments", "labels", 0, "delay") and not found.hint
