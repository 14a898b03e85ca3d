"""The bench of explanations on a bank of a few days."""

from __future__ import annotations

import json

import pytest

from deploy.benches import explaining


def test_it_prints_figures_with_bars(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Everything is explained, and how completely is measured against the bar."""
    monkeypatch.setattr(explaining, "ROUNDS", 1)
    monkeypatch.setattr(explaining, "EVENTS", 256)
    monkeypatch.setattr(explaining, "ALERTS", 8)
    assert explaining.run_explaining_bench(users=300, days=12, as_json=True) in (0, 3)
    figures = {figure["name"]: figure for figure in json.loads(capsys.readouterr().out)["figures"]}
    assert figures["alerts"]["value"] > 0 and figures["unexplained"]["ok"]
    assert figures["relative_error_max"]["bar"] == 0.01 and figures["steps_p50"]["value"] >= 32
    assert figures["events_per_s_ratio"]["value"] > 0
