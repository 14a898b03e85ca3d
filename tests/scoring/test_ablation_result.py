"""What an ablation found, from its ledger."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from outcomes import Model, outcome_of

from scoring.ablation_ledger import Ledger
from scoring.ablation_result import figures, markdown, result_of
from scoring.ablation_variants import VARIANTS
from scoring.measured import Settings
from scoring.outcome import OutcomeError

FEW = Settings(a_day=5, rounds=80)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A base better than trees on rows, nothing on shuffled edges, a better variant."""
    found = Ledger(tmp_path / "ledger.jsonl", "r")
    models = {"lightgbm_row": Model(1.0), "lightgbm_graph": Model(2.0), "network": Model(3.0, cost_ms=1.0)}
    found.add("base", outcome_of(models), 1.0)
    found.add("shuffled", outcome_of({"network": Model(0.5)}), 1.0)
    better = outcome_of({"network": Model(4.0, cost_ms=1.5)})
    found.add("ports", replace(better, notes={**better.notes, "Ports": "numbered."}), 1.0)
    return found


def test_the_control_stands_behind_the_table(ledger: Ledger) -> None:
    """With the verdict; and what was not run is named."""
    said = markdown(result_of(ledger, VARIANTS, FEW))
    table, _, control = said.partition("| PR-AUC | difference | verdict |")
    assert "| port numbers |" in table and "Not run for want of time: long look back" in table
    assert "gone with shuffled edges: a graph gain" in control
    assert "- Split: by time." in control and "- Ports: numbered." in control and "Milliseconds an event" in control


def test_the_json_form_has_every_technique_and_the_control(ledger: Ledger) -> None:
    """As figures."""
    rows = {row["name"]: row for row in json.loads(json.dumps(figures(result_of(ledger, VARIANTS, FEW))))}
    assert rows["pr_auc_gain@later/ports"]["verdict"] == "on"
    assert rows["control_pr_auc_gain@later"]["value"] > rows["control_pr_auc_gain_shuffled@later"]["value"]
    assert rows["control_pr_auc_gain_of_edges@later"]["verdict"] == "gone with shuffled edges: a graph gain"


def test_the_notes_tell_how_far_costs_of_equal_networks_lie_apart(ledger: Ledger) -> None:
    """So that nobody reads noise as a cost."""
    ledger.add("focal", outcome_of({"network": Model(3.0, cost_ms=1.25)}), 1.0)
    assert "by up to 0.25 ms an event" in markdown(result_of(ledger, VARIANTS, FEW))


def test_without_the_control_the_table_says_so(tmp_path: Path) -> None:
    """There was no time for it."""
    found = Ledger(tmp_path / "ledger.jsonl", "r")
    found.add("base", outcome_of(), 1.0)
    assert "control was not run" in markdown(result_of(found, VARIANTS, FEW))


def test_without_the_base_there_is_nothing_to_tell(tmp_path: Path) -> None:
    """The error names the mend."""
    with pytest.raises(OutcomeError, match="run the ablation again"):
        result_of(Ledger(tmp_path / "ledger.jsonl", "r"), VARIANTS, FEW)
