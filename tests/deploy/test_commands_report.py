"""`ringwatch compare`: two files in, a table, JSON or a page out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from deploy.cli import app, main
from scoring.outcome import Outcome

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
