"""What tables look like to a drafter: who refers to whom, when it happened, which columns are contacts or labels."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from graph.known_tables import KnownColumn, KnownTable, Tables
from graph.mapping_rules import IDENTIFIER

CONTACTS = (
    ("phone", re.compile(r"phone|mobile|msisdn", re.I)),
    ("email", re.compile(r"e_?mail", re.I)),
    ("address", re.compile(r"^(?!.*(ip|mac)_?addr)(.*_)?(address|street|addr)$", re.I)),
)
TRUTH = re.compile(r"(^|_)(is_?)?(fraud|fraudulent|label|labels|event_label)$", re.I)
ANSWER = re.compile(r"fraud|label|scenario", re.I)  # beside the truth: tells it, or says how
NAMES = re.compile(r"(^|[_ ])(ip|ip[_ ]?addr(ess)?|device|merchant|terminal|card|iban|source|target|sender|receiver|"
                   r"payer|payee|beneficiary|location)([_ ]?id)?$|[a-z]ID$|_ID$|_id$", re.I)  # fmt: skip
PERSONAL = re.compile(r"name|birth|ssn|passport|tax|password|comment|note|memo|description|text", re.I)
NEVER = re.compile(r"birth|dob$|expir|valid_(to|until)", re.I)  # times at which nothing was done
LATER = re.compile(r"updat|modif|prev|clos", re.I)  # times that say something else
EVENT_KEY = re.compile(r"(event|transaction|transfer|payment|trans)_?id$", re.I)
SHORT_TEXT = 40  # declared characters a category has at most
ATTRIBUTES = 12  # of one edge; a mapping of more is read by nobody


@dataclass(frozen=True, slots=True)
class End:
    """A column that names a node."""

    column: str
    label: str
    hash: str = ""
    guessed: bool = True


@dataclass(slots=True)
class Drafted:
    """One table and what was made of it.

    Attributes:
        node: whether its rows are nodes, of `label`.
        parents: what a row that is a node refers to.
        joins: pairs of ends that a row joins, the first one the event's.
        truth: the column that says fraud or not.
        reports: (key column, table, role) of the event that `truth` speaks of, where that is another table's.
    """

    name: str
    known: KnownTable
    node: bool = False
    ends: list[End] = field(default_factory=list)
    parents: list[End] = field(default_factory=list)
    joins: list[tuple[End, End]] = field(default_factory=list)
    contacts: list[End] = field(default_factory=list)
    times: list[str] = field(default_factory=list)
    truth: str | None = None
    reports: tuple[str, str, str] | None = None

    @property
    def nameable(self) -> bool:
        """Whether a mapping takes its name."""
        return re.fullmatch(IDENTIFIER, self.name) is not None

    @property
    def maps(self) -> bool:
        """Whether there is a rule for it."""
        return self.nameable and bool(self.node or self.joins or self.reports)

    @property
    def label(self) -> str:
        """Of the nodes its rows are."""
        return label_of(self.name)

    @property
    def itself(self) -> End:
        """The row's own node."""
        return End(self.known.key[0], self.label, guessed=False)

    @property
    def time(self) -> str | None:
        """The time column that most likely says when it happened."""
        return self.times[0] if self.times else None

    @property
    def event(self) -> bool:
        """Whether its edges are worth a score: only what has a time can be."""
        return self.time is not None and bool(self.joins)

    def attributes(self) -> list[tuple[str, KnownColumn]]:
        """Columns left over that say something: numbers, truths, short texts."""
        ends = (*self.ends, *self.contacts)
        taken = {*self.known.key, *self.times, self.truth, *(end.column for end in ends)}
        left = [
            (name, known)
            for name, known in self.known.columns.items()
            if name not in taken and not (ANSWER.search(name) or PERSONAL.search(name) or _contact(name))
        ]
        return [each for each in left if _says_something(each[1])][:ATTRIBUTES]


def _says_something(known: KnownColumn) -> bool:
    if known.kind != "text":
        return known.kind in ("integer", "decimal", "number", "bool")
    size = re.search(r"\((\d+)\)", known.declared)
    return bool(known.words) or known.declared.startswith("enum") or (size is not None and int(size[1]) <= SHORT_TEXT)


def label_of(name: str) -> str:
    """Account for accounts, CUSTOMER_ID, DeviceID and "IP Address" as Account, Customer, Device, IP."""
    stem = re.sub(r"([a-z])ID$", r"\1", re.sub(r"[_ ]?(id|address|addr)$", "", name, flags=re.I)) or name
    words = re.findall(r"[A-Za-z0-9]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", stem))
    words[-1:] = [singular(words[-1])] if words else ["Thing"]
    made = "".join("IP" if word.lower() == "ip" else word[:1].upper() + word[1:].lower() for word in words)[:60]
    return made if made[:1].isalpha() else f"T{made}"


