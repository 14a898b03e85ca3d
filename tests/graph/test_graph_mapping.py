"""What a change does to the graph: a pure function of the change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from histories import KEY, changes, demo_mapping
from histories import MAPPING as MAPPING_FILE
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.mapping import Mapping, Plan
from graph.model import EdgeUpsert, Floor, Gone, LabelUpsert, NodeUpsert, version_id
from ingest.events import Change, Op, Position, Reject
from ingest.labels import decode_label
from ingest.records import LABELS, Record

MAPPING = demo_mapping()
AT_MS, COMMITTED_MS = 1_000_000, 1_005_000
POS = Position("bank", 1, True, 1, 100)


def transfer(**cells: Any) -> dict[str, Any]:
    return {
        "id": 7, "src_account": 1, "dst_account": 2, "amount": "12.50", "currency": "EUR",
        "channel": "app", "status": "booked", "at": AT_MS,
    } | cells  # fmt: skip


def user(**cells: Any) -> dict[str, Any]:
    return {
        "id": 3, "name": "Anna", "country": "DE", "phone": "+49 170 1234567", "email": "anna@example.org",
        "address": None, "created_at": AT_MS,
    } | cells  # fmt: skip


def report(**cells: Any) -> dict[str, Any]:
    return {"id": 5, "event_table": "transfers", "event_id": 7, "is_fraud": 1, "reported_at": AT_MS} | cells


def change(op: Op, before: Any = None, after: Any = None, table: str = "transfers", key: Any = None) -> Change:
    row = after or before or {}
    return Change(table, key or {"id": row.get("id", 7)}, op, before, after, POS, COMMITTED_MS)


def plan(op: Op, before: Any = None, after: Any = None, table: str = "transfers", whole: bool = False) -> Plan:
    return MAPPING.plan(change(op, before, after, table), whole)


def kinds(planned: Plan) -> list[str]:
    return [event.kind for event in planned.events]


def test_a_create_is_a_version_and_a_new_event() -> None:
    """Owner, ends, both clocks, exact cents."""
    planned = plan(Op.CREATE, None, transfer())
    edge = EdgeUpsert("transfers:7:transfer", POS.token, COMMITTED_MS, "TRANSFER", "Account:1", "Account:2", AT_MS,
                      {"amount": 1250, "currency": "EUR", "channel": "app"})  # fmt: skip
    assert planned.upserts == (edge,)
    event = planned.events[0]
    assert (event.id, event.kind, event.pos, event.known_ms) == (edge.owner, "new", edge.pos, COMMITTED_MS)
    assert (event.src, event.dst, event.time_ms, event.attributes) == (edge.src, edge.dst, AT_MS, edge.attributes)


def test_an_update_of_what_is_not_mapped_does_nothing() -> None:
    """No version, no event."""
    assert plan(Op.UPDATE, transfer(), transfer(status="done")) == Plan()


def test_an_update_of_what_is_mapped_revises() -> None:
    """A version at the update's position, and the event anew."""
    planned = plan(Op.UPDATE, transfer(), transfer(amount="13.00"))
    assert [u.attributes["amount"] for u in planned.upserts] == [1300] and kinds(planned) == ["revised"]  # type: ignore[union-attr]


def test_an_update_without_its_before_is_written_whole() -> None:
    """What the graph has is not known."""
    planned = plan(Op.UPDATE, None, transfer())
    assert [type(u) for u in planned.upserts] == [EdgeUpsert] and kinds(planned) == ["revised"]


def test_a_delete_closes_and_withdraws() -> None:
    """The event as it was, at the deletion's position."""
    planned = plan(Op.DELETE, transfer(), None)
    assert planned.upserts == (Gone("transfers:7:transfer", POS.token, COMMITTED_MS, "TRANSFER"),)
    assert kinds(planned) == ["withdrawn"] and planned.events[0].pos == POS.token


def test_a_delete_without_its_row_still_closes() -> None:
    """All the row could have given; what it was is not known, so nothing is withdrawn."""
    planned = MAPPING.plan(change(Op.DELETE, key={"id": 3}, table="users"))
    gone = [u.owner for u in planned.upserts if isinstance(u, Gone)]
    assert gone == ["users:3:phone", "users:3:email", "users:3:address"] and planned.events == ()
    assert planned.upserts[0] == NodeUpsert("User", "3", "users", POS.token, COMMITTED_MS, None)


