"""Ids of nodes and keys of the rows behind them: the id is a template of all the key's columns, each once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from graph.cells import template_parts
from graph.columns import key_text

MOST_KEYS = 1_000  # of one id: a template without separators may be cut anywhere

Parts = Sequence[tuple[str, str | None]]


def id_of(template: str, columns: Sequence[str], cells: Sequence[str]) -> str | None:
    """The id of the node that a row with this key is; None where these are no cells of such a key."""
    if len(cells) != len(columns) or not all(cells):
        return None
    of = dict(zip(columns, cells, strict=True))
    return "".join(text + (of[name] if name else "") for text, name in template_parts(template))


def keys_of(template: str, columns: Sequence[str], id: str) -> list[str]:
    """The texts of the keys whose row would have this id, MOST_KEYS of them at most; none where no row can."""
    ways = islice(_ways(template_parts(template), id), MOST_KEYS)
    return [key_text([way[name] for name in columns]) for way in ways]


def _ways(parts: Parts, id: str) -> Iterator[dict[str, str]]:
    """Every way in which the columns of a template, none of them empty, make up an id."""
    if not parts:
        if not id:
            yield {}
        return
    (text, name), rest = parts[0], parts[1:]
    if not id.startswith(text):
        return
    at = len(text)
    if name is None:
        yield from _ways(rest, id[at:])
        return
    following = rest[0][0] if rest else ""
    for end in range(at + 1, len(id) + 1) if rest else [len(id)]:
        if end > at and id.startswith(following, end):
            for way in _ways(rest, id[end:]):
                yield {name: id[at:end], **way}
