"""A mapping with an error: file, line, field, what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from graph.mapping_file import MappingError, read_mapping
from graph.toml_lines import line_numbers

GOOD = """\
source = "bank"
ignore = [
  "audit",   # a comment = [with] { "all" }
  "archive",
]

[tables.payments]
key = ["id"]

[[tables.payments.edges]]
role = "payment"
relation = "PAID"
source = { label = "Account", id = "src" }
target = { label = "Contact", id = "dst", hash = "phone" }
time = { column = "at", unit = "ms" }
event = true

[tables.payments.edges.attributes]
amount = { column = "amount", type = "decimal", scale = 2 }
"channel" = 'channel'

[[tables.payments.edges]]
role = "fee"
relation = "FEE"
time.column = "at"
time.unit = "ms"
source = { label = "Account", id = "src" }
target = { label = "Account", id = "dst" }

[tables.accounts]
key = ["id"]
nodes = [
  { label = "Account", id = "id", properties = { kind = "kind", note = "note" } },
]

[[tables.reports.labels]]
event = { table = "payments", key = "event", roles = { payments = "payment" } }
fraud = "fraud"
reported = "at"

[tables.reports]
key = ["id"]
"""
# what is replaced, by what, and the line, field and words of the error
BROKEN: list[tuple[str, str, str, int, str, str]] = [
    ("syntax", 'relation = "PAID"', "relation = = 3", 12, "not TOML", "Invalid value"),
    ("cut off", 'key = ["id"]\nnodes', 'key = ["id"\nnodes', 32, "not TOML", "Unclosed array"),
    ("an open table at the end", 'reported = "at"\n\n[tables.reports]\nkey = ["id"]\n', "[tables.reports", 39,
     "not TOML",
     "at end of document"),
    ("a key twice", 'role = "payment"', 'role = "payment"\nrole = "x"', 12, "not TOML", "overwrite"),
    ("unknown field", "event = true", 'colour = "red"', 16, "edges.0.colour", "no field of the format"),
    ("unknown field in an inline table", 'hash = "phone"', 'salt = "x"', 14, "target.salt", "no field of the format"),
    ("unknown field in an inline array", 'kind = "kind",', 'kind = { col = "kind" },', 33, "properties.kind.column",
     "is missing"),
    ("missing field", 'relation = "PAID"\n', "", 10, "edges.0.relation", "is missing"),
    ("missing field of the second", 'relation = "FEE"\n', "", 22, "edges.1.relation", "is missing"),
    ("missing field of a dotted key", 'time.column = "at"\n', "", 25, "edges.1.time column", "is missing"),
    ("missing source", 'source = "bank"\n', "", 1, "source", "is missing"),
    ("label injection", 'label = "Account", id = "src" }\ntarget = { label = "C',
     'label = "A) DETACH DELETE (n", id = "src" }\ntarget = { label = "C', 13,
     "edges.0.source.label", "expected a letter"),
    ("relation injection", '"PAID"', '"PAID]->() DETACH DELETE n //"', 12, "edges.0.relation", "expected a letter"),
    ("relation with a newline", '"PAID"', '"PA\\nID"', 12, "edges.0.relation", "expected a letter"),
    ("relation that starts as bookkeeping", '"PAID"', '"_PAID"', 12, "edges.0.relation", "expected a letter"),
    ("role injection", 'role = "fee"', 'role = "fee:x"', 23, "edges.1.role", "expected a letter"),
    ("property injection", '"channel" = ', '"a`} SET n" = ', 20, "attributes.a`} SET n", "expected a letter"),
    ("node property injection", "note = ", '"x: 1}) //" = ', 33, "nodes.0.properties.x: 1}) //", "expected a letter"),
    ("table injection", "[tables.accounts]", '[tables."a.b"]', 30, "tables.a.b", "expected a letter"),
    ("a name too long", '"FEE"', f'"{"F" * 64}"', 24, "edges.1.relation", "63 at most"),
    ("wrong type: text for a list", 'key = ["id"]\n\n[[tables.payments.edges]]\nrole = "payment"',
     'key = "id"\n\n[[tables.payments.edges]]\nrole = "payment"', 8, "tables.payments.key", "valid list"),
    ("wrong type: text for truth", "event = true", 'event = "yes"', 16, "edges.0.event", "valid boolean"),
    ("wrong type: text for a number", "scale = 2", 'scale = "2"', 19, "amount.scale", "valid integer"),
    ("wrong type: number for a column", "'channel'", "5", 20, "attributes.channel", "is 5"),
    ("wrong type in a list", '"archive"', "4", 4, "ignore.1", "valid string"),
    ("wrong name in a list", '"archive"', '"not this"', 4, "ignore.1", "expected a letter"),
    ("wrong word", 'unit = "ms" }', 'unit = "weeks" }', 15, "time.unit", "'ms', 'us', 's', 'days'"),
    ("wrong word of a dotted key", 'time.unit = "ms"', 'time.unit = "weeks"', 26, "time.unit", "'ms', 'us'"),
    ("scale out of range", "scale = 2", "scale = 12", 19, "amount.scale", "less than or equal to 9"),
    ("empty key", 'key = ["id"]\nnodes', "key = []\nnodes", 31, "accounts.key", "at least 1"),
    ("empty column", '{ column = "at", unit', '{ column = "", unit', 15, "time.column", "at least 1"),
    ("two kinds of hash", 'hash = "phone"', 'hash = "phone", hash_column = "k"', 14, "edges.0.target", "not both"),
    ("two tables of a label", 'table = "payments"', 'table = "payments", table_column = "t"', 37, "labels.0.event",
     "either"),
    ("a table without a role", 'roles = { payments', 'roles = { accounts', 37, "labels.0.event", "roles must name"),
    ("duplicate role", 'role = "fee"', 'role = "payment"', 23, "edges.1.role", "used twice"),
    ("duplicate role of labels", 'reported = "at"\n',
     'reported = "at"\n[[tables.reports.labels]]\n'
     'event = { table = "payments", key = "e", roles = { payments = "payment" } }\n'
     'fraud = "f"\nreported = "at"\n', 40, "reports.labels.1.role", "used twice"),
    ("relation between other labels", '"FEE"', '"PAID"', 24, "edges.1.relation", "joins Account to Account here and"),
    ("attribute called like the edge's own", '"channel" = ', "time = ", 20, "attributes.time", "name it differently"),
    ("property called id", "note = ", "id = ", 33, "nodes.0.properties.id", "identity"),
    ("node beside its key", 'label = "Account", id = "id"', 'label = "Account", id = "no"', 33, "nodes.0.id",
     "table's key"),
    ("property owned twice", 'key = ["id"]\n\n[[tables.payments.edges]]\nrole = "payment"',
     'key = ["id"]\nnodes = [{ label = "Account", id = "id", properties = { kind = "k" } }]\n\n'
     '[[tables.payments.edges]]\n'
     'role = "payment"', 34, "accounts.nodes.0.properties.kind", "is given by table 'payments'"),
    ("a label of what is no event", 'payments = "payment"', 'payments = "fee"', 37, "roles.payments", "has the events"),
    ("a label of no table", 'table = "payments", key = "event", roles = { payments',
     'table_column = "t", key = "event", roles = { cards', 37, "roles.cards", "has the events none"),
    ("mapped and ignored", '"archive"', '"accounts"', 30, "tables.accounts", "under ignore too"),
    ("our own table", "[tables.accounts]", "[tables.analyst_decisions]", 30, "tables.analyst_decisions",
     "Ringwatch's own"),
    ("our own source", 'source = "bank"', 'source = "analysts"', 1, "source", "Ringwatch's own"),
    ("a template with a loose brace", 'id = "src" }\ntarget = { label = "C', 'id = "{src" }\ntarget = { label = "C', 13,
     "edges.0.source.id", "expected '}'"),
    ("a template without a column", 'id = "src" }\ntarget = { label = "C', 'id = "{}" }\ntarget = { label = "C', 13,
     "edges.0.source.id", "text with columns in braces"),
    ("a time without column and value", 'time = { column = "at", unit = "ms" }', "time = {}", 15, "edges.0.time",
     "column is missing; give it, or value"),
    ("a value that is no date", '{ column = "at", unit = "ms" }', '{ value = "soon" }', 15, "time.value", "1998-12-31"),
    ("a constant time of an event", '{ column = "at", unit = "ms" }', '{ value = "1970-01-01" }', 15, "edges.0.time",
     "an event needs its own"),
    ("unit beside format", 'unit = "ms" }', 'unit = "ms", format = "%d" }', 15, "edges.0.time", "not both"),
    ("a format without codes", 'unit = "ms" }', 'format = "dd.mm" }', 15, "time.format", "strptime's codes"),
    ("a format of unknown codes", 'unit = "ms" }', 'format = "%Q" }', 15, "time.format", "strptime's codes"),
    ("a zone that is none", 'unit = "ms" }', 'zone = "Mars/Base" }', 15, "time.zone", "Europe/Prague"),
    ("no values to compare with", "event = true", "event = true\nwhen = { kind = [] }", 17, "when.kind", "at least 1"),
    ("no key and no file", 'key = ["id"]\nnodes', "nodes", 30, "accounts.key", "only a table of a flat file"),
    ("an unknown word of keep", 'key = ["id"]\nnodes', 'keep = "always"\nkey = ["id"]\nnodes', 31, "accounts.keep",
     "'window' or 'forever'"),
    ("a label of both", 'fraud = "fraud"', 'fraud = "fraud"\nof = "payment"', 36, "labels.0",
     "event is missing; give it"),
    ("a report without its time", 'reported = "at"\n', "", 36, "labels.0", "reported is missing"),
    ("a delay that is none", 'fraud = "fraud"', 'fraud = "fraud"\ndelay = "a week"', 39, "labels.0.delay", "7d"),
    ("rows on a clock", 'fraud = "fraud"', 'fraud = "fraud"\ndelay = "9 rows"', 39, "labels.0.delay", "is a clock"),
    ("half a verdict", 'fraud = "fraud"', 'fraud = { column = "f", fraud = 1 }', 38, "labels.0.fraud",
     "both fraud and legit"),
    ("a verdict both ways", 'fraud = "fraud"', 'fraud = { column = "f", fraud = 1, legit = "1" }', 38, "labels.0.fraud",
     "two things of '1'"),
    ("a path out of the folder", 'key = ["id"]\nnodes', 'key = ["id"]\nfile = { path = "../x.csv" }\nnodes', 32,
     "file.path", "inside the folder"),
    ("a file without names", 'key = ["id"]\nnodes', 'key = ["id"]\nfile = { path = "x", header = false }\nnodes', 32,
     "accounts.file", "columns is missing"),
    ("an encoding that is none", 'key = ["id"]\nnodes', 'key = ["id"]\nfile = { path = "x", encoding = "x" }\nnodes',
     32, "accounts.file", "which is none"),
    ("a lookup in no file", 'key = ["id"]\nnodes',
     'key = ["id"]\nfile = { path = "x", lookup = { a = { table = "reports", key = "id", column = "b" } } }\nnodes', 32,
     "lookup.a.table", "no mapped table with a file"),
    ("a time the file writes wrongly", 'key = ["id"]\nnodes',
     'key = ["id"]\nfile = { path = "x", times = { at = "dd" } }\nnodes', 32, "times.at", "strptime's codes"),
]  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mapping.toml"


def refused(path: Path) -> str:
    with pytest.raises(MappingError) as error:
        read_mapping(path)
    return str(error.value)


def test_the_good_one_is_good(path: Path) -> None:
    """Every error below is its own, then."""
    path.write_text(GOOD)
    assert sorted(read_mapping(path).tables) == ["accounts", "payments", "reports"]


@pytest.mark.parametrize(("old", "new", "line", "field", "says"), [b[1:] for b in BROKEN], ids=[b[0] for b in BROKEN])
def test_an_error_names_line_field_and_mend(path: Path, old: str, new: str, line: int, field: str, says: str) -> None:
    """The first line of it is about this one."""
    assert GOOD.count(old) == 1, "the test replaces one place"
    path.write_text(GOOD.replace(old, new))
    first = refused(path).splitlines()[0]
    assert first.startswith(f"{path}:{line}: ") and field in first and says in first


def test_every_problem_has_a_line_of_its_own(path: Path) -> None:
    """Mended in one go."""
    path.write_text(GOOD.replace('role = "fee"', 'role = "f e"').replace("scale = 2", "scale = 22"))
    assert [line.split(":")[1] for line in refused(path).splitlines()] == ["19", "23"]


@pytest.mark.parametrize(("text", "line", "field"), [
    ('source = "bank"\n', 1, "tables"), ('source = "bank"\n[tables]\n', 2, "tables"),
    ('source = "bank"\ntables = 3\n', 2, "tables"),
    ("", 1, "source"),
])  # fmt: skip
def test_a_mapping_of_nothing_is_refused(path: Path, text: str, line: int, field: str) -> None:
    """It has to name a table."""
    path.write_text(text)
    assert refused(path).startswith(f"{path}:{line}: {field} ")


def test_a_file_that_is_not_there(path: Path) -> None:
    """Named, with the mend."""
    assert refused(path) == f"{path}: can't be read (No such file or directory); name an existing mapping file"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """Named as well."""
    assert "can't be read (Is a directory)" in refused(tmp_path)


def test_text_that_is_not_utf8(path: Path) -> None:
    """The line and byte where it stops being it."""
    path.write_bytes(b'source = "bank"\nignore = ["caf\xe9"]\n')
    assert refused(path) == f"{path}:2: not UTF-8 text (byte 30); save it as UTF-8"


@pytest.mark.parametrize(("delay", "role", "says"), [
    ("7d", "payment", "is an order index; give rows"), ("7d", "fee", "has the events ['payment']"),
])  # fmt: skip
def test_a_label_of_the_row_fits_its_event(path: Path, delay: str, role: str, says: str) -> None:
    """Its role is an event of the table, and the delay counts as the event's time does."""
    own = f'fraud = "f"\nof = "{role}"\ndelay = "{delay}"\n'
    path.write_text(GOOD.replace('unit = "ms" }', 'unit = "order" }') + f"[[tables.payments.labels]]\n{own}")
    assert says in refused(path)


