"""The demo bank's stream: ordered, consistent, seeded, and of the shape the tables promise."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from itertools import groupby, islice, pairwise
from pathlib import Path

import pytest

from deploy.demo.bank import Bank
from deploy.demo.change import RowChange
from deploy.demo.settings import DAY_MS, BankSettings
from deploy.demo.tables import COLUMNS, EVENT_TABLES, TIME_COLUMNS, Tables, history
from ingest.events import Op

SETTINGS = BankSettings(seed=11, users=400, days=35)


@pytest.fixture(scope="module")
def stream() -> list[RowChange]:
    return list(Bank(SETTINGS).changes())


def test_same_seed_same_stream(stream: list[RowChange]) -> None:
    """Two banks with the same settings commit the same rows at the same moments."""
    assert list(Bank(SETTINGS).changes()) == stream


def test_another_seed_is_another_bank(stream: list[RowChange]) -> None:
    """The seed matters."""
    other = Bank(BankSettings(seed=12, users=400, days=1))
    assert list(islice(other.changes(), 500)) != stream[:500]


def test_commits_are_in_order_and_whole(stream: list[RowChange]) -> None:
    """Commit numbers rise by one, commit times strictly, and a transaction's rows share both."""
    commits = [(number, {c.at_ms for c in rows}) for number, rows in groupby(stream, key=lambda c: c.commit)]
    assert [number for number, _ in commits] == list(range(1, len(commits) + 1))
    assert all(len(times) == 1 for _, times in commits)
    assert all(max(one) < min(next_) for (_, one), (_, next_) in pairwise(commits))


@pytest.mark.parametrize(
    ("table", "column"),
    [("users", "created_at"), ("accounts", "opened_at"), ("devices", "first_seen"), ("logins", "at"),
     ("transfers", "at"), ("profile_changes", "at"), ("fraud_reports", "reported_at")],
)  # fmt: skip
def test_id_order_is_time_order(stream: list[RowChange], table: str, column: str) -> None:
    """Ids are given as rows come, whoever is behind them."""
    rows = [c.after for c in stream if c.table == table and c.op is Op.CREATE and c.after is not None]
    assert [row["id"] for row in rows] == list(range(1, len(rows) + 1))
    assert [row[column] for row in rows] == sorted(row[column] for row in rows)


def test_no_two_events_share_a_moment(stream: list[RowChange]) -> None:
    """Transfers, logins and profile changes are distinct in milliseconds."""
    moments = [c.after["at"] for c in stream if c.table in EVENT_TABLES and c.op is Op.CREATE and c.after is not None]
    assert len(set(moments)) == len(moments)


def test_events_happen_shortly_before_their_commit(stream: list[RowChange]) -> None:
    """A few ms to a good hundred lie between an event's own time and its commit."""
    lags = {c.at_ms - c.after["at"] for c in stream if c.table in EVENT_TABLES and c.op is Op.CREATE and c.after}
    assert min(lags) >= 1 and max(lags) < 300


def test_before_is_the_last_after(stream: list[RowChange]) -> None:
    """Each update and delete starts from the row as it stood, whole."""
    last: dict[tuple[str, int], object] = {}
    for change in stream:
        assert change.before == last.get((change.table, change.row_id))
        last[change.table, change.row_id] = change.after


def test_rows_have_exactly_the_columns_of_the_schema(stream: list[RowChange]) -> None:
    """Columns, their order and their JSON types are what Debezium emits; schema.sql agrees."""
    schema = (Path(__file__).parents[2] / "deploy/demo/schema.sql").read_text()
    for table, columns in COLUMNS.items():
        body = schema.split(f"IF NOT EXISTS {table} (")[1].split(") ENGINE")[0]
        assert (
            tuple(re.findall(r"^  ([a-z_]+) (?:BIGINT|VARCHAR|CHAR|DATETIME|DECIMAL|TINYINT)", body, re.M)) == columns
        )
    for change in stream:
        for row in filter(None, (change.before, change.after)):
            assert tuple(row) == COLUMNS[change.table]
            assert all(type(row[name]) is int for name in row if name in TIME_COLUMNS or name.endswith("id"))
            assert "amount" not in row or re.fullmatch(r"\d+\.\d\d", row["amount"])


