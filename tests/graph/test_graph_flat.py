"""Flat files as Changes: in event-time order, bad rows named and left out."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from graph.flat import Refused, planned, position
from graph.flat_files import FlatError
from graph.mapping import Mapping, Plan
from graph.model import EdgeUpsert, LabelUpsert
from ingest.events import Change, Op

EDGE = """
[[tables.payments.edges]]
role = "payment"
relation = "PAID"
source = { label = "Payer", id = "src" }
target = { label = "Payee", id = "P-{dst}" }
time = { column = "at", unit = "iso" }
event = true
attributes = { amount = { column = "amount", type = "decimal", scale = 2 } }
"""
LABEL = """
[[tables.payments.labels]]
of = "payment"
fraud = { column = "verdict", fraud = ["fraud", 1], legit = ["legit", 0], unknown = 2 }
delay = "7d"
"""
ROWS = "id,src,dst,at,amount,verdict\n"
DAY_MS = 86_400_000
NOON_MS = 43_200_000


def mapping(
    folder: Path, file: str = '{ path = "p.csv" }', rest: str = EDGE + LABEL, key: str = 'key = ["id"]'
) -> Mapping:
    path = folder / "mapping.toml"
    path.write_text(f'source = "flat"\n[tables.payments]\n{key}\nfile = {file}\n{rest}')
    return Mapping.load(path, b"k" * 16)


def read(made: Mapping, folder: Path) -> tuple[list[tuple[Change, Plan]], list[Refused]]:
    refused: list[Refused] = []
    return list(planned(made, folder, refused.append)), refused


def edges(found: list[tuple[Change, Plan]]) -> list[EdgeUpsert]:
    return [upsert for _, plan in found for upsert in plan.upserts if isinstance(upsert, EdgeUpsert)]


def labels(found: list[tuple[Change, Plan]]) -> list[LabelUpsert]:
    return [upsert for _, plan in found for upsert in plan.upserts if isinstance(upsert, LabelUpsert)]


def test_a_row_is_a_new_event_committed_at_its_time(tmp_path: Path) -> None:
    """An edge, an event to score, and the exact amount."""
    (tmp_path / "p.csv").write_text(ROWS + "7,a,b,1970-01-02T00:00:00Z,12.30,legit\n")
    found, refused = read(mapping(tmp_path), tmp_path)
    change, plan = found[0]
    edge = edges(found)[0]
    assert refused == [] and (change.op, change.key, change.committed_ms) == (Op.CREATE, {"id": "7"}, DAY_MS)
    assert (edge.owner, edge.src, edge.dst) == ("payments:7:payment", "Payer:a", "Payee:P-b")
    assert (edge.time_ms, edge.known_ms, edge.attributes) == (DAY_MS, DAY_MS, {"amount": 1230})
    assert [(event.id, event.kind) for event in plan.events] == [("payments:7:payment", "new")]


def test_a_label_in_the_row_is_known_after_its_delay(tmp_path: Path) -> None:
    """Of the row's own event; what is unknown or empty is no label."""
    day = "1970-01-02T00:00:00Z,1"
    (tmp_path / "p.csv").write_text(ROWS + f"1,a,b,{day},fraud\n2,a,b,{day},0\n3,a,b,{day},2\n4,a,b,{day},\n")
    found, refused = read(mapping(tmp_path), tmp_path)
    said = [(label.event, label.fraud, label.known_ms) for label in labels(found)]
    assert refused == []
    assert said == [("payments:1:payment", True, 8 * DAY_MS), ("payments:2:payment", False, 8 * DAY_MS)]


def test_rows_come_in_the_order_of_their_time(tmp_path: Path) -> None:
    """Whatever the file's order; the positions agree with it."""
    (tmp_path / "p.csv").write_text(
        ROWS + "1,a,b,1970-01-03T00:00:00Z,1,\n2,a,b,1960-01-01T00:00:00Z,1,\n3,a,b,1970-01-02T00:00:00Z,1,\n"
    )
    found, _ = read(mapping(tmp_path), tmp_path)
    tokens = [change.position.token for change, _ in found]
    assert [change.key["id"] for change, _ in found] == ["2", "3", "1"] and tokens == sorted(tokens)


def test_a_file_that_claims_to_be_sorted_and_is_not_is_refused(tmp_path: Path) -> None:
    """With the line and the mend: read on, it would rewrite the past."""
    (tmp_path / "p.csv").write_text(ROWS + "1,a,b,1970-01-03T00:00:00Z,1,\n2,a,b,1970-01-02T00:00:00Z,1,\n")
    with pytest.raises(FlatError, match=r"p\.csv:3: is earlier than the row before it; set `sorted = false`"):
        read(mapping(tmp_path, '{ path = "p.csv", sorted = true }'), tmp_path)


