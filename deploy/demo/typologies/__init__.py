"""Kinds of fraud. A further one is a further file here that registers itself: see typology.py."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from deploy.demo.typologies.typology import Typology, registered

__all__ = ["Typology", "typologies"]


def typologies() -> dict[str, Typology]:
    """Every typology by name, those of all files in this folder among them."""
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
    return dict(sorted(registered.items()))