def test_a_row_that_mends_a_bad_one_is_taken() -> None:
    """Its before is the bad row, which was dead-lettered: it must not drag the good one along."""
    planned = plan(Op.UPDATE, transfer(at=None), transfer())
    assert [type(u) for u in planned.upserts] == [EdgeUpsert] and kinds(planned) == ["revised"]


def test_the_deletion_of_a_bad_row_is_taken() -> None:
    """An earlier version of it may stand."""
    assert plan(Op.DELETE, transfer(at=None), None).upserts == (
        Gone("transfers:7:transfer", POS.token, COMMITTED_MS, "TRANSFER"),
    )


def test_a_snapshot_row_is_never_scored() -> None:
    """And was known when it happened: when it was committed nobody can tell any more."""
    planned = plan(Op.READ, None, transfer())
    assert planned.events == () and [u.known_ms for u in planned.upserts] == [AT_MS]  # type: ignore[union-attr]


def test_a_truncate_sets_the_floor() -> None:
    """For the whole table."""
    assert MAPPING.plan(Change("logins", {}, Op.TRUNCATE, None, None, POS, 9)).upserts == (
        Floor("logins", POS.token, 9),
    )


def test_whole_writes_what_did_not_change() -> None:
    """An earlier row of the key was refused."""
    assert len(plan(Op.UPDATE, transfer(), transfer(), whole=True).upserts) == 1


@pytest.mark.parametrize("end", ["src_account", "dst_account"])
@pytest.mark.parametrize("nothing", [None, ""])
def test_an_end_that_is_null_gives_no_edge(end: str, nothing: str | None) -> None:
    """Until it is filled in; cleared, the edge is closed and its event withdrawn."""
    assert plan(Op.CREATE, None, transfer(**{end: nothing})) == Plan()
    assert kinds(plan(Op.UPDATE, transfer(**{end: nothing}), transfer())) == ["revised"]
    cleared = plan(Op.UPDATE, transfer(), transfer(**{end: nothing}))
    assert isinstance(cleared.upserts[0], Gone) and kinds(cleared) == ["withdrawn"]


def test_an_update_of_a_foreign_key_moves_the_edge() -> None:
    """A version of the same owner with other ends."""
    moved = plan(Op.UPDATE, transfer(), transfer(dst_account=9)).upserts[0]
    assert isinstance(moved, EdgeUpsert) and (moved.owner, moved.dst) == ("transfers:7:transfer", "Account:9")


def test_a_nodes_null_property_is_not_there() -> None:
    """As in a graph database."""
    node = plan(Op.CREATE, None, user(country=None), "users").upserts[0]
    assert isinstance(node, NodeUpsert) and node.properties == {"name": "Anna"}


def test_a_deleted_rows_node_is_emptied() -> None:
    """The node stays: edges of other rows may hang on it."""
    node = plan(Op.DELETE, user(), None, "users").upserts[0]
    assert isinstance(node, NodeUpsert) and node.properties is None


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"at": None}, "'at' is NULL"), ({"at": "soon"}, "'at' holds 'soon', expected a time"),
        ({"at": 1_700_000_000_000_000}, "is the unit right"), ({"amount": "much"}, "'amount' holds 'much'"),
        ({"amount": "1.005"}, "more than 2 decimal places"), ({"amount": 10**30}, "64 bits"),
        ({"src_account": 1.5}, "'src_account' holds 1.5"), ({"src_account": {}}, "'src_account' holds an object"),
        ({"src_account": "x" * 300}, "300 characters"), ({"channel": "x" * 1_000_000}, "1000000 characters"),
        ({"channel": ["app"]}, "'channel' holds a list"), ({"id": "x" * 1_000_000}, "1000000 characters"),
    ],
)  # fmt: skip
def test_a_cell_that_does_not_fit_is_refused_by_name(row: dict[str, Any], says: str) -> None:
    """Column, value and what was expected; short, however long the cell."""
    with pytest.raises(Reject) as refused:
        plan(Op.CREATE, None, transfer(**row))
    assert says in str(refused.value) and len(str(refused.value)) < 300


@pytest.mark.parametrize("column", ["src_account", "at", "amount", "currency"])
def test_a_missing_column_is_refused_by_name(column: str) -> None:
    """And the row's columns listed: a rename is found at a glance."""
    row = transfer()
    del row[column]
    with pytest.raises(Reject, match=f"'{column}' is missing.*dst_account"):
        plan(Op.CREATE, None, row)


