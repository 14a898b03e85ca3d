"""Each kind of fraud does what its file says, and has honest twins."""

from __future__ import annotations

from collections import Counter, defaultdict
from statistics import median

from demo_run import Row, Run, episodes, of_kind, owners, rows_of, users_of_devices

from deploy.demo.rhythm import LIMITS_CENTS
from deploy.demo.settings import DAY_MS
from ingest.events import Op


def test_takeovers_come_from_devices_new_to_the_victim(run: Run) -> None:
    """Of the devices of an episode, most were never the victim's; some are, steered from outside."""
    used: set[tuple[int, int]] = set()
    news: dict[tuple[str, int], bool] = {}
    for (table, id), change in run.events.items():
        if table != "logins" or change.after is None:
            continue
        pair = change.after["user_id"], change.after["device_id"]
        truth = run.fraud.get((table, id))
        if truth is not None and truth.typology == "account_takeover":
            news.setdefault((truth.episode, change.after["device_id"]), pair not in used)
        used.add(pair)
    assert 0.5 < sum(news.values()) / len(news) < 1


def test_some_takeovers_change_the_contact_and_some_do_not(run: Run) -> None:
    """A rule that waits for the changed contact misses some."""
    tables = defaultdict(set)
    for t in run.truth:
        if t.typology == "account_takeover":
            tables[t.episode].add(t.event_table)
    changed = sum("profile_changes" in seen for seen in tables.values()) / len(tables)
    assert 0.3 < changed < 0.85


def test_rings_pass_on_what_came_in(run: Run) -> None:
    """In every ring run some account is paid by several and pays on within two days."""
    episodes = defaultdict(list)
    for t in run.truth:
        if t.typology == "mule_ring" and t.event_table == "transfers":
            row = run.events[t.event_table, t.event_id].after
            assert row is not None
            episodes[t.episode].append(row)
    whole = [rows for rows in episodes.values() if len(rows) >= 8]
    assert whole
    for rows in whole:
        receivers = {row["dst_account"] for row in rows}
        on = [row for row in rows if row["src_account"] in receivers]
        assert on and rows[-1]["at"] - rows[0]["at"] < 12 * DAY_MS


def test_synthetic_identities_share_devices_numbers_or_addresses(run: Run) -> None:
    """Nearly each that cashes out has one in common with another of its circle; more than a third a device."""
    users = {c.row_id: c.after for c in run.stream if c.table == "users" and c.op is Op.CREATE and c.after}
    used = users_of_devices(run)
    contacts, devices = [], []
    for first in _cashed_out(run).values():
        for one in first:
            others = set(first) - {one}
            contacts.append(any(users[one][w] == users[two][w] for two in others for w in ("phone", "address")))
            devices.append(any(one in seen and seen & others for seen in used.values()))
    assert sum(a or b for a, b in zip(contacts, devices, strict=True)) > 0.8 * len(contacts)
    assert 1 / 3 < sum(devices) / len(devices) < 1


def test_synthetic_identities_behave_before_they_cash_out(run: Run) -> None:
    """For days each of them logs in and pays as anybody does, and that is not held to be fraud."""
    users = (c for c in run.stream if c.table == "users" and c.op is Op.CREATE)
    opened = {c.row_id: c.after["created_at"] for c in users if c.after is not None}
    first = {user: at_ms for found in _cashed_out(run).values() for user, at_ms in found.items()}
    assert all(at_ms - opened[user] > 3 * DAY_MS for user, at_ms in first.items())
    logins = rows_of(run, "logins", fraud=False)
    honest = Counter(row["user_id"] for row in logins if row["at"] < first.get(row["user_id"], 0))
    assert median(honest[user] for user in first) >= 3


def test_some_circles_are_emptied_from_one_device(run: Run) -> None:
    """Only those logins are fraud: the others are no other than all the logins before."""
    circles = episodes(run, "synthetic_identity", "logins").values()
    assert all(len({row["device_id"] for row in rows}) == 1 for rows in circles)
    assert 0 < len(circles) < len(_cashed_out(run))


def _cashed_out(run: Run) -> dict[str, dict[int, int]]:
    """By circle: who paid out, and when first. Lenders pay in."""
    owner, found = owners(run), defaultdict[str, dict[int, int]](dict)
    for name, rows in episodes(run, "synthetic_identity", "transfers").items():
        for row in rows:
            if row["channel"] != "web":
                found[name].setdefault(owner[row["src_account"]], row["at"])
    return found


def test_sharing_a_device_does_not_tell(run: Run) -> None:
    """Of the devices that several customers use, most see no fraud."""
    shared = {device for device, users in users_of_devices(run).items() if len(users) > 1}
    bad = {row["device_id"] for row in rows_of(run, "logins", fraud=True)}
    assert len(shared - bad) > 10 * len(shared & bad)


