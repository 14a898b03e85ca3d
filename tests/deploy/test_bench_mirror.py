"""The mirror's bench on a small graph."""

from __future__ import annotations

import json

import pytest

from deploy.benches import mirror


def test_it_prints_what_an_edge_weighs_and_how_long_walks_take(capsys: pytest.CaptureFixture[str]) -> None:
    """By structure; exit status 0 or 3, as the bars hold on this machine."""
    assert mirror.run_mirror_bench(edges=2_000, as_json=True) in (0, 3)
    figures = {figure["name"]: figure for figure in json.loads(capsys.readouterr().out)["figures"]}
    assert figures["bytes_per_edge_lines@2000"]["value"] == 32 and figures["upserts_per_s@2000"]["value"] > 0
    assert figures["walk_p99@2000"]["bar"] == 50 and figures["edges_per_walk@2000"]["value"] > 10
    assert figures["score_p99@2000"]["value"] > 0 and figures["score_p99_large_to_small"]["bar"] == 1.2
