"""The report as one HTML file: tables, curves as inline SVG, notes; nothing is loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from scoring import charts
from scoring.measured import Measured
from scoring.report import bounds, counts, gains, notes, number, title_of
from scoring.report_charts import bins, compared
from scoring.report_charts import charts as charts_of

_environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands above a report: its title, and how it was made."""

    title: str
    command: str
    version: str


def render(results: Sequence[Measured], heading: Heading) -> str:
    """The whole page."""
    parts = [_section(result) for result in results]
    size = {"width": charts.WIDTH, "height": charts.HEIGHT, "left": charts.LEFT, "right": charts.WIDTH - charts.RIGHT,
            "top": charts.TOP, "foot": charts.HEIGHT - charts.BOTTOM}  # fmt: skip
    return _environment.get_template("report.html").render(heading=heading, parts=parts, size=size)


def _section(result: Measured) -> dict[str, Any]:
    outcome = result.outcome
    return {
        "name": outcome.name,
        "counts": counts(result),
        "range": _range(result),
        "heads": [title_of(name) for name in result.figures],
        "rows": [_row(result, model) for model in outcome.said],
        "costs": bool(outcome.cost_ms),
        "gains": gains(result),
        "charts": charts_of(result),
        "bins": [(outcome.title(model), bins(result, model)) for model in compared(result)],
        "notes": notes(result),
    }


def _row(result: Measured, model: str) -> dict[str, Any]:
    outcome, cells = result.outcome, []
    for name in result.figures:
        found = result.figure(model, name)
        cells.append((number(name, found.value), bounds(name, found) if found.width else ""))
    cost = f"{outcome.cost_ms[model]:.3g}" if model in outcome.cost_ms else ""
    return {
        "title": outcome.title(model), "seeds": len(outcome.said[model]), "cells": cells, "cost": cost,
        "ours": model in outcome.ours,
    }  # fmt: skip


def _range(result: Measured) -> str:
    first, last = (datetime.fromtimestamp(int(ms) / 1000, UTC) for ms in _ends(result))
    return f"{first:%Y-%m-%d} to {last:%Y-%m-%d} (UTC, event time)"


def _ends(result: Measured) -> tuple[int, int]:
    return int(result.outcome.time_ms.min()), int(result.outcome.time_ms.max())
