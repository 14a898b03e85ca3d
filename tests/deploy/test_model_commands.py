"""`ringwatch model`: what it prints, what it refuses, and that what is promoted scores."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deploy import bootstrap, cli
from deploy.config import ROOT, Settings, settings
from scoring import registry
from scoring.engine import Engine
from scoring.registry import ModelRefused

SHIPPED = ROOT.parent / "scoring/models/demo"
DEMO, SECOND = "demo@8a56e1da9a75", "second@8a56e1da9a75"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Settings are read once in a process; the state is this test's own."""
    monkeypatch.setenv("RINGWATCH_STATE_DIR", str(tmp_path / "state"))
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command as a shell would: status, output, errors."""

    def ran(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["ringwatch", "model", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return ran


@pytest.fixture
def second(tmp_path: Path) -> Path:
    """Another model: the demo's under another name, with a threshold of its own."""
    manifest, network, baseline, trees, *_ = registry.load(SHIPPED)
    thresholds = msgspec.structs.replace(manifest.thresholds, alert=0.5)
    changed: dict[str, Any] = {"name": "second", "thresholds": thresholds}
    registry.save(tmp_path / "second", msgspec.structs.replace(manifest, **changed), network, baseline, trees)
    return tmp_path / "second"


def test_from_an_empty_registry_to_a_model_and_back(run: Run, second: Path) -> None:
    """Each step says what scores now, and how to go on."""
    assert run("list") == (0, f"nothing is promoted: {SHIPPED} scores where it fits the mapping, else the rules\n", "")
    assert run("add", str(SHIPPED))[1] == f"added {DEMO}; to let it score: ringwatch model promote {DEMO}\n"
    assert run("add", str(second))[0] == 0
    assert run("promote", "demo")[1].startswith(f"promoted: {DEMO} since ")
    status, out, _ = run("promote", "second", "--by", "ada", "--reason", "fewer alerts")
    promoted, exported = out.splitlines()
    assert status == 0 and promoted.endswith("UTC by ada: fewer alerts")
    assert exported == "exported, and as the network says, for: onnx"
    assert run("rollback")[1] == f"gave up {SECOND}; promoted: {DEMO}, as before\n"
    assert "nothing is promoted" in run("rollback")[1]


def test_the_list_marks_the_promoted_model_and_shows_figures(run: Run, second: Path) -> None:
    """A row each, the broken one with its reason instead."""
    for folder in (SHIPPED, second):
        run("add", str(folder))
    run("promote", "demo")
    (Settings().registry / SECOND / "baseline.txt").write_text("other")
    status, out, err = run("list")
    head, first, other, now = out.splitlines()
    assert status == 0 and err == ""
    assert head.split() == ["model", "PR-AUC", "trained", "on", "events", "alert", "from", "mapping"]
    assert first.startswith(f"*  {DEMO}    0.683 later, 0.639 unseen  demo bank   382,131  0.199       in use")
    assert other.startswith(f"   {SECOND}  broken: baseline.txt has sha256")
    assert now.startswith(f"promoted: {DEMO} since")


def test_the_list_for_programs_has_the_same(run: Run, second: Path) -> None:
    """One JSON object and nothing else."""
    run("add", str(second))
    run("add", str(SHIPPED), "--json")
    run("promote", "demo", "--json")
    (Settings().registry / SECOND / "manifest.sha256").unlink()
    found = json.loads(run("list", "--json")[1])
    assert found["promoted"] == DEMO and found["folder"] == str(Settings().registry)
    demo, broken = found["models"]
    assert (demo["model"], demo["promoted"], demo["broken"]) == (DEMO, True, None)
    assert demo["pr_auc"] == {"later": 0.68274, "unseen": 0.63918}
    assert broken["promoted"] is False and "manifest.sha256 can't be read" in broken["broken"]


def test_a_model_is_shown_with_its_history(run: Run) -> None:
    """As text and for programs."""
    run("add", str(SHIPPED))
    run("promote", "demo", "--reason", "the first")
    out = run("show", "demo")[1]
    for part in (DEMO, "demo bank, 382,131 events", "16 edges at hop 1", "hybrid.pr_auc@unseen", "UTC (the first)"):
        assert part in out
    found = json.loads(run("show", "demo", "--json")[1])
    assert found["manifest"]["thresholds"]["alert"] == registry.load(SHIPPED)[0].thresholds.alert
    assert [step["reason"] for step in found["history"]] == ["the first"]


