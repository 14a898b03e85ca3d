"""`ringwatch bench verify`: three rows of a large table are lost in the graph, found, and mended, while it runs."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pymysql
from rich.console import Console

from deploy.config import Settings, settings
from deploy.connections import connections
from deploy.figures import COULD_NOT_RUN, Figure, figure, report
from deploy.processes import Service, same_stack
from deploy.services import init_graph
from deploy.stack import control
from deploy.stack.connector import register_mariadb
from deploy.stack.endpoints import Endpoints
from deploy.stack.mariadb import further_database
from deploy.stack.topics import create_topics
from deploy.verify.bench_bank import SOURCE, TABLE, Customers, fill, forget, lose, open_bank
from deploy.verify.connector import CannotVerify
from deploy.verify.progress import Topics
from graph.neo4j_driver import connect

MAPPING = Path(__file__).with_name("bench.toml")
SERVERS = ("mariadb", "kafka", "connect", "neo4j")
PLANTED = 3
READY_S = 1_800.0

err = Console(stderr=True, highlight=False)


def run_verify_bench(rows: int, per_s: float, as_json: bool) -> int:
    """The whole of it, on the local stack; returns the exit status."""
    chosen = settings().model_copy(update={"mapping": MAPPING})
    ends = control.up(chosen.stack_layout(), SERVERS, err.print)
    create_topics(ends.kafka_bootstrap)
    further_database(chosen.stack_layout(), "verify")
    with open_bank(ends) as bank:
        figures = _measured(chosen, ends, bank, rows, per_s)
    done = report("verify", figures)
    if as_json:
        sys.stdout.write(done.json() + "\n")
    return done.status


def _measured(chosen: Settings, ends: Endpoints, bank: pymysql.Connection, rows: int, per_s: float) -> list[Figure]:
    at, group = connections(chosen), f"verify-bench-{time.time_ns()}"
    log = chosen.state_dir / "services" / "verify-ingest.log"
    ingest = Service("ingest", ["ingest", "--worker", "verify-bench", "--group", group], log, _environment(chosen))
    with connect(at.neo4j_uri, at.neo4j_user, at.neo4j_password) as bolt:
        forget(ends, bolt, chosen.neo4j_database)
        err.print(init_graph(chosen))
        fill(bank, rows)
        err.print(f"MariaDB holds {rows:,} rows")
        started = time.monotonic()
        register_mariadb(ends, SOURCE, READY_S)
        try:
            ingest.start()
            _await_ingest(ends, ingest, group)
            load_s = time.monotonic() - started
            err.print(f"the graph holds them after {load_s:,.0f} s, through Debezium, Kafka and ingest")
            spared = random.Random(rows).sample(range(1, rows + 1), PLANTED)
            if (lost := lose(bolt, spared, chosen.neo4j_database)) != PLANTED:
                raise CannotVerify(f"{lost} of {PLANTED} rows could be lost; is the graph complete? See {log}")
            with open_bank(ends) as writing:
                customers = Customers(writing, rows, per_s, spared)
                if per_s:
                    customers.start()
                try:
                    runs = [_verify(chosen, group, *more) for more in ((), ("--repair",), ())]
                finally:
                    customers.stopping.set()
                    if per_s:
                        customers.join()
        finally:
            ingest.stop()
            forget(ends, bolt, chosen.neo4j_database)
    return _figures(runs, {f"{TABLE}:{key}:transfer" for key in spared}, load_s, customers.committed)


def _await_ingest(ends: Endpoints, ingest: Service, group: str) -> None:
    topics = Topics(ends.kafka_bootstrap, SOURCE.name, [TABLE], group, {})
    try:
        ingest.wait_until(lambda: bool(at := topics.ends()) and not topics.behind(at), READY_S, "the rows in the graph")
    finally:
        topics.close()


def _environment(chosen: Settings) -> dict[str, str]:
    return {**same_stack(chosen), "RINGWATCH_MAPPING": str(MAPPING)}


def _verify(chosen: Settings, group: str, *more: str) -> dict[str, Any]:
    """The command itself, in a process of its own, so that its memory is its own."""
    command = [sys.executable, "-m", "deploy.cli", "graph", "verify", "--json", "--patience", "10m", "--group", group]
    done = subprocess.run(
        [*command, *more], env={**os.environ, **_environment(chosen)}, capture_output=True, text=True, check=False
    )
    if done.returncode == COULD_NOT_RUN or not done.stdout:
        raise CannotVerify(f"graph verify could not run: {done.stderr[-1_000:]}")
    read: dict[str, Any] = json.loads(done.stdout)
    values = {each["name"]: each["value"] for each in read["figures"]}
    err.print(f"graph verify {' '.join(more)}: {values}")
    return {"values": values, "differences": read["differences"]}


def _figures(runs: list[dict[str, Any]], planted: set[str], load_s: float, committed: int) -> list[Figure]:
    first, repair, _ = runs
    named = [{each["name"].rpartition(" ")[2] for each in run["differences"]} for run in runs]
    values = first["values"]
    return [
        figure("planted", len(planted), "rows"),
        figure("found", len(named[0] & planted), "rows", len(planted), "higher"),
        figure("found_besides", len(named[0] - planted) + len(named[1] - planted), "facts", 0),
        figure("mended", repair["values"]["mended"], "facts", len(planted), "higher"),
        figure("left_after_repair", len(named[2]), "facts", 0),
        figure("rows", values["rows"], "rows", better="higher"),
        figure("seconds", values["seconds"], "s"),
        figure("seconds_with_repair", repair["values"]["seconds"], "s"),
        figure("rows_per_s", values["rows_per_s"], "rows/s", better="higher"),
        figure("peak_rss_mb", max(run["values"]["peak_rss_mb"] for run in runs), "MB"),
        figure("unsettled", sum(run["values"]["unsettled"] for run in runs), "keys"),
        figure("committed_meanwhile", committed, "changes", better="higher"),
        figure("load_seconds", load_s, "s"),
    ]
