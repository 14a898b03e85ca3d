"""Columns that a table's rules name and its flat files lack."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from graph.mapping_rules import TableRule
from graph.mapping_uses import uses
from graph.toml_lines import Loc


def lacks(rule: TableRule, headers: Sequence[Sequence[str]]) -> Iterator[tuple[Loc, str]]:
    """Where each such column is named, below the table, and what to do."""
    file = rule.file
    if file is None:
        return
    there = set(headers[0]).intersection(*headers[1:])
    made = file.add.keys() | file.lookup.keys()
    named = [(use.loc, use.column) for use in uses(rule) if use.column not in made]
    named += [(("file", "lookup", name), lookup.own) for name, lookup in file.lookup.items()]
    for loc, column in named:
        if column not in there:
            near = get_close_matches(column, there, 1)
            meant = f"; is {near[0]!r} meant?" if near else f" (it has {', '.join(sorted(there))})"
            yield loc, f"names column {column!r}, which the file lacks{meant}"
