"""What a demo shows in the terminal: where the page is, and one line that moves."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import time
from functools import partial
from types import FrameType
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from deploy import bootstrap
from deploy.config import settings
from deploy.embedded import FIRST_ALERT_S, Demo, DemoOptions
from deploy.figures import Report, figure
from deploy.figures import report as make_report
from deploy.observer import Observer
from deploy.onstack import OnStack, StackOptions

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
            err.print(text, soft_wrap=True)


def greeting(url: str, token: str, link: str = "", curl: str = "") -> None:
    """Where to look."""
    say = partial(err.print, soft_wrap=True)
    say("[bold]Ringwatch[/bold] is watching the demo bank.")
    if link:
        say(f"  Open [bold]{link}[/bold] (works once)")
        say(f"  or {url} and sign in with this run's analyst token: {token}")
    else:
        say(f"  Open [bold]{url}[/bold] and sign in with this run's analyst token: [bold]{token}[/bold]")
    if curl:
        say(f"  Ask about a transfer before it is committed (docs/decide.md):\n  {curl}", markup=False)
    say("Ctrl-C ends it.")


def run_demo(options: DemoOptions, as_json: bool) -> int:
    """The embedded demo; returns the exit status."""
    bootstrap.logs(settings())
    demo = Demo(settings(), options)
    with Ticker() as ticker:

        def tick(running: Demo) -> None:
            status = running.status()
            text = line(status, running.progress.alerts)
            if not running.live_s:
                loading = "loading (where nothing is compiled yet: half a minute, once)"
                text = f"{f'reading {options.history_days} days of history' if running.worker else loading} … {text}"
            ticker.show(text)

        def started(running: Demo) -> None:
            curl = running.deciding.curl(running.progress.decide_url) if running.deciding else ""
            greeting(running.progress.url, running.token, running.progress.link, curl)

        report = asyncio.run(demo.run(tick, started))
    if as_json:
        sys.stdout.write(report.json() + "\n")
    else:
        figures = {figure.name: figure.value for figure in report.figures}
        err.print(
            f"Ended: {figures['changes']:,.0f} changes, {figures['scored']:,.0f} events scored, "
            f"{figures['alerts']:,.0f} alerts."
        )
    return report.status if options.for_s else 0


def run_on_stack(options: StackOptions, as_json: bool) -> int:
    """The demo on real servers; returns the exit status."""
    bootstrap.logs(settings())
    running = OnStack(settings(), options, lambda text: err.print(text, markup=False))
    stop = threading.Event()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    observer: Observer | None = None
    started_s = time.monotonic()
    try:
        running.start()
        at = bootstrap.connections(settings())
        observer = Observer(at.kafka_bootstrap, bootstrap.mapping(settings()), running.url, running.token)
        observer.start()
        greeting(running.url, running.token)
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, partial(_stop, stop))
        report = _replayed(running, observer, options, stop, started_s)
    except KeyboardInterrupt:
        err.print("Interrupted. What was started of the servers is still up: ringwatch stack down.")
        return 130
    finally:
        if observer is not None:
            observer.stop()
        running.stop()
    if as_json:
        sys.stdout.write(report.json() + "\n")
    err.print("Ended. The servers are still up: ringwatch stack status, ringwatch stack down.")
    return report.status if options.for_s else 0


def _stop(stop: threading.Event, signum: int, frame: FrameType | None) -> None:
    """Finish in order on the first signal, at once on the second."""
    if stop.is_set():
        raise KeyboardInterrupt
    stop.set()


def _replayed(
    running: OnStack, observer: Observer, options: StackOptions, stop: threading.Event, started_s: float
) -> Report:
    """Replay a second at a time, showing the line, until stopped or the time is up."""
    live_s, first_alert_s = time.monotonic(), None
    with Ticker() as ticker:
        while not stop.is_set() and (options.for_s is None or time.monotonic() - live_s < options.for_s):
            running.replay(options.per_s, 0.5, stop.is_set, observer.sent)
            running.watch()
            if first_alert_s is None and observer.stages["sse"].count:
                first_alert_s = time.monotonic() - live_s
            ticker.show(_stack_line(running, observer, time.monotonic() - live_s))
    lost = observer.drain(30.0)
    elapsed_s = time.monotonic() - live_s
    figures = [
        figure("first_alert_s", first_alert_s if first_alert_s is not None else 1e9, "s", FIRST_ALERT_S),
        figure("alerts", observer.stages["sse"].count, "alerts", 1, "higher"),
        figure("changes", running.written, "changes", 1, "higher"),
        figure("scored", observer.stages["score"].count, "events", 1, "higher"),
        figure("scored_per_s", observer.stages["score"].count / elapsed_s, "events/s", None, "higher"),
        figure("start_s", live_s - started_s, "s"),
        figure("lost", sum(lost.values()), "events", 0),
    ]
    for stage, found in observer.stages.items():
        figures += found.figures(stage, options.per_s)
    return make_report("demo-stack", figures)


def _stack_line(running: OnStack, observer: Observer, live_s: float) -> str:
    status: dict[str, Any] = {"sim_time": running.sim_time(), "changes_per_s": running.written / live_s}
    status["scored_per_s"] = observer.stages["score"].count / live_s
    p50, p99 = observer.stages["score"].percentile(50), observer.stages["score"].percentile(99)
    if p50 is not None and p99 is not None:
        status |= {"p50_ms": p50, "p99_ms": p99}
    return line(status, observer.stages["sse"].count).replace("commit → alert table", "commit → score")
