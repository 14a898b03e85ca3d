"""The one format of every figure: demo, benches, evaluations print one JSON object of this form."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import version
from typing import Any, Literal

import msgspec

FELL_SHORT, COULD_NOT_RUN = 3, 2


class Beside(msgspec.Struct, frozen=True):
    """The peer or baseline measured in the same run."""

    name: str
    value: float


class Figure(msgspec.Struct, frozen=True, omit_defaults=True):
    """One measured figure. `bar` is what it has to hold, None where there is no bar."""

    name: str
    value: float
    unit: str
    bar: float | None = None
    better: Literal["lower", "higher"] = "lower"
    ok: bool = True
    beside: Beside | None = None


def figure(
    name: str, value: float, unit: str, bar: float | None = None, better: Literal["lower", "higher"] = "lower"
) -> Figure:
    """A figure, held against its bar."""
    ok = bar is None or (value <= bar if better == "lower" else value >= bar)
    return Figure(name, round(value, 3), unit, bar, better, ok)


class Report(msgspec.Struct, frozen=True):
    """What a bench prints."""

    bench: str
    version: str
    machine: dict[str, object]
    figures: list[Figure]

    @property
    def status(self) -> int:
        """Exit status: 0 when every bar holds, 3 when a figure falls short."""
        return 0 if all(figure.ok for figure in self.figures) else FELL_SHORT

    def json(self) -> str:
        """One JSON object."""
        builtins = msgspec.to_builtins(self)
        for row, found in zip(builtins["figures"], self.figures, strict=True):
            row |= {"bar": found.bar, "better": found.better, "ok": found.ok}
        return msgspec.json.format(msgspec.json.encode(builtins), indent=2).decode()


def report(bench: str, figures: list[Figure]) -> Report:
    """The figures of one run on this machine."""
    return Report(bench, version("ringwatch"), machine(), figures)


def head(bench: str, command: str) -> dict[str, Any]:
    """What the JSON of an evaluation begins with."""
    return {"bench": bench, "version": version("ringwatch"), "machine": machine(), "command": command}


def machine() -> dict[str, object]:
    """What a figure was measured on."""
    return {"cores": len(os.sched_getaffinity(0)), "cpu": _cpu(), "gpu": _gpu()}


def _gpu() -> str | None:
    """A CUDA device, where torch was loaded to compute on one."""
    torch = sys.modules.get("torch")
    return str(torch.cuda.get_device_name()) if torch is not None and torch.cuda.is_available() else None


def _cpu() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
