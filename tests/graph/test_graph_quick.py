"""What is read at once is what the definitions of a cell say, on any value; errors included."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.cells import id_text, key_of
from graph.columns import ID_LIMIT, TEXT_LIMIT, column, typed
from graph.mapping_rules import NodeRef, Property, TimeColumn
from graph.model import node_key
from graph.quick import attributes_reader, end_reader, key_reader, moment_reader
from graph.times import moment_ms
from ingest.events import Reject
from ingest.unavailable import UNAVAILABLE

NEAR_LIMITS = st.sampled_from(
    [2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 10**300, "", "x" * ID_LIMIT, "x" * (ID_LIMIT + 1), "y" * TEXT_LIMIT,
     "y" * (TEXT_LIMIT + 1), "-0", "-0.5", "1.234567890", "1234567890", "00.10", "1.", ".5", "١٢", "12.34\n", "1e3",
     UNAVAILABLE, True, False]
)  # fmt: skip
VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | NEAR_LIMITS
    | st.from_regex(r"-?[0-9]{1,12}(\.[0-9]{0,12})?", fullmatch=True) | st.lists(st.integers(), max_size=2)
)  # fmt: skip
ROWS = st.fixed_dictionaries({}, optional={"c": VALUES})
TYPES = st.sampled_from(["integer", "decimal", "number", "text", "bool", "category"])


def outcome(read: Callable[[], Any]) -> tuple[str, str]:
    """What it gives, with its type, or the error's text."""
    try:
        value = read()
    except Reject as error:
        return type(error).__name__, str(error)
    return type(value).__name__, repr(value)


@given(ROWS, TYPES, st.integers(0, 9))
def test_attributes_are_those_of_the_general_reader(row: dict[str, Any], kind: Any, scale: int) -> None:
    """Each type, scale and value; what is missing or NULL too."""
    rule = Property(column="c", type=kind, scale=scale)

    def general() -> dict[str, Any]:
        value = typed(column(row, "c"), kind, scale, "c")
        return {} if value is None else {"p": value}

    assert outcome(lambda: attributes_reader({"p": rule})(row)) == outcome(general)


@given(ROWS, st.sampled_from(["c", "a{c}", "{c}"]))
def test_ends_are_those_of_the_general_reader(row: dict[str, Any], template: str) -> None:
    """A column alone and within a text."""

    def general() -> str | None:
        id = id_text(template, row)
        return None if id is None else node_key("Account", id)

    assert outcome(lambda: end_reader(NodeRef(label="Account", id=template))(row)) == outcome(general)


@given(ROWS, st.sampled_from([["c"], ["c", "c"]]))
def test_keys_are_those_of_the_general_reader(row: dict[str, Any], names: list[str]) -> None:
    """One column and several."""
    assert outcome(lambda: key_reader(names)(row)) == outcome(lambda: key_of(names, row))


@given(ROWS | st.fixed_dictionaries({"c": st.integers(-(10**14), 10**14)}), st.sampled_from(["ms", "s", "iso"]))
def test_moments_are_those_of_the_general_reader(row: dict[str, Any], unit: Any) -> None:
    """In each unit, a century from 1970 included."""
    time = TimeColumn(column="c", unit=unit)
    assert outcome(lambda: moment_reader(time)(row)) == outcome(lambda: moment_ms(time, row))


@pytest.mark.parametrize("value", ["12.34", "0.5", "-7"])
def test_a_plain_amount_is_exact(value: str) -> None:
    """In 10^-scale units."""
    read = attributes_reader({"p": Property(column="c", type="decimal", scale=2)})
    assert read({"c": value}) == {"p": round(float(value) * 100)}
