"""Attributes in a few bytes: what is unpacked is what was packed, in its order and with its types."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph.attributes import TEXTS, Packing
from graph.model import Attributes

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8), st.just("1"),
    st.just("\ud800" * 70),
)
GIVEN = st.dictionaries(st.sampled_from(["amount", "currency", "channel", "é"]), SCALARS, max_size=4)


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])  # a busy machine draws slowly
@given(st.lists(st.tuples(st.sampled_from(["PAID", "LOGIN"]), GIVEN), max_size=20))
def test_what_was_packed_is_unpacked(rows: list[tuple[str, Attributes]]) -> None:
    """Whole numbers of any size, True and 1 and 1.0, a text of digits, None, in the order of their names."""
    packing = Packing()
    packed = [packing.pack(*row) for row in rows]
    for row, record in zip(rows, packed, strict=True):
        assert repr(packing.unpack(record)) == repr(row)


def test_texts_that_come_again_take_a_byte() -> None:
    """Of so many of each name; what comes after them is kept with its edge."""
    packing = Packing()
    sizes = [len(packing.pack("PAID", {"currency": f"text {n}"})) for n in range(TEXTS + 1)]
    assert sizes[0] == 3 and max(sizes[:TEXTS]) == 5 and sizes[TEXTS] > 10
    for n in (0, TEXTS - 1, TEXTS):
        assert packing.unpack(packing.pack("PAID", {"currency": f"text {n}"}))[1] == {"currency": f"text {n}"}
