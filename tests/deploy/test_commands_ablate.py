"""`ringwatch ablate`: a table or JSON out, from a ledger that goes on."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from flat_payments import write
from typer.testing import CliRunner

from deploy.cli import app, main
from scoring.ablation_ledger import Ledger
from scoring.outcome import Outcome

runner = CliRunner()
pytestmark = pytest.mark.usefixtures("key")


@pytest.fixture
def asked(tmp_path: Path) -> list[str]:
    """Two techniques on the small bank, one seed."""
    write(tmp_path)
    return ["ablate", "--mapping", str(tmp_path / "shop.toml"), "--data", str(tmp_path), "--seeds", "1", "--most",
            "100", "--only", "past, focal", "--ledger", str(tmp_path / "ledger.jsonl")]  # fmt: skip


def finished(folder: Path) -> list[str]:
    """Variants in the ledger, in order."""
    path = folder / "ledger.jsonl"
    return [json.loads(line)["variant"] for line in path.read_text().splitlines()] if path.exists() else []


def test_json_is_one_object_and_the_table_is_written(asked: list[str], tmp_path: Path) -> None:
    """Progress goes to the other stream; the ledger has what was made, and a second run makes nothing."""
    written = tmp_path / "new" / "table.md"
    done = runner.invoke(app, [*asked, "--json", "--markdown", str(written)])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["bench"] == "ablate" and said["left_out"] == [] and str(tmp_path) not in done.stdout
    names = {figure["name"] for figure in said["figures"]}
    assert {"pr_auc_gain@shop/past", "pr_auc_gain@shop/focal", "control_pr_auc_gain@shop"} <= names
    assert "| focal loss, gamma 2 |" in written.read_text() and "focal loss, gamma 2: PR-AUC" in done.stderr
    again = runner.invoke(app, asked)
    assert again.exit_code == 0 and "focal loss, gamma 2: PR-AUC" not in again.stderr
    assert "| focal loss, gamma 2 |" in again.stdout
    assert finished(tmp_path) == ["base", "shuffled", "past", "focal"]


def test_ctrl_c_leaves_a_ledger_that_the_next_run_goes_on_from(
    asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Status 130, and in a line how far it came."""
    add, before_it = Ledger.add, signal.getsignal(signal.SIGINT)

    def interrupted(ledger: Ledger, variant: str, outcome: Outcome, took_s: float) -> None:
        add(ledger, variant, outcome, took_s)
        signal.raise_signal(signal.SIGINT)

    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has what it runs in the background ignore it
    try:
        with monkeypatch.context() as patch:
            patch.setattr(Ledger, "add", interrupted)
            stopped = runner.invoke(app, asked)
    finally:
        signal.signal(signal.SIGINT, before_it)
    assert stopped.exit_code == 130 and "the same command goes on" in stopped.stderr
    before = finished(tmp_path)
    assert before == ["base"]
    assert runner.invoke(app, asked).exit_code == 0
    assert finished(tmp_path) == ["base", "shuffled", "past", "focal"]


def test_what_there_is_no_time_for_is_named(asked: list[str]) -> None:
    """The base alone is made in a second."""
    done = runner.invoke(app, [*asked, "--limit", "1s", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["left_out"] == ["shuffled", "past", "focal"]
    assert "3 variants were left out" in done.stderr


def test_a_technique_that_there_is_none_of_is_refused(asked: list[str]) -> None:
    """With those there are."""
    done = runner.invoke(app, [*asked, "--only", "magic"])
    assert done.exit_code == 2 and "magic" in done.stderr and "hypergradient" in done.stderr


@pytest.mark.parametrize(("spoil", "said"), [("file", "no such file"), ("labels", "labelled as fraud")])
def test_bad_input_ends_in_a_line_and_status_2(
    asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    spoil: str, said: str,
) -> None:  # fmt: skip
    """Missing files, nothing to learn."""
    path = tmp_path / "payments.csv"
    if spoil == "file":
        path.unlink()
    else:
        path.write_text(path.read_text().replace(",1\n", ",0\n"))
    monkeypatch.setattr("sys.argv", ["ringwatch", *asked])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2 and said in capsys.readouterr().err
