"""A model folder is what its manifest says, or it is refused with the reason."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from safetensors.torch import load_file, save
from torch import Tensor

from scoring import registry
from scoring.core.network import EventNetwork
from scoring.model_files import FILE_MOST, digest_line
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
    manifest, network, baseline, *_ = registry.load(folder)
    assert manifest.model == f"test@{manifest.files['weights.safetensors'][:12]}"
    assert registry.probe(network).logits == manifest.probe.logits
    assert baseline == "tree\n"
    assert not network.training


def seal(folder: Path, raw: bytes) -> None:
    """Write a manifest and the digest that fits it."""
    (folder / "manifest.json").write_bytes(raw)
    (folder / "manifest.sha256").write_bytes(digest_line(raw))


def edit(folder: Path, **fields: Any) -> None:
    """Change fields of the manifest, under a digest that fits."""
    seal(folder, json.dumps({**json.loads((folder / "manifest.json").read_text()), **fields}).encode())


def edit_in(folder: Path, field: str, **fields: Any) -> None:
    """Change fields of a part of the manifest."""
    edit(folder, **{field: json.loads((folder / "manifest.json").read_text())[field] | fields})


def flip(path: Path) -> None:
    """Change one byte in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def put(folder: Path, name: str, content: bytes) -> None:
    """Another file under digests that fit it."""
    (folder / name).write_bytes(content)
    files = json.loads((folder / "manifest.json").read_text())["files"] | {name: hashlib.sha256(content).hexdigest()}
    edit(folder, files=files, version=files["weights.safetensors"][:12])


def reweigh(folder: Path, change: Callable[[str, Tensor], Tensor]) -> None:
    """Other weights under digests that fit them."""
    tensors = load_file(folder / "weights.safetensors")
    put(folder, "weights.safetensors", save({name: change(name, tensor) for name, tensor in tensors.items()}))


def renamed_weight(folder: Path) -> None:
    """A tensor by another name."""
    tensors = load_file(folder / "weights.safetensors")
    tensors["other"] = tensors.popitem()[1]
    put(folder, "weights.safetensors", save(tensors))


def linked(folder: Path, name: str) -> None:
    """The same bytes, through a link out of the folder."""
    (folder / name).rename(folder.parent / name)
    (folder / name).symlink_to(folder.parent / name)


def piped(folder: Path) -> None:
    """A pipe that nobody writes into."""
    (folder / "baseline.txt").unlink()
    os.mkfifo(folder / "baseline.txt")


def renamed_feature(folder: Path) -> None:
    """Features in another order than this code computes."""
    features = json.loads((folder / "manifest.json").read_text())["features"]
    features["event"][0], features["event"][1] = features["event"][1], features["event"][0]
    edit(folder, features=features)


