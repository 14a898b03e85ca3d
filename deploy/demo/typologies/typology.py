"""What a kind of fraud is to the simulator, and the register of them."""

from __future__ import annotations

from random import Random
from typing import Protocol, TypeVar

from deploy.demo.actions import Action
from deploy.demo.world import World


class Typology(Protocol):
    """One kind of fraud.

    Attributes:
        name: as it stands in the truth file.
        share: its share of all fraud events, relative to the others' shares.
    """

    name: str
    share: float

    def plan(self, world: World, rng: Random, start_ms: int) -> list[Action]:
        """One episode: actions at or after `start_ms`, in any order, its fraud events marked `fraud`.

        What is to be remembered between episodes goes into `world.underworld`, so that two banks in
        one process don't share it.
        """
        ...


registered: dict[str, Typology] = {}
Kind = TypeVar("Kind", bound=type)


def register(kind: Kind) -> Kind:
    """Class decorator: make the typology known under its name.

    Raises:
        ValueError: another one has this name.
    """
    typology: Typology = kind()
    if typology.name in registered and type(registered[typology.name]).__qualname__ != kind.__qualname__:
        raise ValueError(f"two typologies are named {typology.name!r}: give {kind.__qualname__} another name")
    registered[typology.name] = typology
    return kind
