"""Health: a stuck worker is told from an idle, a paused and a retrying one. No test waits."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from envelopes import record
from hypothesis import given
from hypothesis import strategies as st

from ingest.events import Transient
from ingest.health import Health, Limits, Report
from ingest.listener import Listeners, Silent

LIMITS = Limits(start_s=60, turn_s=30, batch_s=100, slow_s=50, retry_s=10)
PART = ("bank.bank.transfers", 0)
AWAY = Transient("Neo4j is away")


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


class Watched:
    """A Health over a clock of the test's."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.health = Health(LIMITS, self.clock)

    def after(self, seconds: float) -> Report:
        self.clock.now_s += seconds
        return self.health.report()

    def running(self) -> Watched:
        """With a partition, idle."""
        self.health.polled(0)
        self.health.lag({PART: 0})
        return self

    def take(self, records: int) -> None:
        self.health.polled(records)

    def finish(self, records: int) -> None:
        self.health.done([record(b"{}", None, n) for n in range(records)], [])


@pytest.fixture
def fresh() -> Watched:
    return Watched()


@pytest.fixture
def at_work() -> Watched:
    return Watched().running()


def summary(report: Report) -> tuple[str, bool, bool]:
    return report.state, report.healthy, report.ready


def test_a_worker_that_has_not_begun_is_alive_but_not_ready(fresh: Watched) -> None:
    """It may be waiting for Neo4j."""
    assert summary(fresh.after(59)) == ("starting", True, False)


def test_a_start_that_never_ends_is_stuck(fresh: Watched) -> None:
    """Waiting for Neo4j ends by itself long before."""
    report = fresh.after(61)
    assert summary(report) == ("stuck", False, False) and "starting for 61 s" in report.why


def test_an_idle_worker_is_healthy_however_long_nothing_comes(at_work: Watched) -> None:
    """The loop comes round: that is all an idle one can do."""
    for _ in range(1_000):
        at_work.clock.now_s += 29
        at_work.take(0)
    report = at_work.after(0)
    assert summary(report) == ("idle", True, True) and report.record_ago_s is None and report.state_s == 29_000


def test_a_loop_that_does_not_come_round_is_stuck(at_work: Watched) -> None:
    """Whether or not it had anything in hand; the report says how long."""
    report = at_work.after(31)
    assert summary(report) == ("stuck", False, False)
    assert report.why == "the loop has not come round for 31 s" and report.state_s == 31


def test_a_batch_that_gets_no_further_is_stuck_though_the_loop_comes_round(at_work: Watched) -> None:
    """The writing thread hangs, the polling one does not."""
    at_work.take(7)
    for _ in range(10):
        at_work.clock.now_s += 11
        at_work.take(0)
    report = at_work.after(0)
    assert summary(report) == ("stuck", False, False) and "the 7 records in hand" in report.why


def test_a_batch_that_gets_no_further_is_soon_not_ready(at_work: Watched) -> None:
    """Long before it counts as stuck: a server that hangs without an error looks like a long TRUNCATE."""
    at_work.take(7)
    said = []
    for _ in range(6):
        at_work.clock.now_s += 11
        at_work.take(0)
        said.append(at_work.after(0))
    assert [(report.state, report.healthy) for report in said] == [("working", True)] * 6
    assert [report.ready for report in said] == [True] * 4 + [False] * 2
    assert said[-1].why == "the 7 records in hand have got no further for 66 s"
    at_work.finish(7)
    assert summary(at_work.after(0)) == ("idle", True, True)


def test_a_long_step_that_gets_further_is_not_stuck(at_work: Watched) -> None:
    """A floor is put down chunk by chunk, on a large table for hours."""
    at_work.take(7)
    for _ in range(30):
        at_work.clock.now_s += 11
        at_work.take(0)
        at_work.health.advanced()
    assert summary(at_work.after(0)) == ("working", True, True)


def test_a_new_batch_does_not_hide_that_the_one_before_stands(at_work: Watched) -> None:
    """Taking is no progress while something is in hand."""
    for _ in range(10):
        at_work.take(5)
        at_work.clock.now_s += 11
    at_work.take(5)
    assert at_work.after(0).state == "stuck"


def test_a_batch_that_is_written_has_its_time_anew_to_be_published(at_work: Watched) -> None:
    """Each step counts as getting further."""
    at_work.take(5)
    at_work.clock.now_s += 90
    at_work.take(0)
    at_work.health.written([], 90.0)
    at_work.clock.now_s += 20
    at_work.take(0)
    assert summary(at_work.after(0)) == ("working", True, True)


def test_a_stuck_worker_that_goes_on_is_healthy_again(at_work: Watched) -> None:
    """A machine that slept, a process that was stopped."""
    assert at_work.after(500).state == "stuck"
    at_work.take(0)
    assert summary(at_work.after(0)) == ("idle", True, True)


def test_a_worker_that_retries_is_alive_for_as_long_as_it_takes_but_soon_not_ready(at_work: Watched) -> None:
    """Restarting it would not bring Neo4j back."""
    at_work.take(5)
    ready = []
    for _ in range(1_000):
        at_work.health.retrying("write", AWAY)
        report = at_work.after(5)
        assert report.state == "retrying" and report.healthy
        ready.append(report.ready)
    assert ready[0] and not any(ready[2:]) and report.attempts == 1_000 and report.retrying == "write"
    assert "trying again for 5000 s, 1000 times; write: Neo4j is away" in report.why


def test_a_try_that_hangs_is_stuck(at_work: Watched) -> None:
    """It said that it tries again, and nothing was heard since; the report says what it was at."""
    at_work.take(5)
    at_work.health.retrying("write", AWAY)
    report = at_work.after(31)
    assert report.state == "stuck" and "trying to write again; write: Neo4j is away" in report.why


