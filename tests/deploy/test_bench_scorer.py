"""The scorer's bench on a bank of a few days."""

from __future__ import annotations

import json

import pytest

from deploy.benches import scorer


def test_it_prints_figures_with_bars(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Alone and together, with and without evidence; exit status 0 or 3, as the bars hold on this machine."""
    monkeypatch.setattr(scorer, "ALONE", 40)
    assert scorer.run_scorer_bench(users=200, days=4, as_json=True) in (0, 3)
    figures = {figure["name"]: figure for figure in json.loads(capsys.readouterr().out)["figures"]}
    assert figures["events_per_s@64"]["bar"] == 3000.0 and figures["p99@1"]["bar"] == 3.0
    assert figures["events_per_s_with_evidence@64"]["value"] > 0 and 0 <= figures["shown"]["value"] <= 1
    assert figures["edges"]["value"] > 100 and figures["events"]["value"] == 400
