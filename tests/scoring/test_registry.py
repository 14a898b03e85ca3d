"""A model folder is what its manifest says, or it is refused with the reason."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from safetensors.torch import load_file, save_file

from scoring import registry
from scoring.core.network import EventNetwork
from scoring.registry import Manifest, ModelRefused
from scoring.schema import FeatureSchema


@pytest.fixture
def folder(tmp_path: Path, schema: FeatureSchema, manifest: Callable[[FeatureSchema], Manifest]) -> Path:
    """A saved model."""
    torch.manual_seed(0)
    made = manifest(schema)
    registry.save(tmp_path / "model", made, EventNetwork(made.sizes), "tree\n")
    return tmp_path / "model"


def test_what_was_saved_is_loaded(folder: Path) -> None:
    """Weights, manifest and the baseline's text."""
    manifest, network, baseline = registry.load(folder)
    assert manifest.model == f"test@{manifest.files['weights.safetensors'][:12]}"
    assert registry.probe(network).logits == manifest.probe.logits
    assert baseline == "tree\n"
    assert not network.training


def edit(folder: Path, **fields: Any) -> None:
    """Change fields of the manifest."""
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def flip(path: Path) -> None:
    """Change one byte in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def other_weights(folder: Path) -> None:
    """Other weights under a digest that fits them."""
    path = folder / "weights.safetensors"
    save_file({name: tensor + 1 for name, tensor in load_file(path).items()}, path)
    edit(folder, files={path.name: hashlib.sha256(path.read_bytes()).hexdigest()})


def narrower(folder: Path) -> None:
    """Sizes that the weights don't have."""
    edit(folder, sizes=json.loads((folder / "manifest.json").read_text())["sizes"] | {"hidden": 16})


def renamed_feature(folder: Path) -> None:
    """Features in another order than this code computes."""
    features = json.loads((folder / "manifest.json").read_text())["features"]
    features["event"][0], features["event"][1] = features["event"][1], features["event"][0]
    edit(folder, features=features)


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "no manifest": (lambda f: (f / "manifest.json").unlink(), "manifest.json can't be read"),
    "cut manifest": (lambda f: (f / "manifest.json").write_text("{"), "manifest.json is damaged"),
    "list for a manifest": (lambda f: (f / "manifest.json").write_text("[]"), "manifest.json is damaged"),
    "missing field": (lambda f: (f / "manifest.json").write_text('{"format": 1}'), "manifest.json is damaged"),
    "other format": (lambda f: edit(f, format=2), "format 2, this code reads 1"),
    "no weights": (lambda f: (f / "weights.safetensors").unlink(), "weights.safetensors can't be read"),
    "flipped byte": (lambda f: flip(f / "weights.safetensors"), "weights.safetensors has sha256"),
    "cut weights": (lambda f: (f / "weights.safetensors").write_bytes(b"x"), "weights.safetensors has sha256"),
    "changed baseline": (lambda f: (f / "baseline.txt").write_text("other"), "baseline.txt has sha256"),
    "weights not listed": (lambda f: edit(f, files={}), "lists no weights.safetensors"),
    "file outside": (lambda f: edit(f, files={"../x": "0"}), "outside the folder"),
    "other weights": (other_weights, "the probe's logits are"),
    "other sizes": (narrower, "does not fit the sizes"),
    "other features": (renamed_feature, "feature schema is"),
    "other hash": (lambda f: edit(f, schema_hash="0"), "the manifest says 0"),
    "odd thresholds": (lambda f: edit(f, thresholds={"alert": 0.1, "attach": 0.5}), "attach <= alert"),
    "odd calibration": (lambda f: edit(f, calibration={"slope": -1.0, "bias": 0.0}), "slope -1.0 is not above 0"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_folder_is_refused_with_the_reason(folder: Path, damage: str) -> None:
    """Nothing is scored by a model that is not what it says."""
    spoil, reason = DAMAGE[damage]
    spoil(folder)
    with pytest.raises(ModelRefused, match=reason) as refused:
        registry.load(folder)
    assert str(folder) in str(refused.value)


def test_features_of_another_version_are_refused(folder: Path, schema: FeatureSchema) -> None:
    """The code that computes them has changed its meaning since."""
    edit(folder, features=msgspec.to_builtins(msgspec.structs.replace(schema, version=99)))
    with pytest.raises(ModelRefused, match="version 99"):
        registry.load(folder)


def test_the_demo_model_that_ships_loads() -> None:
    """With figures, thresholds and the command that makes it again."""
    manifest, _, baseline = registry.load(Path(registry.__file__).parent / "models" / "demo")
    assert manifest.command.startswith("python -m deploy.demo.training")
    assert manifest.metrics["rgcn.pr_auc@unseen"] > manifest.metrics["rules.pr_auc@unseen"]
    assert baseline is not None