def test_what_was_typed_can_not_steer_a_terminal(run: Run) -> None:
    """Nor does what is no text end in a trace."""
    run("add", str(SHIPPED))
    assert "by \\u001b[2J\\udcff" in run("promote", "demo", "--by", "\x1b[2J\udcff")[1]


REFUSED: list[tuple[list[str], str]] = [
    (["show", "none"], "has no model 'none'"),
    (["promote", "none"], "has no model 'none'"),
    (["rollback"], "nothing is promoted"),
    (["add", "BROKEN"], "baseline.txt has sha256"),
    (["show", "second"], "weights.safetensors can't be read"),
    (["promote", "second"], "weights.safetensors can't be read"),
]


@pytest.mark.parametrize(("arguments", "says"), REFUSED, ids=[" ".join(row[0]) for row in REFUSED])
def test_what_can_not_be_done_is_said_in_one_line(run: Run, second: Path, arguments: list[str], says: str) -> None:
    """With status 2."""
    run("add", str(second))
    (Settings().registry / SECOND / "weights.safetensors").unlink()
    (second / "baseline.txt").write_text("other")
    status, out, err = run(*[str(second) if word == "BROKEN" else word for word in arguments])
    assert status == 2 and out == "" and says in err and err.startswith("ringwatch: ") and err.count("\n") == 1


def test_a_damaged_state_is_said_in_one_line(run: Run) -> None:
    """With the file and the mend."""
    run("add", str(SHIPPED))
    run("promote", "demo")
    (Settings().registry / "promoted.json").write_text("{")
    status, _, err = run("list")
    assert status == 2 and "promoted.json is damaged" in err and err.count("\n") == 1


def test_a_model_of_another_mapping_is_not_promoted(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to do; the list says that it is of another."""
    other = tmp_path / "mapping.toml"
    other.write_text((ROOT / "demo/mapping.toml").read_text().replace("TRANSFER", "PAYMENT"))
    monkeypatch.setenv("RINGWATCH_MAPPING", str(other))
    run("add", str(SHIPPED))
    status, _, err = run("promote", "demo")
    assert status == 2 and "train a model on this one" in err
    assert run("list")[1].splitlines()[1].endswith("another")


def test_what_is_promoted_scores(run: Run, second: Path) -> None:
    """And what it was rolled back to; where nothing is promoted, the demo bank's."""
    run("add", str(second))
    run("add", str(SHIPPED))
    chosen = Settings()
    assert bootstrap.engine(chosen).model == DEMO and bootstrap.model_folder(chosen) == SHIPPED
    run("promote", "second")
    scorer = bootstrap.engine(chosen)
    assert isinstance(scorer, Engine) and scorer.model == SECOND and scorer.thresholds.alert == 0.5
    assert bootstrap.model_folder(chosen) == chosen.registry / SECOND
    run("rollback")
    assert bootstrap.engine(chosen).model == DEMO


def test_a_model_that_is_set_scores_whatever_is_promoted(
    run: Run, second: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sets one means it; whoever promotes is told."""
    run("add", str(second))
    monkeypatch.setenv("RINGWATCH_MODEL", str(SHIPPED))
    settings.cache_clear()
    _, _, err = run("promote", "second")
    assert err.endswith(f"RINGWATCH_MODEL is set: with it {SHIPPED} scores, whatever is promoted\n")
    assert bootstrap.engine(Settings()).model == DEMO and bootstrap.model_folder(Settings()) == SHIPPED


def test_a_promoted_model_that_broke_scores_nothing(run: Run, second: Path) -> None:
    """A process that starts refuses; it does not quietly score by another."""
    run("add", str(second))
    run("promote", "second")
    (Settings().registry / SECOND / "baseline.txt").write_text("other")
    with pytest.raises(ModelRefused, match=r"baseline\.txt has sha256"):
        bootstrap.engine(Settings())


def test_the_registry_is_where_it_is_set(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else in the state folder."""
    assert Settings().registry == tmp_path / "state" / "models"
    monkeypatch.setenv("RINGWATCH_MODELS", str(tmp_path / "shared"))
    run("add", str(SHIPPED))
    assert (tmp_path / "shared" / DEMO / "manifest.json").exists()
