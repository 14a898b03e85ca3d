"""The small values of a rules file: names, lengths of time, strengths, sentences with places in braces."""

from __future__ import annotations

import re
from collections.abc import Collection
from string import Formatter
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from graph.mapping_fields import IDENTIFIER

LENGTH = re.compile(r"(\d{1,5}) ?(s|m|h|d)")
LENGTHS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
KINDS = ("transfer", "login", "connect", "modify", "owns")  # words that stand for what the bank calls them


class Part(BaseModel):
    """A part of a rules file: no field that the format does not know, nothing converted silently."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, str_strip_whitespace=True)


def length_ms(text: object) -> int:
    """`24h` in milliseconds.

    Raises:
        ValueError: it is no length of time.
    """
    found = LENGTH.fullmatch(text) if isinstance(text, str) else None
    if found is None or not int(found[1]):
        raise ValueError(f'is {text!r}: expected a number and s, m, h or d in quotes, as in "30m" or "24h"')
    return int(found[1]) * LENGTHS_MS[found[2]]


def tupled(value: object) -> object:
    """A TOML array as what can't be changed."""
    return tuple(value) if isinstance(value, list) else value


def _some(value: object) -> object:
    return tupled([value] if isinstance(value, str) else value)


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError(f"is {text!r}: expected one line of text")
    return text


def misplaced(text: str, places: Collection[str]) -> str | None:
    """What is wrong with a sentence's braces; None where each holds one of these places."""
    try:
        parts = list(Formatter().parse(text))
    except ValueError as error:
        return f"is {text!r}: {error}"
    have = ", ".join(f"{{{place}}}" for place in sorted(places))
    for _, name, form, turned in parts:
        if name is not None and (name not in places or form or turned):
            return f"is {text!r}: {{{name}}} is no place of this kind; it has {have}"
    return None


Name = Annotated[str, Field(pattern=IDENTIFIER)]
Relations = Annotated[tuple[Name, ...], BeforeValidator(_some, json_schema_input_type=str | list[str])]
Length = Annotated[int, BeforeValidator(length_ms, json_schema_input_type=str)]  # held in milliseconds
Strength = Annotated[float, Field(gt=0, le=1)]
Count = Annotated[int, Field(ge=1, le=1_000_000_000_000)]
Text = Annotated[str, Field(min_length=1, max_length=300), AfterValidator(_printable)]
End = Literal["source", "target", "user"]
Way = Literal["out", "in"]


class Names(Part):
    """What the bank calls its relations, and the attributes that hold an amount (minor units) and the rest.

    A rule that says `transfer` means what stands here; a word that is none of these is the bank's own.
    """

    transfer: Name = "TRANSFER"
    login: Name = "LOGIN"
    connect: Name = "CONNECT"
    modify: Name = "MODIFY"
    owns: Name = "OWNS"
    amount: Name = "amount"
    currency: Name = "currency"
    field: Name = "field"

    def relation(self, word: str) -> str:
        """What the bank calls it."""
        return str(getattr(self, word)) if word in KINDS else word

    def word(self, relation: str) -> str:
        """The other way round; a relation without a word here stands for itself."""
        return next((word for word in KINDS if getattr(self, word) == relation), relation)