@pytest.mark.parametrize("key", [{}, {"id": None}, {"id": 1.5}, {"id": ""}, {"id": [1]}, {"other": 1}])
def test_a_key_that_names_no_row_is_refused(key: dict[str, Any]) -> None:
    """Else two rows might own one edge."""
    with pytest.raises(Reject, match="'id'"):
        MAPPING.plan(Change("transfers", key, Op.CREATE, None, transfer(), POS, 1))


def test_an_unknown_table_is_refused_and_an_ignored_one_is_not() -> None:
    """Map it, or say that it is no part of the graph."""
    with pytest.raises(Reject, match=r"'audit' is not in the mapping.*ignore"):
        plan(Op.CREATE, None, {"id": 1}, "audit")
    ignoring = Mapping(MAPPING.file.model_copy(update={"ignore": ["audit"]}), b"0" * 16)
    assert ignoring.plan(change(Op.CREATE, None, {"id": 1}, "audit")) == Plan()


# -- contacts -----------------------------------------------------------------------------------


def contacts(planned: Plan) -> dict[str, str]:
    return {u.owner.split(":")[2]: u.dst for u in planned.upserts if isinstance(u, EdgeUpsert)}


def test_a_contact_never_shows() -> None:
    """Neither in what is stored nor in what is published, in any spelling."""
    change_of = {"id": 1, "user_id": 3, "field": "phone", "new_value": "+49 170 1234567", "at": AT_MS}
    for planned in (
        plan(Op.CREATE, None, user(), "users"),
        plan(Op.CREATE, None, change_of, "profile_changes"),
        plan(Op.UPDATE, user(phone="+49 170 7654321"), user(), "users"),
        plan(Op.DELETE, user(), None, "users"),
    ):
        text = msgspec.json.encode(planned).decode()
        assert not [raw for raw in ("1234567", "7654321", "anna@", "170") if raw in text]


def test_one_contact_is_one_node_whichever_table_names_it() -> None:
    """That is what joins a profile change to the family that shares the phone."""
    change_of = {"id": 1, "user_id": 9, "field": "phone", "new_value": "0049 170 123 4567", "at": AT_MS}
    there = contacts(plan(Op.CREATE, None, user(), "users"))["phone"]
    assert contacts(plan(Op.CREATE, None, change_of, "profile_changes"))["change"] == there
    assert contacts(plan(Op.CREATE, None, change_of | {"field": "text"}, "profile_changes"))["change"] != there


def test_a_contact_of_no_kind_is_refused_not_stored_raw() -> None:
    """NULL in the column that says the kind: unhashed it must not get in."""
    row = {"id": 1, "user_id": 3, "field": None, "new_value": "+49 170 1234567", "at": AT_MS}
    for field in (None, "fax", 5, []):
        with pytest.raises(Reject) as refused:
            plan(Op.CREATE, None, row | {"field": field}, "profile_changes")
        assert "'field'" in str(refused.value) and "170" not in str(refused.value)


def test_a_contact_of_a_wrong_type_is_not_quoted() -> None:
    """Reasons are logged."""
    with pytest.raises(Reject) as refused:
        plan(Op.CREATE, None, user(phone=4_917_012.5), "users")
    assert "'phone'" in str(refused.value) and "4917012" not in str(refused.value)


def test_blanks_are_no_contact() -> None:
    """They would join strangers."""
    assert contacts(plan(Op.CREATE, None, user(phone="n/a", email="  "), "users")) == {}


# -- labels -------------------------------------------------------------------------------------


@pytest.mark.parametrize("reported_ms", [AT_MS, COMMITTED_MS + 5_000])
def test_a_label_is_known_from_the_later_of_reported_and_committed(reported_ms: int) -> None:
    """A report dated back is no evidence before it was in the books."""
    label = plan(Op.CREATE, None, report(reported_at=reported_ms), "fraud_reports").upserts[0]
    assert label == LabelUpsert("fraud_reports:5:label", POS.token, max(reported_ms, COMMITTED_MS),
                                "transfers:7:transfer", True)  # fmt: skip


def test_a_snapshots_label_is_known_from_its_report() -> None:
    """The commit is not known any more."""
    assert plan(Op.READ, None, report(), "fraud_reports").upserts[0].known_ms == AT_MS  # type: ignore[union-attr]


