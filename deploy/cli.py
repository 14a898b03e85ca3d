"""The `ringwatch` command. Exit status: 0 done, 2 could not run, 3 a figure fell short of its bar."""

from __future__ import annotations

import sys
from pathlib import Path
from socket import gethostname
from typing import Annotated

import typer

from deploy.commands_ablate import ablate
from deploy.commands_bank import connect_app, replay
from deploy.commands_deadletter import deadletter_app
from deploy.commands_decide import bench_decide, decide
from deploy.commands_graph import graph_app
from deploy.commands_mapping import mapping_app
from deploy.commands_model import model_app
from deploy.commands_report import compare, evaluate
from deploy.commands_rules import rules_app
from deploy.commands_train import train
from deploy.compiled_cache import drop_stale
from deploy.durations import seconds
from deploy.stack.cli import app as stack_app

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Ringwatch: a bank's change stream in, fraud alerts with the ring and the reasons out.",
)
app.add_typer(stack_app, name="stack")
app.add_typer(connect_app, name="connect")
app.command("replay")(replay)
app.add_typer(deadletter_app, name="deadletter")
app.add_typer(graph_app, name="graph")
app.add_typer(model_app, name="model")
bench_app = typer.Typer(no_args_is_help=True, help="Measure; one JSON object with --json.")
app.add_typer(bench_app, name="bench")
app.add_typer(mapping_app, name="mapping")
app.add_typer(rules_app, name="rules")
app.command("evaluate")(evaluate)
app.command("compare")(compare)
app.command("ablate")(ablate)
app.command("train")(train)
app.command("decide")(decide)
bench_app.command("decide")(bench_decide)

FASTEST_PER_S = 100_000
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
For = Annotated[str | None, typer.Option("--for", help="End by itself after this long: 60s, 5m.", metavar="TIME")]


@app.command()
def demo(
    for_: For = None,
    json: Json = False,
    per_s: Annotated[float, typer.Option("--rate", min=1, max=5_000, help="Changes replayed a second.")] = 200,
    seed: Annotated[int, typer.Option(help="Which bank is simulated.")] = 7,
    users: Annotated[int, typer.Option(min=50, max=100_000, help="How many customers it has.")] = 2_000,
    days: Annotated[int, typer.Option(min=1, max=365, help="How many days of history it starts with.")] = 14,
    decide: Annotated[bool, typer.Option("--decide", help="Serve POST /v1/score too; prints how to ask it.")] = False,
) -> None:
    """The whole path in this one process: the demo bank, the graph, the scores, the alerts on a page."""
    from deploy.embedded import DemoOptions
    from deploy.terminal import run_demo

    raise typer.Exit(run_demo(DemoOptions(seed, users, days, per_s, seconds(for_), decide), as_json=json))


@app.command("demo-stack")
def demo_stack(
    for_: For = None,
    json: Json = False,
    per_s: Annotated[float, typer.Option("--rate", min=1, max=5_000, help="Changes committed a second.")] = 100,
    seed: Annotated[int, typer.Option(help="Which bank is simulated.")] = 7,
    users: Annotated[int, typer.Option(min=50, max=100_000, help="How many customers it has.")] = 2_000,
    days: Annotated[int, typer.Option(min=1, max=365, help="How many days of history it starts with.")] = 7,
) -> None:
    """The same on real servers: MariaDB, Debezium, Kafka, Neo4j, Faust, Postgres, Redis, the page."""
    from deploy.onstack import StackOptions
    from deploy.terminal import run_on_stack

    raise typer.Exit(run_on_stack(StackOptions(seed, users, days, per_s, seconds(for_)), as_json=json))


@app.command("compile")
def compile_() -> None:
    """Compile what walking and scoring take, which else the first start on a machine does: about half a minute."""
    from deploy.compiling import compile_all

    compile_all()


@app.command()
def ingest(
    worker: Annotated[
        str,
        typer.Option(
            default_factory=gethostname,
            show_default="this machine's name",
            help="This process's name in its watermarks: another for each one that runs, the same after a restart.",
        ),
    ],
    group: Annotated[str, typer.Option(help="Consumer group; processes of one group share the partitions.")] = "ingest",
) -> None:
    """Keep the graph current: the bank's topics → Neo4j → graph.changes and graph.events."""
    from deploy.ingest_process import run_ingest

    run_ingest(worker, group)


@app.command()
def score(group: Annotated[str, typer.Option(help="Consumer group of graph.events.")] = "scorer") -> None:
    """Score events: graph.events → fraud.scores, through an in-memory mirror or Neo4j (RINGWATCH_READER)."""
    from deploy.scoring_process import run_scorer

    run_scorer(group)


