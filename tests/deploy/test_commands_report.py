"""`ringwatch evaluate` on flat files and `ringwatch compare`: a table, JSON or a page out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from flat_payments import write
from typer.testing import CliRunner

from deploy.cli import app, main
from deploy.config import settings
from scoring.experiment import TITLES
from scoring.outcome import Outcome, load

runner = CliRunner()


@pytest.fixture
def kept(tmp_path: Path) -> tuple[Path, Path]:
    """What a weak and a strong model said of the same 600 events."""
    generator = np.random.default_rng(0)
    target = generator.random(600) < 0.1
    paths = tmp_path / "a.npz", tmp_path / "b.npz"
    for path, apart in zip(paths, (1.0, 4.0), strict=True):
        said = 1 / (1 + np.exp(3 - apart * target - generator.normal(0, 1, (2, 600))))
        ids, time_ms = np.arange(600).astype(str), np.arange(600) * 4_000_000
        Outcome("later", ids, time_ms, target, {"network": said}, {"network": "network"}).save(path)
    return paths


def test_two_kept_outcomes_are_one_table(kept: tuple[Path, Path]) -> None:
    """Both models of the name, told apart."""
    found = runner.invoke(app, ["compare", *map(str, kept), "--rounds", "100", "--a-day", "5"])
    assert found.exit_code == 0, found.output
    assert "| network | 2 |" in found.output and "| network (second) | 2 |" in found.output
    assert "precision at 5 a day" in found.output


def test_json_is_one_object_and_the_page_is_written(kept: tuple[Path, Path], tmp_path: Path) -> None:
    """With the figures of the strongest, and where the page is on the other stream."""
    page = tmp_path / "new" / "report.html"
    found = runner.invoke(app, ["compare", *map(str, kept), "--rounds", "100", "--json", "--html", str(page)])
    said = json.loads(found.stdout)
    assert said["bench"] == "compare"
    assert said["figures"][0]["name"] == "pr_auc@later"
    assert said["models"]["later"]["network@2"]["pr_auc"]["value"] == said["figures"][0]["value"]
    assert "network (second)" in page.read_text(encoding="utf-8")


def test_a_file_that_is_none_ends_in_one_line_and_status_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No trace."""
    (tmp_path / "a.npz").write_text("x")
    monkeypatch.setattr("sys.argv", ["ringwatch", "compare", str(tmp_path / "a.npz"), str(tmp_path / "b.npz")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.usefixtures("key")
def test_evaluate_trains_on_flat_files_and_keeps_what_was_said(tmp_path: Path) -> None:
    """Every model with its interval, on a bank's files."""
    write(tmp_path)
    kept = tmp_path / "kept.npz"
    asked = ["evaluate", "--mapping", str(tmp_path / "shop.toml"), "--data", str(tmp_path), "--seeds", "1",
             "--epochs", "1", "--keep", str(kept), "--json"]  # fmt: skip
    done = runner.invoke(app, asked)
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert set(said["models"]["shop"]) == set(TITLES) and set(load(kept).said) == set(TITLES)
    assert {f"control_pr_auc_{name}@shop" for name in ("gain", "gain_shuffled", "gain_of_edges")} <= {
        figure["name"] for figure in said["figures"]
    }
    assert str(tmp_path) not in done.stdout
    assert "1,500 events; 0 rows refused" in done.stderr and "seed 0: network" in done.stderr


def test_files_and_the_live_graph_are_not_evaluated_at_once(tmp_path: Path) -> None:
    """Which of the two?"""
    done = runner.invoke(app, ["evaluate", "--live", "--mapping", str(tmp_path / "shop.toml")])
    said = " ".join(done.stderr.replace("│", " ").split())
    assert done.exit_code == 2 and "one of --mapping and --live" in said


def test_a_live_graph_that_does_not_answer_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a line; and nothing on standard output with --json."""
    monkeypatch.setenv("RINGWATCH_NEO4J_URI", "bolt://127.0.0.1:9")
    monkeypatch.setenv("RINGWATCH_NEO4J_PASSWORD", "none")
    settings.cache_clear()
    monkeypatch.setattr("sys.argv", ["ringwatch", "evaluate", "--live", "--json"])
    with pytest.raises(SystemExit) as left:
        main()
    settings.cache_clear()
    found = capsys.readouterr()
    assert left.value.code == 2 and found.out == "" and "ringwatch: Neo4j: ServiceUnavailable" in found.err


@pytest.mark.stack
@pytest.mark.usefixtures("live_shop")
def test_evaluate_trains_on_the_graph_in_neo4j() -> None:
    """Every model, on what was put in."""
    done = runner.invoke(app, ["evaluate", "--live", "--seeds", "1", "--epochs", "1", "--json"])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert set(said["models"]["shop"]) == set(TITLES) and "--live" in said["command"]
    assert "1,500 events in the graph" in done.stderr


@pytest.mark.usefixtures("key")
def test_a_folder_without_the_files_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a line, with the mend."""
    write(tmp_path)
    monkeypatch.setattr("sys.argv", ["ringwatch", "evaluate", "--mapping", str(tmp_path / "shop.toml"), "--data", "."])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2 and "no such file" in capsys.readouterr().err