def test_tables_with_events_are_windowed_unless_the_mapping_says_otherwise(path: Path) -> None:
    """`keep` overrules either way."""
    from graph.mapping import Mapping

    path.write_text(GOOD)
    assert Mapping.load(path, b"k" * 16).schema.windowed == ("payments",)
    path.write_text(GOOD.replace('[tables.payments]', '[tables.payments]\nkeep = "forever"')
                    .replace('[tables.reports]', '[tables.reports]\nkeep = "window"'))  # fmt: skip
    assert Mapping.load(path, b"k" * 16).schema.windowed == ("reports",)


def test_lines_are_counted_through_all_of_toml() -> None:
    """Multi-line strings and arrays, comments, dotted and quoted keys, tables in any order."""
    text = (
        'a = """\n[not.a.table]\nx = 1 \\"\n"""\n"b.c".d = \'\'\'\n# no comment\n\'\'\'\n'
        '[ t . "u.v" ] # [x]\nlist = [ # [[\n  1, [2,\n 3], { k = "}", m = [\n 4] },\n]\n'
        "[[r]]\n[[r.s]]\nz = 1\n[[r.s]]\n[[r]]\n"
        "y = 2024-01-01T00:00:00Z\n"
    )
    lines = line_numbers(text)
    expected = {
        ("a",): 1, ("b.c",): 5, ("b.c", "d"): 5, ("t",): 8, ("t", "u.v"): 8, ("t", "u.v", "list"): 9,
        ("t", "u.v", "list", 0): 10, ("t", "u.v", "list", 1): 10, ("t", "u.v", "list", 1, 1): 11,
        ("t", "u.v", "list", 2): 11, ("t", "u.v", "list", 2, "k"): 11, ("t", "u.v", "list", 2, "m", 0): 12,
        ("r", 0): 14, ("r", 0, "s", 0): 15, ("r", 0, "s", 0, "z"): 16, ("r", 0, "s", 1): 17, ("r", 1): 18,
        ("r", 1, "y"): 19,
    }  # fmt: skip
    assert {loc: lines.get(loc) for loc in expected} == expected
    assert ("not", "a", "table") not in lines and ("x",) not in lines