@app.command()
def alerts() -> None:
    """Take scores in, keep alerts, serve the page and the API."""
    from deploy.services import run_alerts

    run_alerts()


@bench_app.callback()
def bench() -> None:
    """Measure; one JSON object with --json."""
    from deploy.signals import unwind_on_stop

    unwind_on_stop()


@bench_app.command("verify")
def bench_verify(
    json: Json = False,
    rows: Annotated[int, typer.Option(min=1_000, max=20_000_000, help="Rows of the table.")] = 1_000_000,
    per_s: Annotated[float, typer.Option("--rate", min=0, max=5_000, help="Changes a second meanwhile.")] = 100,
) -> None:
    """Lose 3 rows of a large table in the graph, find exactly these, mend them; on the local stack, while it runs."""
    from deploy.verify.bench import run_verify_bench

    raise typer.Exit(run_verify_bench(rows, per_s, as_json=json))


@bench_app.command("latency")
def bench_latency(
    json: Json = False,
    rates: Annotated[str, typer.Option(help="Committed changes a second, comma-separated.")] = "100,300,1000",
    for_: Annotated[str, typer.Option("--for", help="How long each rate is held.", metavar="TIME")] = "20s",
    scoring: Annotated[bool, typer.Option(help="With the scorer and the alert service on the same machine.")] = True,
) -> None:
    """Commit → Kafka, graph, score, alert row and SSE client, on the local stack."""
    from deploy.bench import run_latency

    raise typer.Exit(run_latency(_rates(rates), seconds(for_) or 20.0, as_json=json, scoring=scoring))


@bench_app.command("ingest")
def bench_ingest(
    json: Json = False,
    batches: Annotated[str, typer.Option(help="Batch sizes, comma-separated.")] = "1000,5000",
    rounds: Annotated[int, typer.Option(min=1, max=100, help="Rounds of each; their median counts.")] = 8,
    rows: Annotated[int, typer.Option(min=100, max=1_000_000, help="Rows of a round, 20 batches at least.")] = 20_000,
    edges: Annotated[int, typer.Option(min=0, help="Grow the graph to so many edges and compare (0: don't).")] = 0,
    backlog: Annotated[int, typer.Option(min=0, help="Rows to measure the memory with (0: don't).")] = 200_000,
    databases: Annotated[str, typer.Option(help="Whose records, comma-separated.")] = "mariadb,postgres",
) -> None:
    """Rows a second into Neo4j with all guarantees, beside a bare loop in the same run, on the local stack."""
    from deploy.benches.ingest import Plan, run_ingest_bench

    sizes = tuple(int(size) for size in _rates(batches))
    plan = Plan(sizes, rounds, rows, edges, backlog=backlog, databases=tuple(databases.split(",")))
    raise typer.Exit(run_ingest_bench(plan, as_json=json))


@bench_app.command("sampler")
def bench_sampler(
    json: Json = False,
    edges: Annotated[int, typer.Option(min=1_000, max=50_000_000, help="Edges of the large graph.")] = 1_000_000,
) -> None:
    """The as-of walk of two hops, in one process, beside the same on 100,000 edges (10 million take some minutes)."""
    from deploy.benches.sampler import run_sampler_bench

    raise typer.Exit(run_sampler_bench(edges, as_json=json))


@bench_app.command("mirror")
def bench_mirror(
    json: Json = False,
    edges: Annotated[int, typer.Option(min=1_000, max=50_000_000, help="Edges of the large graph.")] = 1_000_000,
) -> None:
    """What an edge weighs in the mirror, how fast edges come and how long a walk takes, beside 100,000 edges."""
    from deploy.benches.mirror import run_mirror_bench

    raise typer.Exit(run_mirror_bench(edges, as_json=json))


@bench_app.command("scorer")
def bench_scorer(
    users: Annotated[int, typer.Option(min=50, help="Customers of the simulated bank.")] = 1_000,
    days: Annotated[int, typer.Option(min=2, help="Its days.")] = 30,
    json: Json = False,
) -> None:
    """An event through the mirror: sampling, features, network and trees, one at a time and 64 together."""
    from deploy.benches.scorer import run_scorer_bench

    raise typer.Exit(run_scorer_bench(users, days, as_json=json))


