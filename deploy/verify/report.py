"""What a comparison tells: its progress on standard error, its outcome for people or as one JSON object."""

from __future__ import annotations

import sys
from types import TracebackType

import msgspec
from rich.console import Console
from rich.status import Status
from rich.table import Table

from deploy.verify.run import Outcome
from graph.reconcile import Tally

SHOWN = 50  # lines of differences for people; --json has all
COLUMNS = ("rows", "nodes", "edges", "labels", "missing", "extra", "differing", "refused", "mended", "unsettled")


class Progress:
    """One line on standard error, on a terminal only."""

    def __init__(self) -> None:
        self._status = Status("connecting", console=Console(stderr=True))
        self._at = ""

    def say(self, line: str) -> None:
        """What is waited for."""
        self._status.update(f"{self._at} {line}")

    def show(self, tally: Tally) -> None:
        """How far a table is."""
        self._at = f"{tally.table}: {tally.rows:,} rows"
        self._status.update(self._at)

    def __enter__(self) -> Progress:
        self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._status.stop()


def told(outcome: Outcome, command: str, as_json: bool) -> int:
    """Print the outcome to standard output; returns the exit status."""
    if as_json:
        _as_json(outcome, command)
    else:
        _for_people(outcome)
    outcome.differences.close()
    return outcome.report(command).status


def _as_json(outcome: Outcome, command: str) -> None:
    """The figures' object with `tables` and `differences`, written as it is read: the list may be long."""
    figures = outcome.report(command).json().rstrip().removesuffix("}").rstrip()
    tables = msgspec.json.encode(outcome.tallies).decode()
    sys.stdout.write(f'{figures},\n  "tables": {tables},\n  "differences": [')
    for n, each in enumerate(outcome.differences):
        sys.stdout.write(("," if n else "") + "\n    " + msgspec.json.encode(each).decode())
    sys.stdout.write("\n  ]\n}\n" if outcome.differences.count else "]\n}\n")


def _for_people(outcome: Outcome) -> None:
    console = Console(highlight=False)
    table = Table(box=None, pad_edge=False)
    for name in ("table", *COLUMNS, "seconds"):
        table.add_column(name, justify="left" if name == "table" else "right")
    for tally in outcome.tallies:
        table.add_row(tally.table, *(f"{getattr(tally, name):,}" for name in COLUMNS), f"{tally.seconds:.1f}")
    console.print(table)
    for n, each in enumerate(outcome.differences):
        if n == SHOWN:
            console.print(f"… and {outcome.differences.count - SHOWN:,} more; --json names all")
            break
        console.print(each.line, markup=False, soft_wrap=True)
    left, unsettled = outcome.total("left"), outcome.total("unsettled")
    word = f"{left:,} differences" if left else "no difference" if unsettled else "the graph is as the tables are"
    if unsettled:
        word += f", but {unsettled:,} keys were not compared: they changed whenever looked at; run it again for them"
    if unmarked := outcome.total("unmarked"):
        console.print(f"no longer marked incomplete: {unmarked:,} row{'' if unmarked == 1 else 's'}")
    console.print(f"{outcome.total('rows'):,} rows in {outcome.seconds:.1f} s: {word}")
