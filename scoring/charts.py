"""Charts as numbers in SVG's units: axes, lines, dots and bars; the template only writes them down."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

WIDTH, HEIGHT = 460, 320
LEFT, RIGHT, TOP, BOTTOM = 62, 22, 18, 48  # margins

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis: bounds in its own units (of log10, where it is logarithmic), a label, and ticks (place, text)."""

    low: float
    high: float
    label: str
    ticks: tuple[tuple[float, str], ...]

    def share(self, value: float) -> float:
        """Where on the axis, 0 to 1; what lies beyond is at its end."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a series; `path` is in SVG's units."""

    series: int
    path: str
    filled: bool = False


@dataclass(frozen=True, slots=True)
class Dot:
    """A dot, hollow where nothing was found, with a whisker from `low` to `high` where it has one."""

    series: int
    x: float
    y: float
    tip: str
    hollow: bool = False
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """What the legend names: `number` picks colour and dashes, `strong` draws it as one of ours."""

    number: int
    title: str
    strong: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart.

    Attributes:
        name: unique on the page.
        title: above it.
        says: what it shows, for those who can't see it.
        marks: vertical lines (x in SVG's units, text).
        diagonal: path of the line on which all is right, or "".
    """

    name: str
    title: str
    says: str
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    lines: tuple[Line, ...]
    dots: tuple[Dot, ...] = ()
    marks: tuple[tuple[float, str], ...] = ()
    diagonal: str = ""

    def is_strong(self, number: int) -> bool:
        """Whether a series is one of ours."""
        return any(each.strong for each in self.series if each.number == number)

    @property
    def x_ticks(self) -> list[tuple[float, str]]:
        """Ticks (place in SVG's units, text)."""
        return [(across(self.x, value), text) for value, text in self.x.ticks]

    @property
    def y_ticks(self) -> list[tuple[float, str]]:
        """Ticks (place in SVG's units, text)."""
        return [(up(self.y, value), text) for value, text in self.y.ticks]


def across(axis: Axis, value: float) -> float:
    """SVG's x of a value."""
    return round(LEFT + axis.share(value) * (WIDTH - LEFT - RIGHT), 1)


def up(axis: Axis, value: float) -> float:
    """SVG's y of a value."""
    return round(HEIGHT - BOTTOM - axis.share(value) * (HEIGHT - TOP - BOTTOM), 1)


def path(x: Axis, y: Axis, points: Iterable[Point]) -> str:
    """A line through the points."""
    return "M" + "L".join(f"{across(x, a):g},{up(y, b):g}" for a, b in points)


def stairs(x: Axis, y: Axis, edges: Sequence[float], heights: Sequence[float]) -> str:
    """The outline of a histogram that stands on the x axis: edges [N + 1], heights [N]."""
    points = [(edges[0], 0.0)]
    for left, right, height in zip(edges[:-1], edges[1:], heights, strict=True):
        points += [(left, height), (right, height)]
    return path(x, y, [*points, (edges[-1], 0.0)])


def shares(label: str, high: float = 1.0) -> Axis:
    """An axis from 0 to `high`, with five ticks or so."""
    step = next(step for step in (0.01, 0.02, 0.05, 0.1, 0.2) if high / step <= 6 or step == 0.2)
    count = int(np.ceil(high / step - 1e-9))
    ticks = tuple((place * step, f"{place * step:g}") for place in range(count + 1))
    return Axis(0.0, count * step, label, ticks)


def decades(label: str, low: int, high: int = 0) -> Axis:
    """A logarithmic axis of shares from 10^low to 10^high, a tick each decade (every second where there are many)."""
    step = 1 if high - low <= 5 else 2
    ticks = tuple((float(n), f"{100.0 * 10.0**n:g} %") for n in range(high, low - 1, -step))
    return Axis(float(low), float(high), label, ticks)
