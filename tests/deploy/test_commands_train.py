"""`ringwatch train`: a model from a bank's flat files or its graph, in a folder or the registry."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch
from flat_payments import write
from typer.testing import CliRunner

from deploy.cli import app
from deploy.config import settings
from scoring import registry
from scoring.core.backend import BackendMissing

runner = CliRunner()
SMALL = ["--epochs", "1", "--most", "400"]


@pytest.mark.usefixtures("key")
def test_train_writes_a_folder_that_loads(tmp_path: Path) -> None:
    """A hybrid for this mapping; where it lies, and what to do next, is told."""
    write(tmp_path)
    mapping = tmp_path / "shop.toml"
    asked = ["train", "--mapping", str(mapping), "--data", str(tmp_path), "--out", str(tmp_path / "m"), *SMALL]
    done = runner.invoke(app, asked)
    assert done.exit_code == 0, done.output
    made = registry.load(tmp_path / "m", hashlib.sha256(mapping.read_bytes()).hexdigest()).manifest
    assert made.kind == "hybrid" and f"{made.model} in {tmp_path / 'm'}; take it into" in done.stdout
    assert str(tmp_path) not in made.command and "1,500 events; 0 rows refused" in done.stderr


@pytest.mark.usefixtures("key")
def test_train_puts_a_model_into_the_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no folder is named; with --json the manifest alone on standard output."""
    write(tmp_path)
    monkeypatch.setenv("RINGWATCH_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("RINGWATCH_MAPPING", str(tmp_path / "shop.toml"))
    settings.cache_clear()
    asked = ["train", "--mapping", str(tmp_path / "shop.toml"), "--data", str(tmp_path), "--name", "shop", *SMALL]
    done = runner.invoke(app, [*asked, "--kind", "network", "--json"])
    listed = runner.invoke(app, ["model", "list"])
    settings.cache_clear()
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["kind"] == "network" and f"shop@{said['version']}" in listed.stdout


@pytest.mark.parametrize(
    ("asked", "said"),
    [([], "train on what?"), (["--live", "--mapping", "shop.toml"], "one of --mapping and --live")],
)
def test_train_on_nothing_or_on_two_things_is_refused(asked: list[str], said: str) -> None:
    """With what to give."""
    done = runner.invoke(app, ["train", *asked])
    assert done.exit_code == 2 and said in " ".join(done.stderr.replace("│", " ").split())


@pytest.mark.stack
@pytest.mark.usefixtures("live_shop")
def test_train_learns_from_the_graph_in_neo4j(tmp_path: Path) -> None:
    """By the mapping in use, which the model is bound to."""
    done = runner.invoke(app, ["train", "--live", "--out", str(tmp_path / "m"), *SMALL])
    assert done.exit_code == 0, done.output
    made = registry.load(tmp_path / "m", hashlib.sha256((tmp_path / "shop.toml").read_bytes()).hexdigest()).manifest
    assert "--live" in made.command and "1,500 events in the graph" in done.stderr


@pytest.mark.usefixtures("key")
@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_a_device_that_is_not_there_is_refused_before_anything_is_read(command: str, tmp_path: Path) -> None:
    """With the mend."""
    write(tmp_path)
    asked = [command, "--mapping", str(tmp_path / "shop.toml"), "--data", str(tmp_path), "--device", "cuda", *SMALL]
    done = runner.invoke(app, asked)
    assert isinstance(done.exception, BackendMissing) and "use cpu" in str(done.exception)
    assert "events" not in done.stderr
