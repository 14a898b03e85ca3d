"""The bench of decisions on a bank of a few days."""

from __future__ import annotations

import json

import pytest

from deploy.benches import decide


@pytest.mark.timeout(600)
def test_it_prints_figures_beside_a_constant(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both servers answer every request; exit status 0 or 3, as the bar holds on this machine."""
    monkeypatch.setattr(decide, "WARM_S", 0.5)
    assert decide.run_decide_bench(decide.Plan(20, 2.0, 200, 4), as_json=True) in (0, 3)
    figures = {figure["name"]: figure for figure in json.loads(capsys.readouterr().out)["figures"]}
    assert figures["decide_p99_ms@20"]["bar"] == 20.0 and figures["errors"]["value"] == 0
    assert figures["decide_p50_ms@20"]["beside"]["name"] == "constant_endpoint"
    assert 20 < figures["answered"]["value"] < 70
