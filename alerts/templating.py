"""Templates: everything is escaped, an unknown name is a fault."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from alerts import words


def _age(at_us: int) -> str:
    return words.age(time.time() - at_us / 1e6)


def _wall(at_us: int) -> str:
    return words.utc(at_us // 1000)


_environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters |= {"age": _age, "wall": _wall, "utc": words.utc, "iso": words.iso, "name": words.name}
_environment.filters["remark"] = words.remark
_environment.globals["facts"] = words.facts


def render(template: str, **values: Any) -> str:
    """The template as text."""
    return _environment.get_template(template).render(values)
