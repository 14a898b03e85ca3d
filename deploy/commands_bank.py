"""`ringwatch connect register` and `ringwatch replay`: the demo bank on given servers or the local stack's."""

from __future__ import annotations

from typing import Annotated

import typer

from deploy.durations import seconds

connect_app = typer.Typer(no_args_is_help=True, help="The connector that reads the bank's commits.")


@connect_app.command("register")
def register(
    name: Annotated[str, typer.Option(help="The connector's name, and the prefix of its topics.")] = "bank",
    epoch: Annotated[int, typer.Option(min=1, help="One more whenever the bank's log starts over.")] = 1,
    limit_s: Annotated[float, typer.Option("--limit", min=1, help="Seconds the snapshot may take.")] = 600,
) -> None:
    """Make Ringwatch's topics, register the connector for MariaDB, wait until it reads the bank's log."""
    from deploy.bankside import register as carry_out
    from deploy.config import settings
    from deploy.stack.connector import Source

    carry_out(settings(), Source(name=name, epoch=epoch), limit_s, typer.echo)


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
