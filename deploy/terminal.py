"""What a demo shows in the terminal: where the page is, and one line that moves."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from deploy import bootstrap
from deploy.config import settings
from deploy.embedded import Demo, DemoOptions

LINE_EVERY_S = 5.0  # where the output is no terminal: a file or CI

err = Console(stderr=True, highlight=False)


def line(status: dict[str, Any], alerts: int) -> str:
    """The progress line."""
    parts = []
    if "sim_time" in status:
        parts.append(f"bank time {status['sim_time']}")
    if "changes_per_s" in status:
        parts.append(f"{status['changes_per_s']:,.0f} changes/s")
    if "scored_per_s" in status:
        parts.append(f"{status['scored_per_s']:,.0f} scored/s")
    if "p50_ms" in status:
        parts.append(f"commit → alert table p50 {status['p50_ms']:,.0f} ms, p99 {status['p99_ms']:,.0f} ms")
    parts.append(f"alerts {alerts:,}")
    return " · ".join(parts)


class Ticker:
    """Shows the line: in place on a terminal, else every few seconds."""

    def __init__(self) -> None:
        self._live = Live(Text(""), console=err, refresh_per_second=4, transient=False) if err.is_terminal else None
        self._last_s = 0.0

    def __enter__(self) -> Ticker:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, text: str) -> None:
        """The line as it is now."""
        if self._live is not None:
            self._live.update(Text(text, style="dim", overflow="ellipsis", no_wrap=True))
        elif time.monotonic() - self._last_s >= LINE_EVERY_S:
            self._last_s = time.monotonic()
            err.print(text)


def greeting(url: str, token: str) -> None:
    """Where to look."""
    err.print(f"[bold]Ringwatch[/bold] is watching the demo bank. Open [bold]{url}/login?token={token}[/bold]")
    err.print(f"(the page is {url}; the analyst token of this run is {token})   Ctrl-C ends it.")


def run_demo(options: DemoOptions, as_json: bool) -> int:
    """The embedded demo; returns the exit status."""
    bootstrap.logs(settings())
    demo = Demo(settings(), options)
    with Ticker() as ticker:

        def tick(running: Demo) -> None:
            status = running.status()
            text = line(status, running.progress.alerts)
            ticker.show(text if running.progress.live_s else f"reading {options.history_days} days of history … {text}")

        report = asyncio.run(demo.run(tick, lambda running: greeting(running.progress.url, running.token)))
    if as_json:
        sys.stdout.write(report.json() + "\n")
    else:
        figures = {figure.name: figure.value for figure in report.figures}
        err.print(
            f"Ended: {figures['changes']:,.0f} changes, {figures['scored']:,.0f} events scored, "
            f"{figures['alerts']:,.0f} alerts."
        )
    return report.status if options.for_s else 0