@pytest.mark.parametrize(
    ("step", "end"),
    [
        ("write", lambda watched: watched.health.written([], 1.0)),
        ("write", lambda watched: watched.finish(5)),  # all of it was refused: nothing was written
        ("publish", lambda watched: watched.finish(5)),
        ("commit", lambda watched: watched.finish(5)),
        ("asking for the ends", lambda watched: watched.health.lag({PART: 1})),
        ("asking for the ends", lambda watched: watched.take(0)),
    ],
)
def test_a_retry_is_over_when_its_step_is_done(at_work: Watched, step: str, end: Callable[[Watched], None]) -> None:
    """The last error stays to be read."""
    at_work.take(5)
    at_work.health.retrying(step, AWAY)
    end(at_work)
    report = at_work.after(20)
    assert report.state in ("idle", "working") and report.ready and report.error == f"{step}: Neo4j is away"


@pytest.mark.parametrize("step", ["write", "publish", "commit"])
def test_polling_on_does_not_end_a_retry(at_work: Watched, step: str) -> None:
    """The loop polls while a writer retries."""
    at_work.take(5)
    at_work.health.retrying(step, AWAY)
    at_work.take(0)
    at_work.health.lag({PART: 3})
    assert at_work.after(20).state == "retrying"


def test_a_paused_worker_is_not_stuck_while_it_gets_on(at_work: Watched) -> None:
    """Back-pressure: it takes no more, but writes."""
    at_work.take(100)
    at_work.health.paused(True)
    for _ in range(99):
        at_work.clock.now_s += 20
        at_work.take(0)
        at_work.finish(1)
    assert summary(at_work.after(0)) == ("paused", True, True)
    at_work.health.paused(False)
    assert at_work.after(0).state == "working"


def test_a_paused_worker_that_gets_no_further_is_stuck(at_work: Watched) -> None:
    """Paused is no excuse."""
    at_work.take(100)
    at_work.health.paused(True)
    for _ in range(6):
        at_work.clock.now_s += 20
        at_work.take(0)
    assert at_work.after(0).state == "stuck"


def test_without_a_partition_it_is_not_ready(at_work: Watched) -> None:
    """Alive all the same: it stands by."""
    at_work.health.lag({})
    report = at_work.after(1)
    assert summary(report) == ("idle", True, False) and "no partitions are assigned" in report.why


def test_lag_makes_nobody_unready(at_work: Watched) -> None:
    """Taking a worker away that is behind would put it further behind."""
    at_work.health.lag({PART: 10**9, (PART[0], 1): 5})
    report = at_work.after(1)
    assert report.ready and (report.behind, report.partitions) == (10**9 + 5, 2)


def test_what_was_in_hand_when_it_finished_is_over(at_work: Watched) -> None:
    """More than was taken is never finished, not even by a worker that counts wrongly."""
    at_work.take(2)
    at_work.finish(3)
    assert at_work.after(0).in_hand == 0


def test_an_error_is_told_in_short(at_work: Watched) -> None:
    """A probe's answer is no place for a statement's parameters."""
    at_work.health.retrying("write", Transient("x" * 10_000))
    assert len(at_work.after(0).error or "") == 300


TURNS = st.lists(
    st.tuples(
        st.sampled_from(["poll", "take", "write", "finish", "retry", "pause", "resume", "lag"]),
        st.floats(0, 25),
    ),
    max_size=60,
)


@given(TURNS)
def test_a_worker_that_gets_on_is_never_stuck(turns: list[tuple[str, float]]) -> None:
    """Whatever happens in whatever order: while the loop comes round and each batch is finished, it is healthy."""
    watched = Watched().running()
    in_hand, since = 0, 0.0
    for what, seconds in turns:
        since += seconds
        watched.clock.now_s += seconds
        watched.take(0)
        if since > 60 and in_hand:
            what = "finish"
        if what in ("write", "finish") or not in_hand:
            since = 0.0
        if what == "take":
            watched.take(3)
            in_hand += 3
        elif what == "finish":
            watched.finish(in_hand)
            in_hand = 0
        else:
            tell(watched, what)
        report = watched.after(0)
        assert report.healthy and report.in_hand == in_hand


@given(TURNS)
def test_a_worker_that_falls_silent_is_always_found_out(turns: list[tuple[str, float]]) -> None:
    """Idle, paused, working or retrying before: after the longest silence allowed it is stuck."""
    watched = Watched().running()
    for what, seconds in turns:
        watched.clock.now_s += seconds
        tell(watched, what)
    assert watched.after(LIMITS.turn_s + 0.1).state == "stuck"


def tell(watched: Watched, what: str) -> None:
    health = watched.health
    {
        "poll": lambda: health.polled(0),
        "take": lambda: health.polled(3),
        "write": lambda: health.written([], 0.1),
        "finish": lambda: watched.finish(3),
        "retry": lambda: health.retrying("write", AWAY),
        "pause": lambda: health.paused(True),
        "resume": lambda: health.paused(False),
        "lag": lambda: health.lag({PART: 1}),
    }[what]()


def test_each_of_several_listeners_hears_everything() -> None:
    """And the silent one hears it without effect."""
    one, two = Watched(), Watched()
    both = Listeners(one.health, Silent(), two.health)
    both.polled(3)
    both.lag({PART: 2})
    both.written([], 0.1)
    both.paused(True)
    both.dropped(1)
    both.incomplete(1)
    both.retrying("write", AWAY)
    assert one.after(1) == two.after(1) and one.after(0).state == "retrying"
    both.done([record(b"{}", None, n) for n in range(3)], [])
    both.paused(False)
    assert summary(two.after(0)) == summary(one.after(0)) == ("idle", True, True)
