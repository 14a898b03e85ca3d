"""`ringwatch decide` and `ringwatch bench decide`."""

from __future__ import annotations

from typing import Annotated

import typer

from deploy.durations import seconds


def decide() -> None:
    """Answer a payment switch about transfers that are not committed yet: POST /v1/score, within a deadline."""
    from deploy.deciding import run_decide

    run_decide()


def bench_decide(
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
    per_s: Annotated[float, typer.Option("--rate", min=1, max=5_000, help="Requests a second.")] = 200,
    for_: Annotated[str, typer.Option("--for", help="How long each server is asked.", metavar="TIME")] = "20s",
    users: Annotated[int, typer.Option(min=50, max=100_000, help="Customers of the simulated bank.")] = 1_000,
    days: Annotated[int, typer.Option(min=2, max=365, help="Days of its history.")] = 14,
) -> None:
    """Decisions under open-loop load over HTTP, latency from the intended send time, beside a bare endpoint."""
    from deploy.benches.decide import Plan, run_decide_bench

    raise typer.Exit(run_decide_bench(Plan(per_s, seconds(for_) or 20.0, users, days), as_json=json))
