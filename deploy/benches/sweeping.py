"""How long writes take while retention removes what is old, beside how long they take otherwise."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import msgspec
import neo4j

from deploy.benches.transfers import START_MS, put_edges
from deploy.figures import Beside, Figure, figure
from deploy.latency import Latencies
from deploy.sweeper import Sweeper
from graph.model import Attributes, EdgeUpsert
from graph.neo4j_store import Neo4jStore
from graph.retention import DAY_MS, Retention
from ingest.events import Position
from ingest.records import Message

OLD = 200_000  # edges of two months ago
ACCOUNTS = 20_000
ROWS, EVERY_S, FOR_S = 100, 0.1, 20.0  # 1,000 rows a second
BAR_MS = 250.0  # as commit → graph at that rate has


class _Nobody:
    """No mirror has to hear of the bench's horizon."""

    def publish(self, messages: Sequence[Message]) -> None:
        """Goes nowhere."""


def beside_a_sweep(
    driver: neo4j.Driver, store: Callable[[], Neo4jStore], first: int, echo: Callable[[str], None]
) -> list[Figure]:
    """p99 of a write of 100 new rows, ten times a second, in ms. `first` is a number no transfer has yet.

    A graph that has a retention horizon of its own is left alone: no figure then.
    """
    if store().horizon("retention") is not None:
        echo("the graph has a retention horizon: how a sweep weighs on writes is not measured")
        return []
    for start in range(0, OLD, 10_000):
        made = range(start, start + 10_000)
        put_edges(driver, made, ACCOUNTS, START_MS - 60 * DAY_MS, "transfers:old", "app")
    quiet = _writes(store(), first, lambda: False)
    sweeper = Sweeper(store(), _Nobody(), Retention(30 * DAY_MS), lambda: START_MS, lambda: True)
    pass_ = threading.Thread(target=sweeper.step, args=(0.0,))
    pass_.start()
    busy = _writes(store(), first + int(FOR_S / EVERY_S) * ROWS, lambda: not pass_.is_alive())
    pass_.join()
    driver.execute_query("MATCH (h:_Horizon) DELETE h")
    p99, rest = busy.percentile(99) or 0.0, quiet.percentile(99) or 0.0
    echo(f"100 rows, p99: {rest:.0f} ms, while {sweeper.swept:,} old edges were swept {p99:.0f} ms")
    found = figure("write_p99_ms_beside_a_sweep", p99, "ms", BAR_MS)
    return [msgspec.structs.replace(found, beside=Beside("write_p99_ms_without", round(rest, 1))),
            figure("swept_edges", sweeper.swept, "edges", None, "higher")]  # fmt: skip


def _writes(store: Neo4jStore, first: int, over: Callable[[], bool]) -> Latencies:
    store.check()
    taken, started = Latencies(), time.perf_counter()
    for turn in range(int(FOR_S / EVERY_S)):
        time.sleep(max(0.0, started + turn * EVERY_S - time.perf_counter()))
        rows = [_edge(first + turn * ROWS + n) for n in range(ROWS)]
        began = time.perf_counter()
        store.apply(rows)
        taken.add((time.perf_counter() - began) * 1000)
        if over():
            break
    return taken


def _edge(number: int) -> EdgeUpsert:
    at_ms = START_MS + number
    ends = f"Account:{number % ACCOUNTS}", f"Account:{number * 7919 % ACCOUNTS}"
    given: Attributes = {"amount": number % 100_000, "currency": "EUR", "channel": "app"}
    pos = Position("bank", 1, True, 1, number).token
    return EdgeUpsert(f"transfers:{number}:transfer", pos, at_ms, "TRANSFER", *ends, at_ms, given)
