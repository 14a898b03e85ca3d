"""`ringwatch stack`: the real servers on this machine, without Docker."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from deploy.stack import control
from deploy.stack.errors import NotInstalled, StackError
from deploy.stack.install import ensure_installed, ensure_test_tools
from deploy.stack.layout import Layout
from deploy.stack.mysql_install import ensure_mysql

app = typer.Typer(
    no_args_is_help=True,
    help="The servers behind Ringwatch (MariaDB, Kafka, Kafka Connect, Neo4j, PostgreSQL, Redis) on this machine, "
    "on 127.0.0.1 only, without Docker.",
)
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

COLOURS = {"up": "green", "down": "dim", "sick": "red"}
FAILED = 2

Names = Annotated[list[str] | None, typer.Argument(help=f"Which servers: {', '.join(control.NAMES)}. Default: all.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


def layout() -> Layout:
    """Return where the stack lives, by Ringwatch's settings."""
    from deploy.config import settings  # here, so that `--help` works whatever the environment holds

    return settings().stack_layout()


@app.command()
def up(names: Names = None, json: Json = False) -> None:
    """Install what is missing, start the servers, and wait until each one answers."""
    with _told():
        echo = _silent if json else _say
        place = layout()
        control.up(place, names, echo)
        if json:
            _print_json([asdict(each) for each in control.status(place)])
        else:
            _say(f"Data and passwords are in {place.data}; stop with: ringwatch stack down")


@app.command()
def install(
    test_tools: Annotated[
        bool, typer.Option("--test-tools", help="Also what the tests use: Chromium, docker-compose, MySQL.")
    ] = False,
) -> None:
    """Install what the servers need, without starting them."""
    with _told():
        ensure_installed(control.NAMES, layout().cache, _say)
        if test_tools:
            ensure_test_tools(_say)
            try:
                ensure_mysql(layout().cache, _say)
            except NotInstalled as error:
                _say(f"The tests on MySQL will be skipped: {error}")
        _say("Everything the servers need is installed")


@app.command()
def status(json: Json = False) -> None:
    """Show each server: whether it answers, where, since when, and with how much memory.

    Exit status 0 when all are up, 3 when not.
    """
    with _told():
        found = control.status(layout())
    if json:
        _print_json([asdict(each) for each in found])
    else:
        out.print(_table(found))
        if any(each.state == "sick" for each in found):
            _say("A sick server runs but does not answer; see: ringwatch stack logs NAME")
    if any(each.state != "up" for each in found):
        raise typer.Exit(3)


@app.command()
def logs(
    name: Annotated[str, typer.Argument(help=f"Which server: {', '.join(control.NAMES)}.")],
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many of the last lines.")] = 50,
) -> None:
    """Print the last lines of a server's log."""
    with _told():
        sys.stdout.write(control.logs(layout(), name, lines) + "\n")


@app.command()
def down(
    names: Names = None,
    delete_data: Annotated[
        bool, typer.Option("--delete-data", help="Also delete all data, logs and passwords; downloads stay.")
    ] = False,
) -> None:
    """Stop the servers; what they hold stays for the next `up`."""
    with _told():
        if delete_data and names:
            raise StackError("--delete-data is for the whole stack: leave the server names out")
        if delete_data:
            control.delete(layout(), _say)
        else:
            control.down(layout(), names, _say)


def _table(found: list[control.ServerStatus]) -> Table:
    table = Table("server", "state", "127.0.0.1 port", "pid", "up for", "memory", "remark", box=None, pad_edge=False)
    for each in found:
        table.add_row(
            each.name, f"[{COLOURS[each.state]}]{each.state}[/]", ", ".join(map(str, each.ports)),
            str(each.pid or ""), _span(each.uptime_s), f"{each.resident_mb:.0f} MB" if each.resident_mb else "",
            each.detail,
        )
    return table


def _span(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _print_json(value: object) -> None:
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value)).decode() + "\n")


def _say(line: str) -> None:
    out.print(line, markup=False, soft_wrap=True)


def _silent(_: str) -> None:
    """Say nothing: standard output is for the JSON document."""


@contextmanager
def _told() -> Iterator[None]:
    """Turn a failure of the stack into its message and exit status 2."""
    try:
        yield
    except StackError as error:
        err.print(str(error), style="red", markup=False, soft_wrap=True)
        for note in getattr(error, "__notes__", ()):
            err.print(note, style="red", markup=False, soft_wrap=True)
        raise typer.Exit(FAILED) from None


if __name__ == "__main__":
    app()