WEIGHTS = "weights.safetensors"
DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "no folder": (shutil.rmtree, "manifest.json can't be read"),
    "no manifest": (lambda f: (f / "manifest.json").unlink(), "manifest.json can't be read"),
    "no digest": (lambda f: (f / "manifest.sha256").unlink(), "manifest.sha256 can't be read"),
    "changed manifest": (lambda f: flip(f / "manifest.json"), "manifest.json has sha256"),
    "changed digest": (lambda f: flip(f / "manifest.sha256"), "manifest.sha256 says otherwise"),
    "manifest without an end": (lambda f: seal(f, b"{"), "manifest.json is damaged"),
    "list for a manifest": (lambda f: seal(f, b"[]"), "manifest.json is damaged"),
    "bottomless manifest": (lambda f: seal(f, b"[" * 100_000), "manifest.json is damaged"),
    "manifest in no UTF-8": (lambda f: seal(f, b'{"format": "\xff"}'), "manifest.json is damaged"),
    "large manifest": (lambda f: seal(f, b" " * 2**20 + b"{}"), "larger than 1,048,576 bytes"),
    "missing field": (lambda f: seal(f, b'{"format": 2, "kind": "network"}'), "manifest.json is damaged"),
    "other format": (lambda f: edit(f, format=1), "format 1, this code reads 2"),
    "other kind": (lambda f: edit(f, kind="oracle"), "kind 'oracle', this code knows network"),
    "kind of a kind": (lambda f: edit(f, kind=["network"]), "kind .'network'., this code knows network"),
    "unknown field": (lambda f: edit(f, ensemble=3), "has 'ensemble', which this code does not know"),
    "unknown option": (lambda f: edit_in(f, "sizes", wings=4), "has 'sizes.wings', which this code does not know"),
    "calibration that nobody wrote": (lambda f: edit(f, calibration={}), "lacks 'calibration.slope'"),
    "no weights": (lambda f: (f / WEIGHTS).unlink(), "weights.safetensors can't be read"),
    "flipped byte": (lambda f: flip(f / WEIGHTS), "weights.safetensors has sha256"),
    "cut weights": (lambda f: (f / WEIGHTS).write_bytes(b"x"), "weights.safetensors has sha256"),
    "changed baseline": (lambda f: (f / "baseline.txt").write_text("other"), "baseline.txt has sha256"),
    "weights not listed": (lambda f: edit(f, files={}), "lists no weights.safetensors"),
    "file outside": (lambda f: edit_in(f, "files", **{"../x": "0"}), "lists '../x'; a model of kind network has"),
    "file that is none of a model's": (lambda f: put(f, "model.pkl", b""), "lists 'model.pkl'"),
    "file not listed": (lambda f: (f / "model.pkl").write_bytes(b""), "holds 'model.pkl', which the manifest does not"),
    "folder in it": (lambda f: (f / "more").mkdir(), "holds 'more', which the manifest does not"),
    "linked weights": (lambda f: linked(f, WEIGHTS), "weights.safetensors is a symbolic link"),
    "linked manifest": (lambda f: linked(f, "manifest.json"), "manifest.json is a symbolic link"),
    "pipe": (piped, "baseline.txt is no regular file"),
    "other version": (lambda f: edit(f, version="0" * 12), "version is '000000000000', the files' is"),
    "name of a path": (lambda f: edit(f, name="../up"), "name '../up' is not letters"),
    "other weights": (lambda f: reweigh(f, lambda _, t: t + 1), "the probe's logits are"),
    "infinite weight": (lambda f: reweigh(f, lambda _, t: t / 0), "values that are not finite"),
    "weights in double": (lambda f: reweigh(f, lambda _, t: t.double()), "is of type F64, not F32"),
    "weights by other names": (renamed_weight, "does not fit the sizes: .*Unexpected key.* \"other\""),
    "weights that are none": (lambda f: put(f, WEIGHTS, b"0" * 100_000), "does not fit the sizes"),
    "baseline that is no text": (lambda f: put(f, "baseline.txt", b"\xff"), "baseline.txt is no text"),
    "other sizes": (lambda f: edit_in(f, "sizes", hidden=16), "does not fit the sizes"),
    "vast sizes": (lambda f: edit_in(f, "sizes", hidden=4096), "bytes, they need"),
    "impossible sizes": (lambda f: edit_in(f, "sizes", hidden=2**40), "sizes.hidden is"),
    "sizes of other features": (lambda f: edit_in(f, "sizes", event=3), "sizes.event is 3, the features have"),
    "other features": (renamed_feature, "feature schema is"),
    "other hash": (lambda f: edit(f, schema_hash="0"), "the manifest says 0"),
    "odd thresholds": (lambda f: edit(f, thresholds={"alert": 0.1, "attach": 0.5}), "attach <= alert"),
    "odd calibration": (lambda f: edit_in(f, "calibration", slope=-1.0), "calibration slope -1.0 is not above 0"),
    "odd calibration of the baseline": (
        lambda f: edit_in(f, "baseline_calibration", slope=0.0), "baseline_calibration slope 0.0 is not above 0"
    ),
    "threshold that is none": (lambda f: edit_in(f, "thresholds", alert=float("nan")), "manifest.json is damaged"),
    "times in no order": (lambda f: edit_in(f, "data", from_ms=2), "data's times 2 to 1"),
    "time before all times": (lambda f: edit_in(f, "data", labels_by_ms=-1), "labels by -1 ms"),
    "more fraud than events": (lambda f: edit_in(f, "data", positives=11), "11 positives of 10 events"),
    "no hop": (lambda f: edit(f, caps={"per_hop": []}), "are not 1 to 4 hops"),
    "many hops": (lambda f: edit(f, caps={"per_hop": [1] * 5}), "are not 1 to 4 hops"),
    "many edges": (lambda f: edit(f, caps={"per_hop": [16, 257]}), "of 1 to 256 edges"),
    "probe that accepts anything": (lambda f: edit_in(f, "probe", tolerance=10.0), "probe.tolerance is 10.0"),
    "probe without logits": (lambda f: edit_in(f, "probe", logits=[]), "the probe's logits are"),
    "seed that is none": (lambda f: edit_in(f, "probe", seed=-1), "probe.seed is -1"),
}  # fmt: skip


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