def test_texts_fit_their_columns(stream: list[RowChange]) -> None:
    """Nothing would be cut by the database."""
    schema = (Path(__file__).parents[2] / "deploy/demo/schema.sql").read_text()
    for table in COLUMNS:
        body = schema.split(f"IF NOT EXISTS {table} (")[1].split(") ENGINE")[0]
        sizes = {name: int(size) for name, size in re.findall(r"([a-z_]+) (?:VARCHAR|CHAR)\((\d+)\)", body)}
        rows = [c.after for c in stream if c.table == table and c.after is not None]
        assert all(len(row[name]) <= size for row in rows for name, size in sizes.items())


def test_contacts_change_with_their_profile_change(stream: list[RowChange]) -> None:
    """The profile change comes first, then users is updated to the same value, in one transaction."""
    commits = defaultdict(list)
    for change in stream:
        commits[change.commit].append(change)
    changed = [rows for rows in commits.values() if rows[0].table == "profile_changes"]
    assert changed
    for profile, user in changed:
        assert user.table == "users" and user.op is Op.UPDATE and user.after and profile.after
        assert user.after[profile.after["field"]] == profile.after["new_value"]


def test_transfers_are_settled_cancelled_and_corrected(stream: list[RowChange]) -> None:
    """Pending transfers are settled by an update; a few amounts are corrected, a few rows deleted."""
    kinds: Counter[str] = Counter()
    for change in stream:
        if change.table == "transfers" and change.before is not None:
            assert change.before["status"] == "pending"
            if change.after is None:
                kinds["cancelled"] += 1
            else:
                kinds["settled" if change.after["status"] == "settled" else "corrected"] += 1
    assert kinds["settled"] > 100 * kinds["cancelled"] > 0 and kinds["corrected"]


def test_accounts_move_when_customers_are_merged() -> None:
    """Somewhen an account's user_id is updated."""
    changes = Bank(BankSettings(seed=3, users=400, days=150)).changes()
    assert any(c.table == "accounts" and c.op is Op.UPDATE for c in changes)


def test_families_share_a_device(stream: list[RowChange]) -> None:
    """Many devices are used by two or more customers of one address."""
    users = {c.row_id: c.after for c in stream if c.table == "users" and c.op is Op.CREATE and c.after}
    seen = defaultdict(set)
    for change in stream:
        if change.table == "logins" and change.after is not None:
            seen[change.after["device_id"]].add(users[change.after["user_id"]]["address"])
    used_by = defaultdict(set)
    for change in stream:
        if change.table == "logins" and change.after is not None:
            used_by[change.after["device_id"]].add(change.after["user_id"])
    families = [device for device, people in used_by.items() if len(people) > 1 and len(seen[device]) == 1]
    assert len(families) > SETTINGS.users / 40


def test_snapshot_and_rest_equal_the_whole_stream(stream: list[RowChange]) -> None:
    """A history turned into rows, then the rest of the stream, ends as the whole stream does."""
    whole = Tables()
    whole.apply_all(stream)
    tables, rest = history(Bank(SETTINGS), SETTINGS.start_ms + 9 * DAY_MS)
    early = len(tables)
    tables.apply_all(rest)
    assert 0 < early < len(tables)
    assert list(tables.snapshot()) == list(whole.snapshot())


def test_a_history_is_what_was_committed_by_then(stream: list[RowChange]) -> None:
    """Deleted rows are absent, and the rest starts at the moment given."""
    until_ms = SETTINGS.start_ms + 9 * DAY_MS
    tables, rest = history(Bank(SETTINGS), until_ms)
    expected = Tables()
    expected.apply_all(c for c in stream if c.at_ms < until_ms)
    assert tables.rows == expected.rows
    assert next(rest).at_ms >= until_ms


def test_tables_refuse_what_does_not_fit(stream: list[RowChange]) -> None:
    """An update of a row that stands differently names the table and the row."""
    update = next(c for c in stream if c.op is Op.UPDATE)
    with pytest.raises(ValueError, match=f"{update.table} {update.row_id}"):
        Tables().apply(update)


def test_settings_that_cannot_be_are_refused() -> None:
    """The error names the setting."""
    with pytest.raises(ValueError, match="start_ms"):
        BankSettings(start_ms=1)
    with pytest.raises(ValueError, match="users"):
        BankSettings(users=3)
    with pytest.raises(ValueError, match="no_such_kind"):
        Bank(BankSettings(users=60, typologies=("no_such_kind",)))


def test_days_bring_the_events_promised() -> None:
    """2,000 customers make 3,500 to 4,500 scoreable events on an average day."""
    changes = Bank(BankSettings(days=14)).changes()
    events = sum(c.table in EVENT_TABLES and c.op is Op.CREATE for c in changes)
    assert 3_500 <= events / 14 <= 4_500
