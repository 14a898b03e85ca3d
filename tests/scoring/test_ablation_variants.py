"""The table of variants."""

from __future__ import annotations

import pytest

from scoring.ablation_run import AblationSettings
from scoring.ablation_variants import BASE, NAMES, SHUFFLED, TEACHER, VARIANTS, Variant
from scoring.core.architecture import Architecture


def test_every_variant_has_a_name_of_its_own() -> None:
    """The ledger and the JSON form go by it."""
    names = [*NAMES, BASE.name, SHUFFLED.name, TEACHER.name]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("variant", VARIANTS, ids=NAMES)
def test_a_variant_changes_one_thing_of_the_base(variant: Variant) -> None:
    """Else the difference says nothing of the technique; and what it changes can be built."""
    changed = [bool(variant.options), bool(variant.fitting), variant.reads != BASE.reads, variant.tuning != "none"]
    assert sum(changed) == 1
    base = AblationSettings().fitting(5_000, BASE)
    assert not variant.fitting or AblationSettings().fitting(5_000, variant) != base
    widths = Architecture(64, 10, 22, 1), Architecture(64, 10, 22, 1, **variant.options)  # type: ignore[arg-type]
    assert (widths[0] != widths[1]) == bool(variant.options)
