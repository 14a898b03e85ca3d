"""Lengths of time as people type them."""

from __future__ import annotations

import typer


def seconds(text: str | None) -> float | None:
    """60s, 5m, 1h, 2d or a plain number of seconds.

    Raises:
        typer.BadParameter: none of these.
    """
    if text is None:
        return None
    units = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
    number, unit = (text[:-1], units[text[-1]]) if text[-1:] in units else (text, 1)
    try:
        read = float(number) * unit
    except ValueError:
        read = 0.0
    if not 0 < read < 1e7:
        raise typer.BadParameter(f"{text!r} is no length of time; write 60s, 5m, 1h or 2d")
    return read