def singular(word: str) -> str:
    """The plain English one: accounts → account, cities → city."""
    if len(word) > 3 and word.lower().endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and re.search(r"(ss|x|ch|sh)es$", word.lower()):
        return word[:-2]
    return word[:-1] if len(word) > 3 and re.search(r"[^su]s$", word.lower()) else word


def relation_of(table: Drafted, end: End | None) -> str:
    """A relation's name: the table's, or the table's and the column's."""
    parts = [singular(table.name), *([end.column] if end is not None else [])]
    made = re.sub(r"\W+", "_", "_".join(parts), flags=re.ASCII).strip("_").upper()[:60]
    return made if made[:1].isalpha() else f"R_{made}"


def read_tables(tables: Tables) -> list[Drafted]:
    """Every table with its role in the graph, sorted by name."""
    drafted = {name: Drafted(name, tables[name]) for name in sorted(tables)}
    for table in drafted.values():
        _columns(table, tables)
    referred = {end.label for table in drafted.values() if table.truth is None for end in table.ends}
    for table in drafted.values():
        _shape(table, referred)
    for table in drafted.values():
        if table.truth is not None and not (table.joins and table.event):
            table.reports = _reported(table, drafted)
            table.truth = table.truth if table.reports else None
    return list(drafted.values())


def _columns(table: Drafted, tables: Tables) -> None:
    declared = {foreign.column: foreign.table for foreign in table.known.foreign}
    for name, known in table.known.columns.items():
        if known.kind == "virtual":
            continue
        contact = _contact(name)
        if known.kind == "time":
            if not NEVER.search(name):
                table.times.append(name)
        elif TRUTH.search(name) and name not in declared:
            table.truth = table.truth or name
        elif name in declared or (to := _refers(table, name, known, tables)):
            table.ends.append(End(name, label_of(declared.get(name) or to), guessed=name not in declared))
        elif contact and known.kind == "text":
            table.contacts.append(End(name, "Contact", contact))
        elif table.known.key != (name,) and NAMES.search(name) and known.kind in ("integer", "text"):
            table.ends.append(End(name, label_of(name)))
    table.times.sort(key=lambda name: (bool(LATER.search(name)), table.known.columns[name].nullable))


def _contact(name: str) -> str:
    """The kind of contact a column's name promises: whatever becomes of it, it is never kept in clear."""
    return next((kind for kind, pattern in CONTACTS if pattern.search(name)), "")


def _refers(table: Drafted, name: str, known: KnownColumn, tables: Tables) -> str:
    """The table a column names by its name alone: accounts for account_id, src_account and a key of that name."""
    if known.kind not in ("integer", "text"):
        return ""
    for other, found in tables.items():
        if other == table.name or len(found.key) != 1:
            continue
        same = found.key[0].lower() == name.lower() != "id" and table.known.key != (name,)
        stem = re.sub(r"_?id$", "", name, flags=re.I).lower()
        if same or (table.known.key != (name,) and stem.split("_")[-1] == singular(other).lower()):
            return other
    return ""


def _shape(table: Drafted, referred: set[str]) -> None:
    """A node with its parents, or edges between what it refers to."""
    ends, single = table.ends, len(table.known.key) == 1
    joined = [*ends, *(() if single and table.label in referred else table.contacts)]
    if table.truth and len(ends) < 2 and _event_key(table):
        return  # a report
    if (len(joined) >= 2 and not (single and table.label in referred)) or (len(joined) == 2 and not single):
        table.joins = [(joined[0], other) for other in joined[1:] if other.column != joined[0].column]
        table.contacts = []
    elif single and (table.label in referred or not ends or table.times or len(ends) == 1):
        table.node = not table.known.file or table.label in referred or bool(ends)
        table.parents = [end for end in ends if end.label != table.label]
    if not table.node:
        table.contacts = []


def _event_key(table: Drafted) -> str:
    """The column by which a report names its event."""
    found = (name for name in table.known.columns if EVENT_KEY.search(name))
    return next((name for name in found if (name,) != table.known.key), "")


def _reported(table: Drafted, drafted: dict[str, Drafted]) -> tuple[str, str, str] | None:
    """The event a report speaks of: the table its foreign key names, else what it sounds like, else the fullest."""
    declared = {foreign.column: foreign.table for foreign in table.known.foreign}
    key = next((column for column, to in declared.items() if drafted[to].event), "") or _event_key(table)
    events = [other for other in drafted.values() if other.event and other is not table and len(other.known.key) == 1]
    if not key or not events or table.time is None:
        return None
    stem = re.sub(r"_?id$", "", key, flags=re.I).lower()
    named = [o for o in events if o.name == declared.get(key) or stem in (o.name, singular(o.name))]
    event = (named or sorted(events, key=lambda other: -len(other.attributes())))[0]
    column = event.joins[0][1].column
    role = re.sub(r"\W", "_", column, flags=re.ASCII)[:60].lower()
    return key, event.name, role