def test_a_file_beyond_any_model_s_size_is_not_read_to_its_end(folder: Path) -> None:
    """It would fill the memory before its digest could differ."""
    with (folder / WEIGHTS).open("r+b") as file:
        file.truncate(FILE_MOST + 1)
    with pytest.raises(ModelRefused, match="larger than 67,108,864 bytes"):
        registry.load(folder)


def test_a_model_of_another_mapping_is_refused_with_what_to_do(folder: Path) -> None:
    """Its relations are not those of the graph."""
    assert registry.load(folder, mapping="mapping")[0].mapping == "mapping"
    with pytest.raises(ModelRefused, match=r"in use is 'other'….*train a model on this one"):
        registry.load(folder, mapping="other")


def test_a_model_that_is_not_the_promoted_one_any_more_is_refused(folder: Path) -> None:
    """Though it is whole: somebody rewrote the manifest and its digest."""
    digest = registry.read(folder).digest
    edit_in(folder, "thresholds", alert=0.9)
    assert registry.load(folder)[0].thresholds.alert == 0.9
    with pytest.raises(ModelRefused, match="when the model was promoted it had"):
        registry.load(folder, digest=digest)


def test_a_readme_in_the_folder_becomes_part_of_the_model(folder: Path) -> None:
    """Written before, it is vouched for; changed behind, refused."""
    manifest, network, baseline, *_ = registry.load(folder)
    (folder / "README.md").write_text("Mine\n")
    registry.save(folder, manifest, network, baseline)
    assert "README.md" in registry.load(folder)[0].files
    (folder / "README.md").write_text("Yours\n")
    with pytest.raises(ModelRefused, match=r"README\.md has sha256"):
        registry.load(folder)


def test_what_could_not_be_loaded_is_not_written(folder: Path, tmp_path: Path) -> None:
    """Training finds out at once, not whoever is to use the model."""
    manifest, network, *_ = registry.load(folder)
    with pytest.raises(ModelRefused, match=r"metrics\.pr_auc is nan"):
        registry.save(tmp_path / "new", msgspec.structs.replace(manifest, metrics={"pr_auc": float("nan")}), network)
    assert not (tmp_path / "new").exists()


def test_an_older_model_has_the_defaults_of_later_options(folder: Path) -> None:
    """A field that the manifest lacks is taken from the code."""
    sizes = json.loads((folder / "manifest.json").read_text())["sizes"]
    del sizes["dropout"]
    edit(folder, sizes=sizes)
    assert registry.load(folder)[0].sizes.dropout == 0.1


def test_the_demo_model_that_ships_loads() -> None:
    """With figures, thresholds and the command that makes it again."""
    manifest, _, baseline, *_ = registry.load(Path(registry.__file__).parent / "models" / "demo")
    assert manifest.command.startswith("python -m deploy.demo.training")
    assert manifest.metrics["rgcn.pr_auc@unseen"] > manifest.metrics["rules.pr_auc@unseen"]
    assert baseline is not None