@pytest.mark.parametrize(("bad", "why"), [
    ("9,a,b\n", "has 3 cells, expected 6"),
    ("9,a,b,yesterday,1,\n", "expected a time in 'iso'"),
    ("9,a,b,1970-01-02T00:00:00Z,1.234,\n", "more than 2 decimal places"),
    ("9,a,b,1970-01-02T00:00:00Z,1,maybe\n", "column 'verdict' holds 'maybe', expected one of"),
    (",a,b,1970-01-02T00:00:00Z,1,\n", "column 'id' holds None"),
    ("9,a,b,,1,\n", "column 'at' is NULL"),
])  # fmt: skip
def test_a_bad_row_is_named_and_stops_nothing(tmp_path: Path, bad: str, why: str) -> None:
    """Its file and line; the rows around it are read."""
    good = "a,b,1970-01-02T00:00:00Z,1,\n"
    (tmp_path / "p.csv").write_text(ROWS + f"1,{good}{bad}2,{good}")
    found, refused = read(mapping(tmp_path), tmp_path)
    assert [change.key["id"] for change, _ in found] == ["1", "2"]
    assert len(refused) == 1 and refused[0].place == f"{tmp_path}/p.csv:3" and why in str(refused[0])


def test_bytes_that_are_no_text_are_refused_by_their_line(tmp_path: Path) -> None:
    """Latin-1 in a UTF-8 file, say."""
    (tmp_path / "p.csv").write_bytes(ROWS.encode() + b"1,caf\xe9,b,1970-01-02T00:00:00Z,1,\n2,a,b,1970-01-02,1,\n")
    found, refused = read(mapping(tmp_path), tmp_path)
    assert len(found) == 1 and ":2: is not utf-8 text" in str(refused[0])


def test_a_quoted_line_break_does_not_shift_the_lines(tmp_path: Path) -> None:
    """A place is the line a row begins on."""
    (tmp_path / "p.csv").write_text(ROWS + '1,"a\nb",b,1970-01-02,1,\n2,a\n')
    assert read(mapping(tmp_path), tmp_path)[1][0].place.endswith("p.csv:4")


def test_without_a_key_the_row_s_number_is_it(tmp_path: Path) -> None:
    """Counted through the file as it is, not as it is sorted."""
    (tmp_path / "p.csv").write_text(ROWS + "x,a,b,1970-01-03,1,\nx,a,b,1970-01-02,1,\n")
    found, _ = read(mapping(tmp_path, key=""), tmp_path)
    assert [edge.owner for edge in edges(found)] == ["payments:2:payment", "payments:1:payment"]


@pytest.mark.parametrize("name", ["p.csv.gz", "p.zip", "p.csv"])
def test_packed_files_read_the_same(tmp_path: Path, name: str) -> None:
    """gz and zip, and a byte order mark."""
    text = ("\ufeff" + ROWS + "1,a,b,1970-01-02,1,\n").encode()
    if name.endswith(".gz"):
        (tmp_path / name).write_bytes(gzip.compress(text))
    elif name.endswith(".zip"):
        with zipfile.ZipFile(tmp_path / name, "w") as packed:
            packed.writestr("inner.csv", text)
    else:
        (tmp_path / name).write_bytes(text)
    assert len(read(mapping(tmp_path, f'{{ path = "{name}" }}'), tmp_path)[0]) == 1


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    """Times need no unit, whole numbers stay ids, not-a-number is NULL."""
    rows = {
        "id": [1, 2], "src": [10, 11], "dst": ["x", "y"], "amount": [1.5, float("nan")], "verdict": [1, 0],
        "at": pa.array([NOON_MS * 1000, DAY_MS * 1000], pa.timestamp("us")),
    }  # fmt: skip
    pq.write_table(pa.table(rows), tmp_path / "p.parquet")
    found, refused = read(mapping(tmp_path, '{ path = "*.parquet", sorted = true }'), tmp_path)
    assert refused == []
    assert [(e.src, e.time_ms, e.attributes) for e in edges(found)] == [
        ("Payer:10", NOON_MS, {"amount": 150}), ("Payer:11", DAY_MS, {}),
    ]  # fmt: skip
    assert [label.fraud for label in labels(found)] == [True, False]


def test_parquet_as_pandas_writes_it(tmp_path: Path) -> None:
    """Nanoseconds, and whole numbers as binary ones wherever the column has a gap: ids and words all the same."""
    rows = {
        "id": [1.0, 2.0, None], "src": [10.0, 11.0, 12.0], "dst": ["x", "y", "z"], "amount": [1.5, 2.0, 3.0],
        "verdict": [1.0, 0.0, None], "at": pa.array([NOON_MS * 10**6 + 1] * 3, pa.timestamp("ns")),
    }  # fmt: skip
    pq.write_table(pa.table(rows), tmp_path / "p.parquet")
    found, refused = read(mapping(tmp_path, '{ path = "p.parquet" }'), tmp_path)
    assert [(e.owner, e.src, e.time_ms, e.attributes) for e in edges(found)] == [
        ("payments:1:payment", "Payer:10", NOON_MS, {"amount": 150}),
        ("payments:2:payment", "Payer:11", NOON_MS, {"amount": 200}),
    ]  # fmt: skip
    assert [label.fraud for label in labels(found)] == [True, False]
    assert [one.place for one in refused] == [f"{tmp_path}/p.parquet:3"]


