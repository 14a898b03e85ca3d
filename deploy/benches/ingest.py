"""`ringwatch bench ingest`: rows per second into Neo4j with all guarantees, beside a bare loop in the same run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

import msgspec
import neo4j
from rich.console import Console

from deploy import bootstrap
from deploy.benches.loops import BareLoop, OurLoop
from deploy.benches.memory import peak_of_backlog
from deploy.benches.sweeping import beside_a_sweep
from deploy.benches.topics import bank_topics
from deploy.benches.transfers import START_MS, Shape, messages, put_edges, unused
from deploy.config import Settings, settings
from deploy.figures import Beside, Figure, figure, report
from deploy.stack import control
from deploy.stack.topics import create_topics
from graph.mapping import Mapping
from graph.model import Gone
from graph.neo4j_store import Neo4jStore
from ingest.kafka import KafkaPublisher
from ingest.tuning import tune

RATIO_BAR, FLAT_BAR, MEMORY_BAR_MB = 0.85, 0.8, 300.0
SMALL = 100_000  # edges a graph is called small with
GROW_BATCH = 10_000
PARTITIONS = 3  # as the demo bank has
SUSTAINED = 20  # batches of a round at least: the first is read and the last published with nothing beside it

err = Console(stderr=True, highlight=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """Batch sizes to compare at, rounds and rows of each; `edges` to grow the graph to, `backlog` rows for memory."""

    batches: tuple[int, ...] = (1_000, 5_000)
    rounds: int = 8
    rows: int = 20_000
    edges: int = 0
    hub: int = 100_000
    backlog: int = 200_000
    databases: tuple[str, ...] = ("mariadb", "postgres")


class _Bench:
    def __init__(self, chosen: Settings, plan: Plan, driver: neo4j.Driver) -> None:
        self.chosen, self.plan, self.driver = chosen, plan, driver
        self.at = bootstrap.connections(chosen)
        self.mapping = Mapping.load(chosen.mapping, chosen.contacts_key())
        self.store: Neo4jStore = bootstrap.store(chosen, driver)
        self.store.init()
        self.store.check()
        self._next = unused()

    def take(self, rows: int) -> int:
        """The first of so many numbers that nobody else has."""
        first, self._next = self._next, self._next + rows
        return first

    @contextmanager
    def filled(self, rows: int, shape: Shape) -> Iterator[str]:
        """A topic of transfers nobody has seen yet, and of the bank's the only one."""
        with bank_topics(self.at.kafka_bootstrap) as make:
            topic = make(PARTITIONS)
            publisher = KafkaPublisher(self.at.kafka_bootstrap)
            first = self.take(rows)
            for start in range(first, first + rows, 20_000):
                publisher.publish(list(messages(range(start, min(start + 20_000, first + rows)), shape, topic)))
            yield topic

    def pair(self, batch: int, shape: Shape) -> tuple[list[float], list[float]]:
        """Rows per second of each round: bare and ours take turns on rows of the same topic."""
        rounds, rows = self.plan.rounds, max(self.plan.rows, SUSTAINED * batch)
        with self.filled((rounds + 1) * rows, shape) as topic:
            bare = BareLoop(self.at.kafka_bootstrap, topic, f"{topic}-bare", self.driver, batch)
            ours = self.ours(topic, batch)
            bare.run(rows)
            ours.run(rows)
            taken = [(bare.run(rows), ours.run(rows)) if n % 2 else (ours.run(rows), bare.run(rows))[::-1]
                     for n in range(rounds)]  # fmt: skip
            bare.close()
            ours.close()
        return [rows / one for one, _ in taken], [rows / other for _, other in taken]

    def ours(self, topic: str, batch: int) -> OurLoop:
        return OurLoop(self.at.kafka_bootstrap, topic, f"{topic}-ours", self.mapping, self.store, batch)

    def alone(self, shape: Shape, rows: int, batch: int = 1_000) -> float:
        """Rows per second of ours: the median of the rounds."""
        with self.filled((self.plan.rounds + 1) * rows, shape) as topic:
            ours = self.ours(topic, batch)
            ours.run(rows)
            taken = [ours.run(rows) for _ in range(self.plan.rounds)]
            ours.close()
        return rows / median(taken)

    def edges(self) -> int:
        """Transfers in the graph."""
        found = self.driver.execute_query("MATCH ()-[e:TRANSFER]->() RETURN count(e) AS n").records
        return int(found[0]["n"])

    def grow(self, wanted: int) -> None:
        """Bring the graph to so many edges, straight into Neo4j: how they got there is not what is measured."""
        accounts = max(20_000, wanted // 50)
        there = self.edges()
        for start in range(there, wanted, GROW_BATCH):
            to = min(start + GROW_BATCH, wanted)
            put_edges(self.driver, range(start, to), accounts, START_MS - 10**9, "grown:")
            if start // 500_000 != to // 500_000:
                err.print(f"{to:,} edges")


def run_ingest_bench(plan: Plan, as_json: bool, echo: Callable[[str], None] = err.print) -> int:
    """Measure on the local stack's Kafka and Neo4j; returns the exit status."""
    chosen = settings()
    bootstrap.logs(chosen)
    control.up(chosen.stack_layout(), ["kafka", "neo4j"], echo)
    create_topics(bootstrap.connections(chosen).kafka_bootstrap)
    with bootstrap.driver(chosen) as driver:
        bench = _Bench(chosen, plan, driver)
        tune()  # as the product's process does; the bare loop gains by it too
        figures = _flat(bench) if plan.edges else []  # first: the graph is as small as it will ever be
        figures += [each for database in plan.databases for each in _against_bare(bench, database)]
        figures += _beside_markers(bench)
        figures += _hub(bench)
        figures += beside_a_sweep(driver, lambda: bootstrap.store(chosen, driver), bench.take(100_000), err.print)
        if plan.backlog:
            with bench.filled(plan.backlog, Shape()) as topic:
                peak, rate = peak_of_backlog(chosen, topic, plan.backlog)
            figures += [figure("worker_peak_rss_mb", peak, "MB", MEMORY_BAR_MB),
                        figure("backlog_rows_per_s", rate, "rows/s", None, "higher")]  # fmt: skip
    done = report("ingest", figures)
    if as_json:
        sys.stdout.write(done.json() + "\n")
    return done.status


def _against_bare(bench: _Bench, database: str) -> list[Figure]:
    figures = []
    for batch in bench.plan.batches:
        bare, ours = bench.pair(batch, Shape(database))
        ratio = _ratio(bare, ours)
        name = f"{batch}_{database}"
        rates = median(bare), median(ours)
        err.print(f"{database}, batch {batch}: bare {rates[0]:,.0f} rows/s, ours {rates[1]:,.0f}, ratio {ratio:.2f}")
        rate = figure(f"rows_per_s@{name}", rates[1], "rows/s", None, "higher")
        figures += [msgspec.structs.replace(rate, beside=Beside("bare_loop", round(rates[0], 1))),
                    figure(f"rows_per_s_ratio_to_bare@{name}", ratio, "ratio", RATIO_BAR, "higher")]  # fmt: skip
    return figures


def _ratio(bare: list[float], ours: list[float]) -> float:
    return median(other / one for one, other in zip(bare, ours, strict=True))


def _beside_markers(bench: _Bench) -> list[Figure]:
    """The same where the graph holds a deletion that came before its row: then each row is looked for among them."""
    batch, marker = bench.plan.batches[0], Gone("transfers:none:transfer", "bank/0001", START_MS, "TRANSFER")
    bench.store.apply([marker])
    bare, ours = bench.pair(batch, Shape())
    bench.driver.execute_query("MATCH (g:_Gone {owner: $owner}) DELETE g", owner=marker.owner)
    ratio = _ratio(bare, ours)
    err.print(f"with a deletion marker in the graph, batch {batch}: ratio {ratio:.2f}")
    return [figure(f"rows_per_s_ratio_to_bare@{batch}_markers", ratio, "ratio", RATIO_BAR, "higher")]


def _hub(bench: _Bench) -> list[Figure]:
    """An account with `hub` edges: does money to it go in as quickly as money spread out?"""
    spread = bench.alone(Shape(), bench.plan.rows // 2)
    bench.alone(Shape(hub=True), max(1, bench.plan.hub // (bench.plan.rounds + 1)))
    to_hub = bench.alone(Shape(hub=True), bench.plan.rows // 2)
    err.print(f"spread {spread:,.0f} rows/s, to a hub of {bench.plan.hub:,} edges {to_hub:,.0f}")
    found = figure("rows_per_s_ratio_hub_to_spread", to_hub / spread, "ratio", FLAT_BAR, "higher")
    return [msgspec.structs.replace(found, beside=Beside("rows_per_s_spread", round(spread, 1)))]


def _flat(bench: _Bench) -> list[Figure]:
    bench.grow(SMALL)
    small_edges, small = bench.edges(), bench.alone(Shape(), bench.plan.rows)
    bench.grow(bench.plan.edges)
    large_edges, large = bench.edges(), bench.alone(Shape(), bench.plan.rows)
    err.print(f"{small_edges:,} edges {small:,.0f} rows/s, {large_edges:,} edges {large:,.0f}")
    found = figure(f"rows_per_s_ratio_{large_edges}_to_{small_edges}_edges", large / small, "ratio", FLAT_BAR, "higher")
    return [msgspec.structs.replace(found, beside=Beside("rows_per_s_small", round(small, 1)))]