def test_a_corrected_report_is_a_further_version() -> None:
    """Of the same owner."""
    label = plan(Op.UPDATE, report(), report(is_fraud=0), "fraud_reports").upserts[0]
    assert isinstance(label, LabelUpsert) and not label.fraud and label.owner == "fraud_reports:5:label"


def test_a_report_taken_back_is_gone() -> None:
    """Nothing was said then."""
    assert plan(Op.DELETE, report(), None, "fraud_reports").upserts == (
        Gone("fraud_reports:5:label", POS.token, COMMITTED_MS, None),
    )


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ({"event_table": "cards"}, "names 'cards', expected one of"),
        ({"event_table": None}, "expected one of"),
        ({"event_table": "x" * 10**6}, "expected one of"),
        ({"event_table": ["transfers"]}, "expected one of"),
        ({"event_id": None}, "'event_id'"),
        ({"is_fraud": None}, "'is_fraud' is NULL"),
        ({"is_fraud": "maybe"}, "'is_fraud'"),
        ({"reported_at": None}, "'reported_at' is NULL"),
    ],
)
def test_a_report_on_nothing_is_refused(cells: dict[str, Any], says: str) -> None:
    """It says which column."""
    with pytest.raises(Reject) as refused:
        plan(Op.CREATE, None, report(**cells), "fraud_reports")
    assert says in str(refused.value) and len(str(refused.value)) < 300


def decision(**changes: Any) -> Change:
    row = {"event": "transfers:7:transfer", "fraud": True, "decided_at": 50, "alert": 5, "decision": 9} | changes
    captured = decode_label(Record(LABELS, 0, 0, None, msgspec.json.encode(row)))
    assert captured is not None
    return captured.change


def test_an_analysts_decision_is_a_label() -> None:
    """Known from when it was made; a later one on the same alert takes its place."""
    first, second = (MAPPING.plan(decision(**c)).upserts[0] for c in ({}, {"fraud": False, "decision": 10}))
    assert isinstance(first, LabelUpsert) and isinstance(second, LabelUpsert)
    assert (first.event, first.fraud, first.known_ms) == ("transfers:7:transfer", True, 50)
    assert first.owner == second.owner and first.pos < second.pos and not second.fraud


@pytest.mark.parametrize(
    "event",
    ["", "x", "transfers", "transfers:7", "transfers::transfer", "transfers:7:login", "cards:7:transfer",
     "accounts:1:owner", f"transfers:{'7' * 10_000}:transfer"],
)  # fmt: skip
def test_a_decision_on_no_event_is_refused(event: str) -> None:
    """Of the mapping's events, and with an id a store can index."""
    with pytest.raises(Reject, match="no event of the mapping"):
        MAPPING.plan(decision(event=event))


# -- for all changes ----------------------------------------------------------------------------

CELLS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
    | st.lists(st.integers(), max_size=1) | st.dictionaries(st.text(max_size=2), st.none(), max_size=1)
)  # fmt: skip
ROWS = {"transfers": transfer(), "users": user(), "fraud_reports": report()}


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(ROWS)), st.sampled_from(list(Op)), st.booleans(), st.data())
def test_any_row_is_planned_or_refused(table: str, op: Op, whole: bool, data: st.DataObject) -> None:
    """Any cell, in either image and the key: never another exception, and what is planned can be sent."""
    images: list[dict[str, Any] | None] = []
    for _ in range(2):
        row = dict(ROWS[table])
        for name in data.draw(st.lists(st.sampled_from(sorted(row)), max_size=3)):
            row[name] = data.draw(CELLS)
        images.append(data.draw(st.sampled_from([row, row, None])))
    key = {"id": data.draw(st.sampled_from([1, "a"]) | CELLS)}
    try:
        planned = MAPPING.plan(Change(table, key, op, images[0], images[1], POS, COMMITTED_MS), whole)
    except Reject:
        return
    assert msgspec.json.decode(msgspec.json.encode(planned), type=Plan) == planned


@settings(max_examples=50, deadline=None)
@given(changes(40))
def test_an_event_goes_out_with_the_version_it_waits_for(log: list[Change]) -> None:
    """Else a scorer would wait for it in vain; and its kind is the row's story so far."""
    there: dict[str, bool] = {}
    for each in log:
        planned = MAPPING.plan(each)
        arrived = {(u.owner, u.pos) for u in planned.upserts if isinstance(u, EdgeUpsert | Gone)}
        assert {(e.id, e.pos) for e in planned.events} <= arrived
        for event in planned.events:
            assert (event.kind == "new") == (each.op is Op.CREATE)
            there[event.id] = event.kind != "withdrawn"
        assert MAPPING.plan(each) == planned


