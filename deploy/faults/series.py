"""`ringwatch bench faults`: every fault so many times, in rounds, going on where an earlier run ended."""

from __future__ import annotations

import fcntl
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from deploy import bootstrap
from deploy.config import Settings, settings
from deploy.faults.check import Check
from deploy.faults.faults import FAULTS, Fault
from deploy.faults.ground import Ground, apart
from deploy.faults.ledger import Ledger, Outcome
from deploy.faults.play import play
from deploy.faults.table import figures, table
from deploy.figures import report
from deploy.stack.errors import StackError

INTERRUPTED = 130
Echo = Callable[[str], None]
err = Console(stderr=True, highlight=False)


@dataclass(frozen=True, slots=True)
class SeriesOptions:
    """`per_s` changes a second are committed; `fresh` forgets earlier runs. Rounds are played from `first` on, so that
    several machines may share them; their ledgers (by default in the state folder) put together are one. `show` plays
    nothing.
    """

    faults: tuple[Fault, ...] = FAULTS
    times: int = 20
    first: int = 1
    ledger: Path | None = None
    show: bool = False
    per_s: float = 100.0
    fresh: bool = False


def run_faults(options: SeriesOptions, as_json: bool) -> int:
    """Play what the ledger does not hold yet; returns the exit status.

    Raises:
        StackError, ServiceFailed, StoreError: the ground itself did not start.
    """
    bootstrap.logs(settings())
    for name in (signal.SIGINT, signal.SIGTERM):  # so that servers and mounts go behind either
        signal.signal(name, signal.default_int_handler)
    with _alone(settings().state_dir / "faults.lock"):
        ledger = Ledger(options.ledger or settings().state_dir / "faults.jsonl")
        if options.fresh:
            ledger.clear()
        try:
            for outcome in () if options.show else series(apart(settings()), options, ledger, _tell):
                ledger.add(outcome)
                _tell(line(outcome))
        except KeyboardInterrupt:
            _tell("Interrupted. What was played is kept; the same command goes on behind it.")
            return INTERRUPTED
    wanted = {fault.name for fault in options.faults}
    outcomes = [outcome for outcome in ledger.outcomes if outcome.fault in wanted]
    done = report("faults", figures(outcomes, options.times))
    if as_json:
        sys.stdout.write(done.json() + "\n")
    else:
        Console(highlight=False).print(table(outcomes))
    return done.status


def _tell(text: str) -> None:
    err.print(text, markup=False, soft_wrap=True)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One series at a time on one state folder.

    Raises:
        StackError: another one is going on.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StackError(f"another `ringwatch bench faults` holds {path}; wait for it, or stop it") from None
        yield


def series(chosen: Settings, options: SeriesOptions, ledger: Ledger, tell: Echo) -> Iterator[Outcome]:
    """The outcomes still wanted, round by round; each round begins with servers made anew.

    So does what comes behind an outcome that is not good: it would find the same differences again.
    """
    for number in range(options.first, options.times + 1):
        ground: Ground | None = None
        try:
            for fault in options.faults:
                if ledger.played(fault.name, number):
                    continue
                if ground is None:
                    tell(f"round {number} of {options.times}")
                    ground = Ground(chosen, options.per_s, tell).start()
                    check = Check(ground)
                outcome = play(ground, check, fault, number)
                yield outcome
                if not outcome.good:
                    tell(f"  the logs are kept in {ground.keep_logs(f'{fault.name}-{number}')}")
                    ground.stop()
                    ground = None
        finally:
            if ground is not None:
                ground.stop()


def line(outcome: Outcome) -> str:
    """One outcome, as it is told while the series goes on."""
    named = f"{outcome.fault} {outcome.time}:"
    if outcome.failed:
        return f"{named} failed: {outcome.failed}"
    seconds = "not recovered in time" if outcome.recover_s is None else f"recovered in {outcome.recover_s:.1f} s"
    marks = [outcome.how, f"stack status said {outcome.state}" if outcome.state else ""]
    after = f"after {outcome.held_s:.0f} s"
    behind = after if outcome.behind is None else f"{outcome.behind} events behind {after}"
    told = [f"lost {outcome.lost}", f"duplicated {outcome.duplicated}", seconds, behind, *filter(None, marks)]
    return f"{named} {', '.join(told)}" + "".join(f"\n  {example[:300]}" for example in outcome.examples)