def test_a_parquet_time_no_calendar_has_is_told_by_its_row(tmp_path: Path) -> None:
    """Seconds written as milliseconds, say: the year is 55000."""
    times = pa.array([0, 1_700_000_000_000], pa.timestamp("s"))
    pq.write_table(pa.table({"id": [1, 2], "src": [1, 2], "dst": [1, 2], "amount": [1, 1], "verdict": [0, 0],
                             "at": times}), tmp_path / "p.parquet")  # fmt: skip
    with pytest.raises(FlatError, match=r"p\.parquet: row 1 and what follows can't be read"):
        read(mapping(tmp_path, '{ path = "p.parquet" }'), tmp_path)


def test_an_order_index_counts_steps_and_a_delay_in_rows_too(tmp_path: Path) -> None:
    """A step is a second; known three rows later."""
    rest = EDGE.replace('unit = "iso"', 'unit = "order"') + LABEL.replace("7d", "3 rows")
    (tmp_path / "p.csv").write_text(ROWS + "1,a,b,0,1,fraud\n2,a,b,1,1,legit\n")
    found, _ = read(mapping(tmp_path, rest=rest), tmp_path)
    assert [(label.known_ms) for label in labels(found)] == [3_000, 4_000]


def test_local_times_are_read_by_their_zone(tmp_path: Path) -> None:
    """Noon in Prague is eleven in UTC in winter, ten in summer."""
    rest = EDGE.replace('unit = "iso"', 'format = "%d-%m-%Y %H:%M", zone = "Europe/Prague"')
    (tmp_path / "p.csv").write_text(ROWS + "1,a,b,02-01-2023 12:00,1,\n2,a,b,02-07-2023 12:00,1,\n")
    found, _ = read(mapping(tmp_path, rest=rest), tmp_path)
    assert [edge.time_ms % DAY_MS // 3_600_000 for edge in edges(found)] == [11, 10]


def test_what_a_file_lacks_is_added(tmp_path: Path) -> None:
    """A constant, and a cell of another table's row."""
    text = """
source = "flat"
[tables.accounts]
key = ["id"]
file = { path = "a.csv", header = false, columns = ["id", "opened"] }
nodes = [{ label = "Account", id = "id" }]
[tables.owners]
key = ["id"]
[tables.owners.file]
path = "o.csv"
delimiter = ";"
null = ["", "?"]
add = { bank = "KB" }
lookup = { opened = { table = "accounts", by = "account", key = "id", column = "opened" } }
times = { opened = "%y%m%d" }
[[tables.owners.edges]]
role = "owner"
relation = "OWNS"
source = { label = "User", id = "{bank}/{user}" }
target = { label = "Account", id = "account" }
time = { column = "opened", unit = "days" }
when = { kind = ["OWNER", 1] }
"""
    (tmp_path / "m.toml").write_text(text)
    (tmp_path / "a.csv").write_text("7,700102\n")
    (tmp_path / "o.csv").write_text("id;user;account;kind\n1;u;7;OWNER\n2;u;7;?\n3;?;7;1\n4;u;8;1\n")
    found, refused = read(Mapping.load(tmp_path / "m.toml", b"k" * 16), tmp_path)
    (edge,) = edges(found)
    assert (edge.src, edge.dst, edge.time_ms) == ("User:KB/u", "Account:7", DAY_MS)
    assert [f.place.rpartition(":")[2] for f in refused] == ["5"], "account 8 has no row, so no time is known"


@pytest.mark.parametrize(("file", "says"), [
    ('{ path = "none.csv" }', "no such file"),
    ('{ path = "empty.csv" }', "no header"),
    ('{ path = "cut.csv.gz" }', "can't be read to its end"),
    ('{ path = "other.csv" }', "has no column 'id', 'src'"),
    ('{ path = "empty.csv", format = "parquet" }', "can't be read as Parquet"),
    ('{ path = "twice.csv" }', "the columns a are there twice"),
    ('{ path = "other.csv", columns = ["one"] }', "has 2 columns, but `columns` names 1"),
])  # fmt: skip
def test_a_file_that_can_t_be_read_says_why(tmp_path: Path, file: str, says: str) -> None:
    """Which, and the mend."""
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "other.csv").write_text("a,b\n")
    (tmp_path / "twice.csv").write_text("a,a\n")
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(ROWS.encode() * 2_000)[:-20])
    with pytest.raises(FlatError, match=says):
        read(mapping(tmp_path, file), tmp_path)


def test_positions_order_by_time_then_table_then_row() -> None:
    """Also across the bits they are packed in."""
    places = [(-5_000, 1, 2**36 - 1), (0, 1, 1), (0, 1, 2**24), (0, 2, 1), (1, 1, 1), (10**12, 255, 2**30)]
    tokens = [position("flat", *place).token for place in places]
    assert tokens == sorted(tokens) and len(set(tokens)) == len(tokens)