def test_a_short_contact_key_is_refused() -> None:
    """It could be tried through."""
    with pytest.raises(ValueError, match="at least 16"):
        Mapping(MAPPING.file, b"short")


def test_the_berka_mapping_is_valid() -> None:
    """A second bank, with relations of its own."""
    folder = Path(__file__).parents[2] / "graph/mappings"
    loaded = [Mapping.load(path, b"0" * 16) for path in sorted(folder.glob("*.toml"))]
    assert all({r.source for r in m.relations} <= set(m.labels) for m in loaded)


# -- what fits an index of Neo4j ----------------------------------------------------------------


WIDE = tuple(f"k{n}" for n in range(12))


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Mapping:
    """A table with a key of twelve columns."""
    path = tmp_path_factory.mktemp("wide") / "mapping.toml"
    names = ", ".join(f'"{name}"' for name in WIDE)
    end = '{ label = "A", id = "k0" }'
    path.write_text(
        f'source = "bank"\n[tables.t]\nkey = [{names}]\n[[tables.t.edges]]\nrole = "{"r" * 63}"\nrelation = "R"\n'
        f'source = {end}\ntarget = {end}\ntime = "at"\nevent = true\n',
        encoding="utf-8",
    )
    return Mapping.load(path, b"0123456789abcdef")


def widest(wide: Mapping, cell: str) -> Plan:
    row: dict[str, Any] = {**dict.fromkeys(WIDE, cell), "at": AT_MS}
    place = Position("b" * 249, 0xFFFF, True, 0xFFFFFFFF, 2**63 - 1, 0xFFFFFF)
    return wide.plan(Change("t", dict.fromkeys(WIDE, cell), Op.CREATE, None, row, place, COMMITTED_MS))


@pytest.mark.parametrize("cell", ["\U0001f600" * 158, "x" * 256])
def test_the_longest_key_that_is_taken_fits_an_index(wide: Mapping, cell: str) -> None:
    """With the longest role, source and position behind it: Neo4j takes 8,160 bytes."""
    (edge,) = widest(wide, cell).upserts
    assert isinstance(edge, EdgeUpsert) and len(version_id(edge.owner, edge.pos).encode()) < 8_160


@pytest.mark.parametrize("cell", ["\U0001f600" * 159, ":" * 256])
def test_a_key_too_long_for_an_index_is_refused(wide: Mapping, cell: str) -> None:
    """Neo4j would refuse the whole batch, and say that it is its own fault: ingest would try for ever."""
    with pytest.raises(Reject, match="bytes, at most 7600"):
        widest(wide, cell)


def test_tables_that_give_events_have_a_window() -> None:
    """Their edges leave by age, whatever the relation; who owns what stays."""
    schema = demo_mapping().schema
    assert schema.windowed == ("logins", "profile_changes", "transfers")
    reach = {relation.name: schema.reach(relation) for relation in schema.relations}
    assert reach == {"CONNECT": "all", "LOGIN": "all", "MODIFY": "some", "OWNS": "none", "TRANSFER": "all"}


def test_a_schema_knows_which_tables_say_something_of_a_node() -> None:
    """A mark on one of their rows makes the node's neighbourhood incomplete."""
    tables = demo_mapping().schema.tables
    assert (tables["User"], tables["Account"], tables["IP"]) == (("users",), ("accounts",), ())


def test_a_key_too_long_for_an_index_names_no_row(tmp_path: Path) -> None:
    """Its mark would be refused like the row itself, time and again, and the worker with it would never get on."""
    names = [f"k{n}" for n in range(9)]
    path = tmp_path / "mapping.toml"
    text = MAPPING_FILE.read_text(encoding="utf-8")
    before, table, rest = text.partition("[tables.fraud_reports]")
    path.write_text(before + table + rest.replace('key = ["id"]', f"key = {names}", 1), encoding="utf-8")
    long, short = (msgspec.json.encode(dict.fromkeys(names, char * 256)) for char in ("\U0001f600", "x"))
    mapping = Mapping.load(path, KEY)
    assert mapping.row_of_key("bank.bank.fraud_reports", long) is None
    assert mapping.row_of_key("bank.bank.fraud_reports", short) is not None
