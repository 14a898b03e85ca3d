"""The outcomes as a table for people and as figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from rich.table import Table

from deploy.faults.ledger import Outcome
from deploy.figures import Figure, figure


@dataclass(frozen=True, slots=True)
class Row:
    """One fault: how many times, the differences of all times together, seconds to recover."""

    fault: str
    times: int
    lost: int
    duplicated: int
    failed: int
    median_s: float | None
    max_s: float | None


def rows(outcomes: Sequence[Outcome]) -> list[Row]:
    """One for each fault that was played, in the order in which they first were."""
    return [_row(name, [o for o in outcomes if o.fault == name]) for name in dict.fromkeys(o.fault for o in outcomes)]


def _row(name: str, played: list[Outcome]) -> Row:
    seconds = [outcome.recover_s for outcome in played if outcome.recover_s is not None]
    return Row(
        name,
        len(played),
        sum(outcome.lost for outcome in played),
        sum(outcome.duplicated for outcome in played),
        sum(bool(outcome.failed) or outcome.recover_s is None for outcome in played),
        median(seconds) if seconds else None,
        max(seconds, default=None),
    )


def table(outcomes: Sequence[Outcome]) -> Table:
    """For a terminal. A fault failed when it could not be played to its end or the graph did not catch up in time."""
    shown = Table(box=None, pad_edge=False)
    shown.add_column("fault")
    for name in ("times", "lost", "duplicated", "failed", "recovery s, median", "max"):
        shown.add_column(name, justify="right")
    for row in rows(outcomes):
        seconds = ["" if value is None else f"{value:.1f}" for value in (row.median_s, row.max_s)]
        shown.add_row(row.fault, *map(str, (row.times, row.lost, row.duplicated, row.failed)), *seconds)
    return shown


def figures(outcomes: Sequence[Outcome], times: int) -> list[Figure]:
    """Sums first, then each fault's; every fault has to be played `times` times."""
    found = rows(outcomes)
    sums = [
        figure("lost", sum(row.lost for row in found), "differences", 0),
        figure("duplicated", sum(row.duplicated for row in found), "differences", 0),
        figure("failed", sum(row.failed for row in found), "times", 0),
    ]
    return sums + [each for row in found for each in _figures(row, times)]


def _figures(row: Row, times: int) -> list[Figure]:
    given = [
        figure(f"times@{row.fault}", row.times, "times", times, "higher"),
        figure(f"lost@{row.fault}", row.lost, "differences", 0),
        figure(f"duplicated@{row.fault}", row.duplicated, "differences", 0),
        figure(f"failed@{row.fault}", row.failed, "times", 0),
    ]
    seconds = {"median": row.median_s, "max": row.max_s}
    return given + [figure(f"recover_{q}_s@{row.fault}", s, "s") for q, s in seconds.items() if s is not None]