def test_honest_families_share_a_number(run: Run) -> None:
    """More often than anybody the fraud desk looks for; twins, one person entered twice, are not counted."""
    guilty = {row["user_id"] for row in rows_of(run, "logins", fraud=True)}
    of_number = defaultdict(list)
    for change in run.stream:
        if change.table == "users" and change.op is Op.CREATE and change.after is not None:
            of_number[change.after["phone"]].append(change.after)
    shared = [users for users in of_number.values() if len({user["name"] for user in users}) > 1]
    bad = [any(user["id"] in guilty for user in users) for users in shared]
    assert bad.count(False) > 2 * bad.count(True) > 0


def test_structuring_stays_under_a_limit(run: Run) -> None:
    """Every part, about half of them close to the limit; in most episodes several senders and payees, over days."""
    whole = [rows for rows in episodes(run, "structuring", "transfers").values() if len(rows) >= 5]
    near, spread = [], []
    for rows in whole:
        amounts = [float(row["amount"]) for row in rows]
        limit = next(cents / 100 for cents in sorted(LIMITS_CENTS) if cents / 100 > max(amounts))
        near += [amount > 0.8 * limit for amount in amounts]
        ends = [{row[end] for row in rows} for end in ("src_account", "dst_account")]
        spread.append(len(ends[0]) > 1 and len(ends[1]) > 2 and rows[-1]["at"] - rows[0]["at"] > DAY_MS)
    assert len(whole) >= 5 and 0.4 < sum(near) / len(near) < 0.95
    assert sum(spread) > 0.7 * len(spread)


def test_structured_money_comes_together_again(run: Run) -> None:
    """In most episodes some account that never sent a part is paid by two or more that were sent one."""
    gathered = []
    for rows in episodes(run, "structuring", "transfers").values():
        senders = defaultdict(set)
        for row in rows:
            senders[row["dst_account"]].add(row["src_account"])
        last = set(senders) - {row["src_account"] for row in rows}
        gathered.append(any(len(senders[account] & set(senders)) > 1 for account in last))
    assert sum(gathered) > len(gathered) / 2


def test_honest_payments_are_close_to_a_limit_too(run: Run) -> None:
    """Rents, cars and bills by app and web, ten times as many; and three times as many who pay three in ten days."""
    honest = [row for row in rows_of(run, "transfers", fraud=False) if row["channel"] in ("app", "web")]
    near = [[row for row in rows if _near_a_limit(row)] for rows in (honest, of_kind(run, "structuring"))]
    assert len(near[0]) > 10 * len(near[1])
    assert _paid_three(near[0]) > 3 * _paid_three(near[1]) > 0


def _paid_three(rows: list[Row]) -> int:
    """How many accounts paid three of these within ten days."""
    times = defaultdict(list)
    for row in rows:
        times[row["src_account"]].append(row["at"])
    return sum(any(third - first < 10 * DAY_MS for first, third in zip(t, t[2:], strict=False)) for t in times.values())


def _near_a_limit(row: Row) -> bool:
    return any(0.9 * cents < 100 * float(row["amount"]) <= cents for cents in LIMITS_CENTS)


def test_a_bust_out_is_built_up_for_days_and_over_within_hours(run: Run) -> None:
    """Before the drain the account pays and is paid without being called fraud; the drain lasts a day at most."""
    honest, built = rows_of(run, "transfers", fraud=False), []
    for rows in episodes(run, "bust_out", "transfers").values():
        account, first = rows[0]["src_account"], rows[0]["at"]
        assert {row["src_account"] for row in rows} == {account}
        assert rows[-1]["at"] - first < DAY_MS
        before = [row for row in honest if account in (row["src_account"], row["dst_account"]) and row["at"] < first]
        built.append(len(before) >= 4 and first - before[0]["at"] > 4 * DAY_MS)
    assert sum(built) > 0.8 * len(built)


def test_what_is_bought_in_a_bust_out_hides_among_card_payments(run: Run) -> None:
    """Cents as shops charge them: about as seldom whole as anybody's."""
    rows = [of_kind(run, "bust_out"), rows_of(run, "transfers", fraud=False)]
    cards = [[row["amount"] for row in some if row["channel"] == "card"] for some in rows]
    assert len(cards[0]) > 20
    whole = [sum(amount.endswith(".00") for amount in amounts) / len(amounts) for amounts in cards]
    assert abs(whole[0] - whole[1]) < 0.3


def test_after_a_bust_out_there_is_silence_and_after_some_farewells(run: Run) -> None:
    """Customers who take everything and are gone: some of them robbed nobody."""
    owner = owners(run)
    last = {owner[rows[0]["src_account"]]: rows[-1]["at"] for rows in episodes(run, "bust_out", "transfers").values()}
    silent = set(last) & run.gone
    assert len(silent) > len(last) / 2
    guilty = {owner[row["src_account"]] for row in rows_of(run, "transfers", fraud=True)}
    assert len(run.gone - guilty) > len(silent) / 2
    logins = [row for row in rows_of(run, "logins", fraud=False) if row["user_id"] in silent]
    assert sum(row["at"] > last[row["user_id"]] + 4 * DAY_MS for row in logins) < 0.05 * len(logins)