@bench_app.command("reader")
def bench_reader(
    users: Annotated[int, typer.Option(min=50, help="Customers of the simulated bank.")] = 2_000,
    days: Annotated[int, typer.Option(min=2, help="Its days.")] = 36,
    json: Json = False,
) -> None:
    """An event through Neo4j itself, beside the mirror, one at a time and 64 together; on the local stack's Neo4j."""
    from deploy.benches.reader import run_reader_bench

    raise typer.Exit(run_reader_bench(users, days, as_json=json))


@bench_app.command("workers")
def bench_workers(
    users: Annotated[int, typer.Option(min=50, help="Customers of the simulated bank.")] = 500,
    days: Annotated[int, typer.Option(min=2, help="Its days.")] = 20,
    events: Annotated[int, typer.Option(min=100, help="Scored by one worker, then by two.")] = 10_000,
    json: Json = False,
) -> None:
    """Two scorer processes of one group beside one, on the local stack."""
    from deploy.benches.workers import run_workers_bench

    raise typer.Exit(run_workers_bench(users, days, events, as_json=json))


@bench_app.command("explain")
def bench_explain(
    users: Annotated[int, typer.Option(min=50, help="Customers of the simulated bank.")] = 1_200,
    days: Annotated[int, typer.Option(min=2, help="Its days.")] = 30,
    json: Json = False,
) -> None:
    """Explanations of 200 alerts: time, steps, completeness; and the scorer with and without them beside it."""
    from deploy.benches.explaining import run_explaining_bench

    raise typer.Exit(run_explaining_bench(users, days, as_json=json))


@bench_app.command("engine")
def bench_engine(
    json: Json = False,
    for_: Annotated[str, typer.Option("--for", help="How long each batch is measured.", metavar="TIME")] = "6s",
) -> None:
    """The network's logits by each engine at batch 1, 16, 32 and 256, beside PyG's RGCNConv, in one process."""
    from deploy.benches.engine import run_engine_bench

    raise typer.Exit(run_engine_bench(seconds(for_) or 6.0, as_json=json))


@bench_app.command("writers")
def bench_writers(
    json: Json = False,
    processes: Annotated[int, typer.Option(min=1, max=16, help="Ingest processes at the same time.")] = 4,
    per_s: Annotated[float, typer.Option("--rate", min=1, max=50_000, help="Rows a second in all.")] = 1_000,
    for_: Annotated[str, typer.Option("--for", help="How long.", metavar="TIME")] = "10m",
) -> None:
    """Several ingest processes on one graph whose batches share nodes: deadlocks, retries, rows lost or doubled."""
    from deploy.benches.writers import Plan, run_writers_bench

    raise typer.Exit(run_writers_bench(Plan(processes, per_s, seconds(for_) or 600.0), as_json=json))


@bench_app.command("faults")
def bench_faults(
    json: Json = False,
    times: Annotated[int, typer.Option(min=1, max=1_000, help="How many times each fault.")] = 20,
    only: Annotated[str, typer.Option(help="Faults by name, comma-separated; default: all.")] = "",
    first: Annotated[int, typer.Option(min=1, max=1_000, help="The round to begin with; others play the rest.")] = 1,
    per_s: Annotated[float, typer.Option("--rate", min=1, max=5_000, help="Changes committed a second.")] = 100,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Begin anew; default: go on where an earlier run ended.")
    ] = False,
    ledger: Annotated[Path | None, typer.Option(help="What was played; default: in the state folder.")] = None,
    show: Annotated[bool, typer.Option("--show", help="Only print what was played.")] = False,
) -> None:
    """Break servers, disks, processes and the network under load; count what is lost and what is there twice."""
    from deploy.faults.faults import chosen
    from deploy.faults.series import SeriesOptions, run_faults

    try:
        faults = chosen(only)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--only") from None
    raise typer.Exit(run_faults(SeriesOptions(faults, times, first, ledger, show, per_s, fresh), as_json=json))


def _rates(text: str) -> list[float]:
    try:
        rates = [float(rate) for rate in text.split(",")]
    except ValueError:
        rates = []
    if not rates or not all(0 < rate <= FASTEST_PER_S for rate in rates):
        raise typer.BadParameter(
            f"{text!r} is no list of rates above 0 and up to {FASTEST_PER_S}: 100,300,1000", param_hint="--rates"
        )
    return rates


def main() -> None:
    """Run; known errors end in one readable message and status 2."""
    try:
        drop_stale()
        app()
    except Exception as error:
        from deploy.errors import EXPECTED, told  # it knows every package's errors, torch's among them: only now

        if not isinstance(error, EXPECTED):
            raise
        sys.stderr.write(f"ringwatch: {told(error)}\n")
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
