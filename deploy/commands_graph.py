"""`ringwatch graph`: its constraints, what it may forget, and whether it is what the source tables say."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from deploy.durations import seconds

graph_app = typer.Typer(no_args_is_help=True, help="The graph in Neo4j.")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Group = Annotated[str, typer.Option(help="The consumer group of `ringwatch ingest`.")]
Patience = Annotated[str, typer.Option(help="How long one wait for connector and ingest may take.", metavar="TIME")]


@graph_app.command("init")
def graph_init() -> None:
    """Make the constraints and indexes the mapping needs. Harmless when they are there."""
    from deploy.config import settings
    from deploy.services import init_graph

    typer.echo(init_graph(settings()))


@graph_app.command("purge")
def graph_purge(
    older_than: Annotated[
        str | None, typer.Option("--older-than", help="Age: 30d, 720h. Default: RINGWATCH_PURGE_DAYS.", metavar="TIME")
    ] = None,
    before: Annotated[
        datetime | None, typer.Option(help="By date instead, in the bank's clock (UTC): for a replayed bank.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it. Without: only say what would go.")] = False,
    json: Json = False,
) -> None:
    """Forget deletions that close nothing. Changes older than that are no longer taken: no marker meets them."""
    from msgspec import json as wire

    from deploy.config import settings
    from deploy.purge import purge

    def said(text: str) -> None:
        typer.echo(text, err=True)

    found = purge(settings(), seconds(older_than), before, yes, said)
    typer.echo(wire.encode(found).decode() if json else found.told())


@graph_app.command("verify")
def graph_verify(
    table: Annotated[list[str] | None, typer.Option(help="Only this table; may be given again.")] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Feed keys that differ again; unmark incomplete rows that are whole.")
    ] = False,
    json: Json = False,
    group: Group = "ingest",
    patience: Patience = "2m",
) -> None:
    """Compare the source tables with the graph, both live: every missing, extra and differing node, edge, label.

    Exit status 0 when nothing differs (or all is mended), 3 when something does or a key could not be compared (its
    row changed whenever it was looked at), 2 when it could not run.
    """
    from deploy.config import settings
    from deploy.verify.report import Progress, told
    from deploy.verify.run import Request, verify

    request = Request(tuple(table or ()), repair, group, seconds(patience) or 120.0)
    with Progress() as progress:
        outcome = verify(settings(), request, progress.say, progress.show)
    raise typer.Exit(told(outcome, "graph verify", json))


@graph_app.command("reread")
def graph_reread(
    json: Json = False,
    group: Group = "ingest",
    patience: Patience = "2m",
) -> None:
    """Mend the keys that an incremental snapshot named (topic ringwatch.reread), where the graph differs.

    Exit status as of `graph verify`.
    """
    from deploy.config import settings
    from deploy.verify.report import Progress, told
    from deploy.verify.reread import reread
    from deploy.verify.run import Request

    request = Request((), True, group, seconds(patience) or 120.0)
    with Progress() as progress:
        outcome = reread(settings(), request, progress.say)
    raise typer.Exit(told(outcome, "graph reread", json))
