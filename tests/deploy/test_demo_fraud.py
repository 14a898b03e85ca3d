"""The demo bank's fraud: typologies, labels that arrive late, and a truth that stays apart."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from random import Random
from statistics import median

import pytest
from demo_run import NEW, OLD, Run, of_kind, rows_of

from deploy.demo.actions import Action, Pay
from deploy.demo.bank import Bank
from deploy.demo.ring import plant
from deploy.demo.settings import DAY_MS, HOUR_MS, BankSettings
from deploy.demo.tables import EVENT_TABLES, history
from deploy.demo.truth import read_truth, write_truth
from deploy.demo.typologies import typologies
from deploy.demo.typologies.typology import register, registered
from deploy.demo.world import World
from ingest.events import Op


def test_share_of_fraud(run: Run) -> None:
    """About one event in two hundred."""
    assert 0.003 <= len(run.fraud) / len(run.events) <= 0.008


def test_truth_names_events_that_were_committed(run: Run) -> None:
    """Every truth row is an event of the stream, named once."""
    assert len(run.fraud) == len(run.truth)
    assert set(run.fraud) <= set(run.events)


def test_every_typology_is_in_play(run: Run) -> None:
    """Those of the folder, no more and no less."""
    assert {t.typology for t in run.truth} == set(typologies()) == {*OLD, *NEW}


@pytest.mark.parametrize(("name", "least"), [*((name, 1 / 5) for name in OLD), *((name, 1 / 12) for name in NEW)])
def test_each_typology_occurs(run: Run, name: str, least: float) -> None:
    """In several episodes; five share what two had, so a fifth each of the old ones, and a twelfth of the new."""
    rows = [t for t in run.truth if t.typology == name]
    assert len(rows) > len(run.truth) * least
    assert len({t.episode for t in rows}) >= 6


def test_the_old_typologies_keep_more_than_each_new_one(run: Run) -> None:
    """A model trained for those two is not blind to most of it."""
    events = Counter(t.typology for t in run.truth)
    assert min(events[name] for name in OLD) > 1.1 * max(events[name] for name in NEW)


def test_mules_are_used_again(run: Run) -> None:
    """Accounts that pass on stolen money do so in several episodes."""
    episodes = defaultdict(set)
    for t in run.truth:
        if t.event_table == "transfers":
            row = run.events[t.event_table, t.event_id].after
            assert row is not None
            episodes[row["src_account"]].add(t.episode)
    assert max(len(names) for names in episodes.values()) >= 3


def test_mules_live_on_beside_it(run: Run) -> None:
    """Most accounts that sent stolen money on also make ordinary payments."""
    guilty = {row["src_account"] for row in rows_of(run, "transfers", fraud=True)}
    ordinary = {row["src_account"] for row in rows_of(run, "transfers", fraud=False)}
    assert len(guilty & ordinary) > 0.8 * len(guilty)


def test_no_column_holds_the_truth(run: Run) -> None:
    """Neither a typology's nor an episode's name is anywhere in the stream."""
    telling = {t.typology for t in run.truth} | {t.episode for t in run.truth}
    for change in run.stream:
        for row in filter(None, (change.before, change.after)):
            assert not any(value in telling for value in row.values() if isinstance(value, str))


@pytest.mark.parametrize("kind", [*OLD, *NEW])
@pytest.mark.parametrize(("column", "size"), [("at", 1_000), ("at", 60_000), ("id", 10), ("id", 97)])
def test_clock_digits_and_ids_do_not_tell(run: Run, column: str, size: int, kind: str) -> None:
    """Milliseconds, seconds and id digits of each kind's transfers are spread as anybody's."""
    values = sorted(row[column] % size / size for row in of_kind(run, kind))
    gap = max(abs(value - rank / len(values)) for rank, value in enumerate(values))
    assert gap < 1.95 / len(values) ** 0.5 + 1 / size, "Kolmogorov-Smirnov against the uniform, p < 0.001"


@pytest.mark.parametrize("kind", [*OLD, *NEW])
def test_amounts_overlap(run: Run, kind: str) -> None:
    """Cents and sizes of each kind are met among honest payments from app and web too, and far more often."""
    fraud = [row["amount"] for row in of_kind(run, kind) if row["channel"] in ("app", "web")]
    honest = [row["amount"] for row in rows_of(run, "transfers", fraud=False) if row["channel"] in ("app", "web")]
    whole = [sum(amount.endswith(".00") for amount in amounts) / len(amounts) for amounts in (fraud, honest)]
    assert abs(whole[0] - whole[1]) < 0.2
    assert len({amount[-2:] for amount in fraud}) > 5
    typical = median(map(float, fraud))
    assert sum(float(amount) > typical for amount in honest) > 5 * len(fraud)


def test_fraud_happens_at_all_hours(run: Run) -> None:
    """Night is no sign: most fraud is committed by day."""
    hours = [int(str(row["at"])) // HOUR_MS % 24 for row in rows_of(run, "transfers", fraud=True)]
    assert sum(hour < 6 for hour in hours) < len(hours) / 4
    assert len(set(hours)) > 18


def test_reports_come_after_the_event_and_late(run: Run) -> None:
    """Half of them more than a day and a half later, the last ones weeks."""
    delays = [at_ms - run.events[key].at_ms for key, is_fraud, at_ms in run.reports if is_fraud and key in run.fraud]
    assert min(delays) > 0
    assert 1.5 * DAY_MS < median(delays) < 6 * DAY_MS
    assert max(delays) > 14 * DAY_MS


def test_some_fraud_is_never_reported(run: Run) -> None:
    """About 15 % of the transfers of the first half stay in the dark."""
    half_ms = run.stream[0].at_ms + 30 * DAY_MS
    reported = {key for key, is_fraud, _ in run.reports if is_fraud}
    old = [key for key in run.fraud if key[0] == "transfers" and run.events[key].at_ms < half_ms]
    assert 0.05 < sum(key not in reported for key in old) / len(old) < 0.3


def test_a_few_reports_are_wrong_and_some_are_mended(run: Run) -> None:
    """False reports are a few per cent; some are deleted, some turned round; some clear an honest payment."""
    claims = [key for key, is_fraud, _ in run.reports if is_fraud]
    assert 0.02 < sum(key not in run.fraud for key in claims) / len(claims) < 0.1
    assert any(not is_fraud for _, is_fraud, _ in run.reports)
    mended = {c.op for c in run.stream if c.table == "fraud_reports"}
    assert mended == {Op.CREATE, Op.UPDATE, Op.DELETE}


def test_investigations_find_logins_and_profile_changes(run: Run) -> None:
    """Reports name events of all three tables."""
    assert {key[0] for key, _, _ in run.reports} == set(EVENT_TABLES)


def test_truth_goes_to_a_file_of_its_own(run: Run, tmp_path: Path) -> None:
    """What is written is read back; a line that is no truth row is named."""
    path = tmp_path / "truth.jsonl"
    write_truth(path, run.truth)
    assert read_truth(path) == run.truth
    path.write_text('{"event_table":"transfers"}\n')
    with pytest.raises(ValueError, match=r"truth.jsonl:1"):
        read_truth(path)


def test_a_bank_without_fraud() -> None:
    """A share of nothing plans no episode."""
    bank = Bank(BankSettings(users=200, days=10, typologies=()))
    assert sum(1 for _ in bank.changes()) > 0 and bank.truth == []


@pytest.fixture
def penny_test() -> Iterator[str]:
    """A further typology, in play for one test."""

    @register
    class PennyTest:
        name, share = "penny_test", 1.0

        def plan(self, world: World, rng: Random, start_ms: int) -> list[Action]:
            one, other = world.some(rng, 2)
            return [Pay(start_ms, one.main, other.main, 100, "app", fraud=True)]

    yield PennyTest.name
    del registered[PennyTest.name]


def test_a_further_typology_is_planned(penny_test: str) -> None:
    """Registering it is all it takes."""
    assert penny_test in typologies()
    bank = Bank(BankSettings(users=300, days=10))
    assert sum(1 for _ in bank.changes()) > 0
    assert any(t.typology == penny_test for t in bank.truth)


def test_two_typologies_of_one_name_are_refused(penny_test: str) -> None:
    """The name is what the truth file knows a typology by."""

    class Other:
        name, share = penny_test, 1.0

        def plan(self, world: World, rng: Random, start_ms: int) -> list[Action]:
            return []

    with pytest.raises(ValueError, match=penny_test):
        register(Other)


@pytest.mark.parametrize("kind", [*OLD, *NEW])
def test_a_planted_episode_fits_into_the_stream(kind: str) -> None:
    """Its changes apply between the history and the rest, which goes on behind them."""
    bank = Bank(BankSettings(users=300, days=12))
    tables, rest = history(bank, bank.settings.start_ms + 10 * DAY_MS)
    first = next(rest)
    tables.apply(first)
    planted = plant(bank, kind)
    tables.apply_all(planted)
    tables.apply_all(rest)
    assert planted[0].at_ms > first.at_ms
    assert [c.at_ms for c in planted] == sorted(c.at_ms for c in planted)
    keys = {(c.table, c.row_id) for c in planted}
    assert {t.typology for t in bank.truth if (t.event_table, t.event_id) in keys} == {kind}
    assert all(key[1] in tables.rows[key[0]] for key in keys if key[0] == "logins")


def test_a_planted_episode_can_be_squeezed() -> None:
    """within_ms bounds the time from its start to its last commit."""
    bank = Bank(BankSettings(users=300, days=12))
    _, _rest = history(bank, bank.settings.start_ms + 10 * DAY_MS)
    start_ms = bank.ledger.commit_ms
    planted = plant(bank, "mule_ring", within_ms=HOUR_MS)
    assert len(planted) > 8 and planted[-1].at_ms - start_ms < HOUR_MS + 1_000


def test_an_unknown_kind_is_named() -> None:
    """The error lists those there are."""
    with pytest.raises(KeyError, match="mule_ring"):
        plant(Bank(BankSettings(users=60)), "no_such_kind")
