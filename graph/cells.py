"""What the rules of a mapping read off one row: ids of several columns, conditions, verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from string import Formatter

from graph.columns import CENTURY_MS, ID_LIMIT, column, identifier, key_text, shown, typed
from graph.mapping_rules import DelayColumn, LabelRule, Verdict, cell_text
from graph.mapping_verdicts import delay_all_ms
from graph.times import moment_ms
from ingest.events import Reject, Row


def key_of(names: Sequence[str], row: Row) -> str:
    """The key's cells as one text.

    Raises:
        Reject: one is missing or no identifier.
    """
    return key_text([identifier(column(row, name), name) for name in names])


@cache
def template_parts(template: str) -> tuple[tuple[str, str | None], ...]:
    """(constant text, column behind it) pairs."""
    if "{" not in template:
        return (("", template),)
    return tuple((text, name) for text, name, _, _ in Formatter().parse(template))


def constant_free(template: str) -> str | None:
    """The column a template is, where it is nothing else."""
    parts = template_parts(template)
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
    for text, name in template_parts(template):
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
    for name in (name for _, name in template_parts(template) if name):
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


def verdict(rule: Verdict, row: Row, needed: bool = True) -> bool | None:
    """Fraud or not; None where the row does not say.

    Raises:
        Reject: the column is missing, holds neither, or is NULL though it is `needed` (a truth column only).
    """
    if rule.column is None:
        return rule.value
    value = column(row, rule.column)
    if not rule.worded:
        if value is None and needed:
            raise Reject(f"column {rule.column!r} is NULL, but a report says fraud or not")
        return None if value is None else bool(typed(value, "bool", 0, rule.column))
    said = None if value is None else cell_text(value)
    if said is None or said in rule.unknown:
        return None
    if said in rule.fraud or said in rule.legit:
        return said in rule.fraud
    known = [*rule.fraud, *rule.legit, *rule.unknown]
    raise Reject(f"column {rule.column!r} holds {shown(value)}, expected one of {known}")


def label_known_ms(rule: LabelRule, row: Row, event_ms: int | None) -> int | None:
    """When the bank knew: its delay after the report, or after the event of this row, at `event_ms`, where the report
    has no time. None where the row's own delay is NULL.

    Raises:
        Reject: a column is missing, no time, or no delay; or a report on another row's event has no time.
    """
    time = rule.reported
    if event_ms is not None and (time is None or (time.column and column(row, time.column) is None)):
        since_ms = event_ms
    else:
        assert time is not None  # the format asks for it where the event is another row's
        since_ms = moment_ms(time, row)
    if not isinstance(rule.delay, DelayColumn):
        return since_ms + delay_all_ms(rule.delay)
    value = column(row, rule.delay.column)
    units = typed(value, "number", 0, rule.delay.column)
    if units is None:
        return None
    after_ms = float(units) * rule.delay.unit_ms
    if not 0 <= after_ms <= CENTURY_MS:
        name = rule.delay.column
        raise Reject(f"column {name!r} holds {shown(value)}, expected a delay in {rule.delay.unit}, up to a century")
    return since_ms + round(after_ms)
