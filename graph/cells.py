"""What the rules of a mapping read off one row: ids of several columns, conditions, verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from string import Formatter

from graph.columns import ID_LIMIT, column, identifier, key_text, shown, typed
from graph.mapping_rules import Verdict, cell_text
from ingest.events import Reject, Row


def key_of(names: Sequence[str], row: Row) -> str:
    """The key's cells as one text.

    Raises:
        Reject: one is missing or no identifier.
    """
    return key_text([identifier(column(row, name), name) for name in names])


@cache
def _parts(template: str) -> tuple[tuple[str, str | None], ...]:
    """(constant text, column behind it) pairs."""
    if "{" not in template:
        return (("", template),)
    return tuple((text, name) for text, name, _, _ in Formatter().parse(template))


def constant_free(template: str) -> str | None:
    """The column a template is, where it is nothing else."""
    parts = _parts(template)
    return parts[0][1] if len(parts) == 1 and parts[0][0] == "" else None


def id_text(template: str, row: Row) -> str | None:
    """A column, or text with columns in braces; None where one of them is NULL or empty.

    Raises:
        Reject: a column is missing, no text or whole number, or the id is too long.
    """
    if (only := constant_free(template)) is not None:
        value = column(row, only)
        return None if value is None or value == "" else identifier(value, only)
    made = ""
    for text, name in _parts(template):
        made += text
        if name is None:
            continue
        value = column(row, name)
        if value is None or value == "":
            return None
        made += identifier(value, name)
    if len(made) > ID_LIMIT:
        raise Reject(f"{template!r} makes {len(made)} characters, an identifier has 1 to {ID_LIMIT}")
    return made


def row_id(template: str, row: Row) -> str:
    """The id of the node a row is.

    Raises:
        Reject: it has none.
    """
    made = id_text(template, row)
    if made is None:
        raise Reject(f"{template!r} is NULL or empty, but the row is a node and needs its id")
    return made


def contact_text(template: str, row: Row) -> str | None:
    """The same for a contact, whose value no message repeats."""
    for name in (name for _, name in _parts(template) if name):
        value = column(row, name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, str | int)):
            raise Reject(f"column {name!r} holds no text, expected a contact")
    return id_text(template, row)


def holds(when: Mapping[str, Sequence[str]], row: Row) -> bool:
    """Whether each column holds one of its values; NULL is none of them.

    Raises:
        Reject: a column is missing.
    """
    cells = ((column(row, name), values) for name, values in when.items())
    return all(cell is not None and cell_text(cell) in values for cell, values in cells)


def verdict(rule: Verdict, row: Row) -> bool | None:
    """Fraud or not; None where the row does not say.

    Raises:
        Reject: the column is missing, or holds neither.
    """
    value = column(row, rule.column)
    if not rule.fraud:
        if value is None:
            raise Reject(f"column {rule.column!r} is NULL, but a report says fraud or not")
        return bool(typed(value, "bool", 0, rule.column))
    said = None if value is None else cell_text(value)
    if said is None or said in rule.unknown:
        return None
    if said in rule.fraud or said in rule.legit:
        return said in rule.fraud
    known = [*rule.fraud, *rule.legit, *rule.unknown]
    raise Reject(f"column {rule.column!r} holds {shown(value)}, expected one of {known}")
