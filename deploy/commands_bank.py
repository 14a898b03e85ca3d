"""`ringwatch connect` and `ringwatch replay`: a bank on given servers or the local stack's."""

from __future__ import annotations

from typing import Annotated

import typer

from deploy.durations import seconds
from deploy.stack.connector_settings import Kind

Limit = Annotated[float, typer.Option("--limit", min=1, help="Seconds the snapshot may take.")]

connect_app = typer.Typer(no_args_is_help=True, help="The connector that reads the bank's commits.")


@connect_app.command("register")
def register(
    name: Annotated[str, typer.Option(help="The connector's name, and the prefix of its topics.")] = "bank",
    epoch: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65_535,
            help="Default: as Kafka Connect has it; 1 for a bank that was never read. It never sinks while Connect has "
            "it; where Connect has forgotten it, it has to be above what the graph and the bank's topics hold.",
        ),
    ] = None,
    limit_s: Limit = 600,
    database: Annotated[Kind, typer.Option("--from", help="Which database the bank runs on.")] = "mariadb",
) -> None:
    """Make Ringwatch's topics, register the connector, wait until it reads the bank's log.

    PostgreSQL: each mapped table must have REPLICA IDENTITY FULL; what lacks it is named with its mend.

    Where Kafka Connect does not know the connector, the graph (RINGWATCH_NEO4J_URI) and the bank's topics are asked
    whether it was read before; if so, this ends with status 2 and the `ringwatch connect resnapshot` to run.
    """
    from deploy.config import settings
    from deploy.following import register as carry_out

    carry_out(settings(), database, name, epoch, limit_s, typer.echo)


@connect_app.command("resnapshot")
def resnapshot(
    name: Annotated[str, typer.Option(help="The connector's name.")] = "bank",
    epoch: Annotated[
        int | None, typer.Option(min=1, max=65_535, help="Default: one more than the connector's settings say.")
    ] = None,
    limit_s: Limit = 600,
    database: Annotated[
        Kind | None, typer.Option("--from", help="Which database; default: as the connector was registered.")
    ] = None,
) -> None:
    """Read the whole bank again under the next epoch: its server was restored or replaced, or the offsets are lost.

    What is in the graph and not in the bank any more is gone once the snapshot has come through ingest.
    """
    from deploy.config import settings
    from deploy.following import resnapshot as carry_out

    carry_out(settings(), database, name, epoch, limit_s, typer.echo)


@connect_app.command("snapshot")
def snapshot(
    tables: Annotated[list[str], typer.Argument(help="Mapped tables, by name.")],
    name: Annotated[str, typer.Option(help="The connector's name.")] = "bank",
) -> None:
    """Have some tables read while the log is followed (an incremental snapshot). Nothing is written to the bank.

    What is read only names keys; run `ringwatch graph reread` then: it reads them from the bank and mends the graph.
    """
    from deploy.config import settings
    from deploy.following import snapshot as carry_out

    carry_out(settings(), name, tables, typer.echo)


def replay(
    per_s: Annotated[float, typer.Option("--rate", min=0.1, max=5_000, help="Changes committed a second.")] = 100,
    for_: Annotated[
        str | None, typer.Option("--for", help="End by itself after this long: 60s, 5m.", metavar="TIME")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=365, help="How many days of history it starts with.")] = 7,
    seed: Annotated[int, typer.Option(help="Which bank is simulated.")] = 7,
    users: Annotated[int, typer.Option(min=50, max=100_000, help="How many customers it has.")] = 2_000,
    create: Annotated[bool, typer.Option("--create", help="Drop its tables and begin anew.")] = False,
    load_only: Annotated[bool, typer.Option("--load-only", help="Load the history where there is none; end.")] = False,
) -> None:
    """The demo bank in MariaDB: its history first; once a connector reads the log, commits at a steady rate.

    Stopped and started again with the same options, it goes on where it was.
    """
    from deploy import bankside
    from deploy.config import settings

    for_s = seconds(for_) or bankside.FOREVER_S
    options = bankside.ReplayOptions(seed, users, days, per_s, for_s, create, load_only)
    bankside.replay(settings(), options, typer.echo)
