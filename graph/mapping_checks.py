"""What one field of a mapping alone can't show: names used twice, roles that are none, keys that do not fit."""

from __future__ import annotations

from collections.abc import Iterator

from graph.mapping_rules import EdgeRule, LabelRule, MappingFile, TableRule, TimeColumn, columns_in
from graph.mapping_verdicts import in_rows
from graph.toml_file import Problem as Problem
from graph.toml_lines import Loc
from ingest.events import RESERVED_SOURCE, RESERVED_TABLE


def cross_checks(mapping: MappingFile) -> list[Problem]:
    """What one field alone can't show."""
    return [
        *_table_problems(mapping),
        *_role_problems(mapping),
        *_node_problems(mapping),
        *_edge_problems(mapping),
        *_label_problems(mapping),
        *_own_label_problems(mapping),
        *_file_problems(mapping),
    ]


def _table_problems(mapping: MappingFile) -> Iterator[Problem]:
    if mapping.source == RESERVED_SOURCE:
        yield ("source",), f"is {RESERVED_SOURCE!r}, Ringwatch's own source; name the connector differently"
    for name, rule in mapping.tables.items():
        if name == RESERVED_TABLE:
            yield ("tables", name), "is Ringwatch's own table of analysts' decisions; it can't be mapped"
        if not rule.key and rule.file is None:
            yield ("tables", name, "key"), "is missing; only a table of a flat file may go without (rows are numbered)"
        if name in mapping.ignore:
            yield ("tables", name), "is named under ignore too; leave it out of one of the two"


def _role_problems(mapping: MappingFile) -> Iterator[Problem]:
    for name, table in mapping.tables.items():
        roles = [*(edge.role for edge in table.edges), *(label.role for label in table.labels)]
        places = [*(("edges", i) for i in range(len(table.edges))), *(("labels", i) for i in range(len(table.labels)))]
        for n, (role, place) in enumerate(zip(roles, places, strict=True)):
            if role in roles[:n]:
                yield ("tables", name, *place, "role"), f"{role!r} is used twice in this table"


def _node_problems(mapping: MappingFile) -> Iterator[Problem]:
    owned: dict[tuple[str, str], str] = {}
    for name, table in mapping.tables.items():
        labels = [node.label for node in table.nodes]
        for i, node in enumerate(table.nodes):
            at: Loc = ("tables", name, "nodes", i)
            if sorted(columns_in(node.id)) != sorted(table.key):
                yield (
                    (*at, "id"),
                    (
                        f"is {node.id!r}, but a node with properties is identified by its table's key "
                        f"{table.key or '(none)'}: "
                        "two rows would overwrite each other's properties"
                    ),
                )
            if labels.count(node.label) > 1:
                yield (*at, "label"), f"{node.label!r} is used twice in this table; join the two rules"
            for prop in node.properties:
                if prop == "id":
                    yield (*at, "properties", prop), "is the node's identity; name the property differently"
                elif owned.setdefault((node.label, prop), name) != name:
                    other = owned[node.label, prop]
                    yield (*at, "properties", prop), f"of {node.label} is given by table {other!r}; one table owns it"


def _edge_problems(mapping: MappingFile) -> Iterator[Problem]:
    ends: dict[str, tuple[str, str]] = {}
    for name, table in mapping.tables.items():
        for i, edge in enumerate(table.edges):
            at: Loc = ("tables", name, "edges", i)
            pair = (edge.source.label, edge.target.label)
            if ends.setdefault(edge.relation, pair) != pair:
                yield (
                    (*at, "relation"),
                    (
                        f"{edge.relation!r} joins {' to '.join(pair)} here and {' to '.join(ends[edge.relation])} "
                        "elsewhere; name it differently"
                    ),
                )
            if edge.event and edge.time.column is None:
                yield (*at, "time"), "is the same for every row, but an event needs its own; name a column"
            for taken in {"id", "time"} & edge.attributes.keys():
                yield (*at, "attributes", taken), f"is what every edge's {taken} is called; name it differently"


def _label_problems(mapping: MappingFile) -> Iterator[Problem]:
    for name, table in mapping.tables.items():
        for i, rule in enumerate(table.labels):
            for target, role in (rule.event.roles if rule.event else {}).items():
                yield from _key_problems(("tables", name, "labels", i, "event"), rule, mapping, target)
                edges = mapping.tables[target].edges if target in mapping.tables else []
                events = [edge.role for edge in edges if edge.event]
                if role not in events:
                    at: Loc = ("tables", name, "labels", i, "event", "roles", target)
                    yield at, f"names {role!r}, but table {target!r} has the events {events or 'none'}"


def _key_problems(at: Loc, rule: LabelRule, mapping: MappingFile, name: str) -> Iterator[Problem]:
    """A report names an event by the whole key of its table, or it names none."""
    given, target = rule.event.key if rule.event else [], mapping.tables.get(name)
    if target is None:
        return
    if not target.key:
        yield at, f"speaks of table {name!r}, whose rows are numbered; give it a key"
    elif len(given) != len(target.key):
        number = f"{len(given)} column{'s' * (len(given) != 1)} ({', '.join(given)})"
        said = f"but the key of table {name!r} has {len(target.key)} ({', '.join(target.key)})"
        yield (*at, "key"), f"names {number}, {said}; name as many, in its order"


def _own_label_problems(mapping: MappingFile) -> Iterator[Problem]:
    """Labels that stand in the event's own row, and delays counted in rows."""
    for name, table in mapping.tables.items():
        for i, rule in enumerate(table.labels):
            at: Loc = ("tables", name, "labels", i)
            events = [edge.role for edge in table.edges if edge.event]
            if rule.of is not None and rule.of not in events:
                yield (*at, "of"), f"is {rule.of!r}, but this table has the events {events or 'none'}"
            base = since(table, rule)
            if rule.delay and base is not None and in_rows(rule.delay) != (base.unit == "order"):
                clock = "a clock; give a time (7d)" if base.unit != "order" else "an order index; give rows (1000 rows)"
                given = rule.delay if isinstance(rule.delay, str) else f"in {rule.delay.unit}"
                yield (*at, "delay"), f"is {given!r}, but {base.column or base.value!r} is {clock}"


def since(table: TableRule, rule: LabelRule) -> TimeColumn | None:
    """From when a label's delay runs: `reported`, else the time of the event it is of."""
    if rule.reported is not None:
        return rule.reported
    return next((edge.time for edge in table.edges if edge.role == rule.of), None)


def row_time(table: TableRule) -> TimeColumn | None:
    """When a row of a flat file counts as committed: as given, else its first event, edge or report."""
    if table.file is not None and table.file.time is not None:
        return table.file.time
    edges: list[EdgeRule] = sorted(table.edges, key=lambda edge: not edge.event)
    found = [edge.time for edge in edges] + [rule.reported for rule in table.labels if rule.reported]
    return found[0] if found else None


def _file_problems(mapping: MappingFile) -> Iterator[Problem]:
    for name, table in mapping.tables.items():
        if table.file is None:
            continue
        at: Loc = ("tables", name, "file")
        for column, lookup in table.file.lookup.items():
            other = mapping.tables.get(lookup.table)
            if other is None or other.file is None:
                yield (*at, "lookup", column, "table"), f"is {lookup.table!r}, which is no mapped table with a file"
        for column in table.file.add.keys() & table.file.lookup.keys():
            yield (*at, "lookup", column), "is added as a constant too; leave it out of one of the two"
        if (unit := row_time(table)) and unit.unit == "order" and unit.column in table.file.times:
            yield (*at, "times", unit.column), "has the unit 'order', which is no time"
