"""An architecture is a plain value that survives a manifest, and refuses what makes no network."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from scoring.core.architecture import Architecture
from scoring.core.decomposition import Decomposition

FULL = Architecture(
    8, 2, 3, 5, 16, 3, 0.2, "fused", Decomposition(blocks=2), "mean", 4, "linear", True, 2, True, 10
)  # fmt: skip


def test_it_comes_back_from_json_as_it_was() -> None:
    """Every option, the nested one too."""
    assert msgspec.json.decode(msgspec.json.encode(FULL), type=Architecture) == FULL


def test_one_written_before_there_were_options_is_relational() -> None:
    """Widths alone, as the first manifests have them."""
    old = {"nodes": 64, "attributes": 17, "event": 53, "relations": 5, "hidden": 32, "layers": 2, "dropout": 0.1}
    assert msgspec.convert(old, Architecture) == Architecture(64, 17, 53, 5)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no relation": ({"relations": 0}, "relations is 0: it must be 1 or more"),
    "no layer": ({"layers": 0}, "layers is 0"),
    "negative rounds": ({"rounds": -1}, "rounds is -1"),
    "all dropped": ({"dropout": 1.0}, "dropout is 1.0"),
    "uneven heads": ({"heads": 3}, "hidden is 16 for 3 heads"),
    "uneven blocks": ({"decomposition": Decomposition(blocks=3)}, "3 blocks must divide nodes"),
    "bases of nothing": ({"body": "directed", "decomposition": Decomposition(bases=2)}, "leave it out"),
    "sum of means": ({"aggregation": "sum"}, "for the directed body"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_makes_no_network_is_refused_by_name(case: str) -> None:
    """In code and in a manifest alike."""
    fields, reason = WRONG[case]
    widths = {"nodes": 8, "attributes": 2, "event": 3, "relations": 5, "hidden": 16}
    with pytest.raises(ValueError, match=reason):
        Architecture(**{**widths, **fields})
    written = msgspec.to_builtins({**widths, **fields})
    with pytest.raises(msgspec.ValidationError, match=reason):
        msgspec.convert(written, Architecture)


def test_a_technique_that_does_not_exist_is_refused_in_a_manifest() -> None:
    """The names are closed."""
    with pytest.raises(msgspec.ValidationError, match="body"):
        msgspec.convert({"nodes": 8, "attributes": 2, "event": 3, "relations": 5, "body": "magic"}, Architecture)
