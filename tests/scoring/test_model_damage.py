"""Whatever happens to the bytes of a model folder, it is refused with a reason or it is the model that was saved."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scoring import registry
from scoring.core.network import EventNetwork
from scoring.manifest import encoded
from scoring.model_files import digest_line, sha256
from scoring.registry import Manifest, ModelRefused
from scoring.schema import FeatureSchema

FILES = ("manifest.json", "manifest.sha256", "weights.safetensors", "baseline.txt", "README.md")
ONCE = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
# The function-scoped folder is made whole again before each example, so examples do not see each other.

Whole = dict[str, bytes]


@pytest.fixture
def whole(tmp_path: Path, schema: FeatureSchema, manifest: Callable[[FeatureSchema], Manifest]) -> Whole:
    """The bytes of a saved model."""
    folder = tmp_path / "saved"
    folder.mkdir()
    (folder / "README.md").write_text("Made for a test.\n")
    torch.manual_seed(0)
    made = manifest(schema)
    registry.save(folder, made, EventNetwork(made.sizes), "tree\n")
    return {name: (folder / name).read_bytes() for name in FILES}


def written(folder: Path, files: Whole) -> Path:
    """A folder with these files and no others."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


@ONCE
@given(name=st.sampled_from(FILES), place=st.floats(0, 1, exclude_max=True), mask=st.integers(1, 255))
def test_any_changed_byte_is_refused(whole: Whole, tmp_path: Path, name: str, place: float, mask: int) -> None:
    """In any file, at any place, to any value."""
    content = bytearray(whole[name])
    content[int(place * len(content))] ^= mask
    with pytest.raises(ModelRefused):
        registry.load(written(tmp_path / "model", {**whole, name: bytes(content)}))


@ONCE
@given(name=st.sampled_from(FILES), place=st.floats(0, 1, exclude_max=True))
def test_any_cut_is_refused(whole: Whole, tmp_path: Path, name: str, place: float) -> None:
    """A disk that was full, a copy that broke off."""
    cut = whole[name][: int(place * len(whole[name]))]
    with pytest.raises(ModelRefused):
        registry.load(written(tmp_path / "model", {**whole, name: cut}))


WHOLE = st.integers(-(2**53), 2**53) | st.sampled_from([2**63, 2**64, -(2**70)])  # what a float holds exactly
JSON = st.recursive(
    st.none() | st.booleans() | WHOLE | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every place in a JSON value below its top."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, part in inside for found in [(*path, key), *places(part, (*path, key))]]


@ONCE
@given(data=st.data(), value=JSON)
def test_a_manifest_that_was_rewritten_with_its_digest_is_refused_or_says_what_it_does(
    whole: Whole, tmp_path: Path, data: st.DataObject, value: Any
) -> None:
    """No value makes another exception, and what is loaded is what stands there: nothing is passed over."""
    fields = json.loads(whole["manifest.json"])
    *above, last = data.draw(st.sampled_from(places(fields)))
    part = fields
    for key in above:
        part = part[key]
    part[last] = value
    raw = json.dumps(fields).encode()
    folder = written(tmp_path / "model", {**whole, "manifest.json": raw, "manifest.sha256": digest_line(raw)})
    try:
        loaded, network, *_ = registry.load(folder)
    except ModelRefused:
        return
    assert json.loads(encoded(loaded)) == fields
    assert network.architecture == loaded.sizes and not network.training


@ONCE
@given(place=st.floats(0, 1, exclude_max=True), mask=st.integers(1, 255), header=st.booleans())
def test_weights_that_were_rewritten_with_their_digests_are_refused_or_another_version(
    whole: Whole, tmp_path: Path, place: float, mask: int, header: bool
) -> None:
    """The header's lengths, names and types among them: no other exception, and never under the old version."""
    name = "weights.safetensors"
    content, fields = bytearray(whole[name]), json.loads(whole["manifest.json"])
    reach = 8 + int.from_bytes(content[:8], "little") if header else len(content)
    content[int(place * reach)] ^= mask
    before, fields["files"][name] = fields["version"], sha256(bytes(content))
    fields["version"] = fields["files"][name][:12]
    raw = json.dumps(fields).encode()
    files = {**whole, name: bytes(content), "manifest.json": raw, "manifest.sha256": digest_line(raw)}
    try:
        loaded, *_ = registry.load(written(tmp_path / "model", files))
    except ModelRefused:
        return
    assert loaded.version != before
