"""Names as numbers: each has one as long as it is kept, whatever it is written with."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.names import AFFIXES, Names
from graph.names_table import ALL, mixed

KEYS = st.one_of(
    st.integers(0, 10**19).map(str), st.text(max_size=5),
    st.sampled_from(["", "0", "00", "01", "-1", "a:b", ":", "٣", "\ud800", "1_0", "+1"]),
    st.integers(200, 300).map(lambda n: "x" * n),
)  # fmt: skip
FORMS = st.sampled_from(["{}", "t:{}", "t:{}:r", "t:{}:", "u:{}:r", ":{}:", "::{}"])
NAMES = st.builds(lambda form, key: form.format(key), FORMS, KEYS)


@settings(max_examples=150, deadline=None)
@given(st.booleans(), st.lists(st.tuples(st.booleans(), st.lists(NAMES, min_size=1, max_size=6)), max_size=30))
def test_names_have_numbers_of_their_own(roles: bool, steps: list[tuple[bool, list[str]]]) -> None:
    """Named together, again, forgotten and named anew: found one by one and together, and read back to the letter."""
    names, there = Names(roles), dict[str, int]()
    for forget, some in steps:
        if forget:
            for name in {name for name in some if name in there}:
                names.forget(there.pop(name))
        else:
            numbers, fresh = names.number_all(some)
            new = {number for name, number in zip(some, numbers.tolist(), strict=True) if name not in there}
            assert set(fresh.tolist()) == new
            there |= zip(some, numbers.tolist(), strict=True)
        assert len(set(there.values())) == len(there) == len(names)
        assert dict(names.items()) == there
        assert [names.find(name) for name in some] == names.find_all(some).tolist()
        assert [names.find(name) for name in some] == [there.get(name, -1) for name in some]


def test_a_forgotten_names_number_is_used_again() -> None:
    """And nothing grows where as many come as go."""
    names = Names(roles=True)
    there = dict(zip(range(1_000), names.number_all([f"t:{n}:r" for n in range(1_000)])[0].tolist(), strict=True))
    before = names.nbytes
    for n in range(5_000):
        assert names.find(f"t:{n}:r") == there[n]
        names.forget(there.pop(n))
        there[n + 1_000] = names.number(f"t:{n + 1_000}:r")
    assert names.find_all([f"t:{n}:r" for n in there]).tolist() == list(there.values())
    assert (names.size, names.taken, names.nbytes) == (1_000, 1_000, before)


def test_texts_that_are_forgotten_give_their_room_back() -> None:
    """Of whatever length."""
    names = Names()
    names.number_all([f"A:{n:x<50}" for n in range(100)])
    before = names.nbytes
    for n in range(1_000):
        names.forget(names.find(f"A:{n:x<50}"))
        names.number(f"A:{n + 100:x<50}")
    assert names.nbytes <= before + 8 * 100


def test_names_past_the_last_affix_are_kept_whole() -> None:
    """More tables than there is room for: found all the same, and so are those before them."""
    names, many = Names(), AFFIXES + 500
    keys = [f"t{n}:{n}" for n in range(many)]
    numbers = names.number_all(keys)[0].tolist()
    assert len(set(numbers)) == many and names.find_all(keys).tolist() == numbers
    assert [names.find(key) for key in keys[-600:]] == numbers[-600:]
    assert [names.text(number) for number in numbers[-600:]] == keys[-600:]


@pytest.mark.parametrize("name", ["A:17", "A:x", "A", ""])
def test_a_name_that_is_only_looked_for_is_not_kept(name: str) -> None:
    """Events ask for what is not there."""
    names = Names()
    assert names.find(name) == -1 and len(names) == names.size == 0


@given(st.integers(0, ALL), st.integers(0, 63))
def test_one_bit_changes_the_upper_half_of_a_hash(x: int, bit: int) -> None:
    """That half says where to look."""
    assert mixed(x) >> 32 != mixed(x ^ 1 << bit) >> 32 or mixed(x) != mixed(x ^ 1 << bit)
