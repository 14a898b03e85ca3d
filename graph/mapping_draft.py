"""A mapping proposed from tables: what is declared is taken, the rest is guessed and says so.

Entities are tables that others refer to; events are rows with a time that join two things. What each guess
was, and what is left to decide, stands beside it as a comment.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from graph.draft_guess import Drafted, End, label_of, read_tables, relation_of
from graph.known_tables import KnownColumn, Tables
from graph.mapping_rules import IDENTIFIER

ALWAYS = "1970-01-01"


def draft(tables: Tables, source: str = "bank") -> str:
    """The mapping's TOML. It passes the checks; whether it is a good graph is for the bank to say."""
    drafted = read_tables(tables)
    mapped = [table for table in drafted if table.maps]
    left = sorted(table.name for table in drafted if not table.maps and re.fullmatch(IDENTIFIER, table.name))
    lines = [
        "# Drafted by `ringwatch mapping draft`. Lines with GUESS were inferred from names and types; lines with",
        "# DECIDE ask something only the bank knows. Check it with `ringwatch mapping check`.",
        "",
        f"source = {_text(source)}  # DECIDE the connector's name",
    ]
    if left:
        lines.append(f"ignore = [{', '.join(map(_text, left))}]  # DECIDE whether one of these says who did what")
    lines += [f"# left out, no name a mapping takes: {t.name!r}" for t in drafted if not t.nameable]
    for table in mapped:
        lines += ["", *_table(table)]
    return "\n".join(lines) + "\n"


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _table(table: Drafted) -> Iterator[str]:
    yield f"[tables.{table.name}]"
    if table.known.key:
        yield f"key = [{', '.join(map(_text, table.known.key))}]"
    else:
        yield "# no key was found: rows are numbered"
    if table.known.file:
        yield f"file = {{ {', '.join(f'{k} = {_text(v)}' for k, v in table.known.file.items())} }}"
    if table.node:
        yield from _node(table)
    for end in table.parents:
        yield from _edge(table, end, table.itself, relation_of(table, end), event=False)
    for number, (source, target) in enumerate(table.joins):
        relation = relation_of(table, None if number == 0 else target)
        yield from _edge(table, source, target, relation, event=number == 0 and table.event)
    for end in table.contacts:
        yield from _contact(table, end)
    if table.truth:
        yield from _label(table)


def _node(table: Drafted) -> Iterator[str]:
    yield f"\n[[tables.{table.name}.nodes]]"
    yield f"label = {_text(table.label)}  # GUESS from the table's name"
    yield f"id = {_text(table.known.key[0])}"
    if found := [f"{_name(name)} = {_property(name, known)}" for name, known in table.attributes() if not table.joins]:
        yield f"\n[tables.{table.name}.nodes.properties]  # DECIDE what an analyst should see"
        yield from found


def _edge(table: Drafted, source: End, target: End, relation: str, event: bool) -> Iterator[str]:
    yield f"\n[[tables.{table.name}.edges]]"
    names = source if table.node and target == table.itself else target
    yield f"role = {_text(_name(names.column).lower())}"
    yield f"relation = {_text(relation)}  # DECIDE its name and direction"
    yield _end("source", source)
    yield _end("target", target)
    yield from _time(table)
    if event:
        yield "event = true  # GUESS: each one asks for a score"
        if found := [f"{_name(name)} = {_property(name, known)}" for name, known in table.attributes()]:
            yield f"\n[tables.{table.name}.edges.attributes]  # DECIDE what a model should read"
            yield from found


def _end(name: str, end: End) -> str:
    hashed = f", hash = {_text(end.hash)}" if end.hash else ""
    note = "  # GUESS" if end.guessed else ""
    return f"{name} = {{ label = {_text(end.label)}, id = {_text(end.column)}{hashed} }}{note}"


def _time(table: Drafted) -> Iterator[str]:
    if table.time is None:
        yield f"time = {{ value = {_text(ALWAYS)} }}  # DECIDE since when: no column says it, so it counts from ever"
        return
    known = table.known.columns[table.time]
    others = [name for name in table.times if name != table.time]
    note = f"  # GUESS among {', '.join([table.time, *others])}" if others else ""
    if "%" in known.unit:
        yield f"time = {{ column = {_text(table.time)}, format = {_text(known.unit)} }}{note}"
    elif known.unit:
        yield f"time = {{ column = {_text(table.time)}, unit = {_text(known.unit)} }}{note}"
    else:
        yield f"time = {_text(table.time)}{note}"


def _contact(table: Drafted, end: End) -> Iterator[str]:
    """A contact of the row's node, hashed."""
    yield from _edge(table, table.itself, end, f"{label_of(table.name).upper()}_CONTACT", event=False)


def _property(name: str, known: KnownColumn) -> str:
    if known.kind == "text":
        return f'{{ column = {_text(name)}, type = "category" }}'
    scale = f", scale = {min(known.scale, 9)}" if known.kind == "decimal" else ""
    return f"{{ column = {_text(name)}, type = {_text(known.kind)}{scale} }}"


def _name(column: str) -> str:
    """A column as a name the format takes; `id` and `time` are the edge's own."""
    made = re.sub(r"\W", "_", column, flags=re.ASCII)[:60]
    made = made if made[:1].isalpha() else f"c_{made}"
    return f"{made}_" if made in ("id", "time") else made


def _label(table: Drafted) -> Iterator[str]:
    truth, event = table.truth, table.reports
    assert truth is not None
    yield f"\n[[tables.{table.name}.labels]]"
    if event is not None:
        if several := [name for name in table.known.columns if name.endswith("table")]:
            yield f"# DECIDE: {several[0]} may name several tables; then give table_column and a role for each"
        roles = f"{{ {event[1]} = {_text(event[2])} }}"
        yield f"event = {{ table = {_text(event[1])}, key = {_text(event[0])}, roles = {roles} }}  # GUESS"
        yield from (line.replace("time =", "reported =", 1) for line in _time(table))
    else:
        yield f"of = {_text(_name(table.joins[0][1].column).lower())}"
        index = table.time is not None and table.known.columns[table.time].unit == "order"
        yield f'delay = "{"1000 rows" if index else "7d"}"  # DECIDE how long after the event the bank learns of it'
    known = table.known.columns[truth]
    if known.kind == "bool" or (known.kind == "integer" and not known.words):
        yield f"fraud = {_text(truth)}  # GUESS"
    else:
        yield f"fraud = {_verdict(truth, known.words)}  # GUESS: DECIDE which value says what"


def _verdict(column: str, words: tuple[str, ...]) -> str:
    fraud = [word for word in words if re.fullmatch(r"1|y|yes|true|fraud.*", word, re.IGNORECASE)] or ["fraud"]
    legit = [w for w in words if re.fullmatch(r"0|n|no|false|legit.*|ok|genuine|normal", w, re.IGNORECASE)] or ["legit"]
    rest = [word for word in words if word not in (*fraud, *legit)]
    unknown = f", unknown = [{', '.join(map(_text, rest))}]" if rest else ""
    said = f"fraud = [{', '.join(map(_text, fraud))}], legit = [{', '.join(map(_text, legit))}]"
    return f"{{ column = {_text(column)}, {said}{unknown} }}"
