"""What a long training shows on standard error: on a terminal a bar that moves, elsewhere a line now and then."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from scoring.telling import Told

LINE_EVERY_S = 5.0  # of what runs now, where there is no terminal: a file or CI


class Shown:
    """Lines that stay, and below them what runs now."""

    def __init__(self, plain: bool = False, console: Console | None = None) -> None:
        """`plain` asks for lines on a terminal too."""
        self._console = console or Console(stderr=True, highlight=False)
        self._bar: Progress | None = None
        if self._console.is_terminal and not plain:
            columns = (BarColumn(20), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._bar.add_task("", total=None)
        self._last_s = -LINE_EVERY_S

    @property
    def told(self) -> Told:
        """Whom a run tells."""
        return Told(self.say, self.at)

    def say(self, line: str) -> None:
        """A line that stays."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def at(self, text: str, done: float) -> None:
        """What runs now, and which share of the whole is done."""
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], description=text, completed=done, total=1.0 if done else None)
        elif time.monotonic() - self._last_s >= LINE_EVERY_S:
            self._last_s = time.monotonic()
            self.say(text)

    def __enter__(self) -> Shown:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
