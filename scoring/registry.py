"""A model is a folder: weights as safetensors, the baseline as LightGBM text, and a manifest that vouches for them.

Loading checks every part and refuses with the reason. Nothing is unpickled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import msgspec
import torch
from safetensors import SafetensorError, deserialize
from safetensors.torch import load as load_weights
from safetensors.torch import save as save_weights

from scoring.core.architecture import Architecture
from scoring.core.batch import GraphBatch
from scoring.core.network import EventNetwork
from scoring.core.random_batch import Shape, random_batch
from scoring.manifest import BASELINE as BASELINE
from scoring.manifest import FORMAT as FORMAT
from scoring.manifest import KINDS as KINDS
from scoring.manifest import MANIFEST as MANIFEST
from scoring.manifest import README, REFERENCE, TREES, decoded, encoded, version_of
from scoring.manifest import WEIGHTS as WEIGHTS
from scoring.manifest import DataRange as DataRange
from scoring.manifest import Manifest as Manifest
from scoring.manifest import ModelRefused as ModelRefused
from scoring.manifest import Probe as Probe
from scoring.manifest import Thresholds as Thresholds
from scoring.manifest_checks import check
from scoring.model_files import DIGEST, digest_line, read_files, read_manifest, sha256
from scoring.reference import Reference


class Loaded(NamedTuple):
    """A model ready for use: with the texts of the baseline and of a hybrid's trees, and with what was exported of it
    when it was promoted (by the name of the engine that is for), where there are any.
    """

    manifest: Manifest
    network: EventNetwork
    baseline: str | None
    trees: str | None = None
    reference: Reference | None = None
    exports: Mapping[str, bytes] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ModelBytes:
    """A whole model folder, read once: what was checked is what is loaded or copied."""

    folder: Path
    raw: bytes
    manifest: Manifest
    files: dict[str, bytes]

    @property
    def digest(self) -> str:
        """Names it: the manifest's sha256, which holds those of the files."""
        return sha256(self.raw)

    @property
    def contents(self) -> dict[str, bytes]:
        """Every file of the folder by name."""
        return {**self.files, MANIFEST: self.raw, DIGEST: digest_line(self.raw)}


def probe_batch(architecture: Architecture, seed: int) -> GraphBatch:
    """A made-up batch of 4 graphs of 20 nodes and 40 edges."""
    return random_batch(architecture, Shape(4, 20, 40), seed)


def probe(network: EventNetwork, seed: int = 0) -> Probe:
    """What the network says of the probe batch."""
    with torch.inference_mode():
        return Probe(seed, tuple(network(probe_batch(network.architecture, seed)).double().tolist()))


def save(
    folder: Path, manifest: Manifest, network: EventNetwork, baseline: str | None = None, trees: str | None = None,
    reference: Reference | None = None,
) -> Manifest:  # fmt: skip
    """Write a model folder; version, probe and file hashes of the manifest are filled in here.

    A README.md that lies in the folder becomes part of the model.

    Raises:
        ModelRefused: the manifest says what can't be; nothing was written.
    """
    network.eval()
    contents = {WEIGHTS: save_weights({name: t.contiguous() for name, t in network.state_dict().items()})}
    contents |= {name: text.encode() for name, text in ((BASELINE, baseline), (TREES, trees)) if text is not None}
    if reference is not None:
        contents[REFERENCE] = msgspec.json.encode(reference)
    if (folder / README).exists():
        contents[README] = (folder / README).read_bytes()
    files = {name: sha256(content) for name, content in contents.items()}
    full = msgspec.structs.replace(manifest, files=files, version=version_of(files), probe=probe(network))
    check(folder, full)
    folder.mkdir(parents=True, exist_ok=True)
    for name in (BASELINE, TREES, REFERENCE):
        (folder / name).unlink(missing_ok=True)  # of a model that was there before
    for name, content in ModelBytes(folder, encoded(full), full, contents).contents.items():
        (folder / name).write_bytes(content)
    return full


def load(folder: Path, mapping: str | None = None, digest: str | None = None) -> Loaded:
    """Read a model folder and check all of it.

    Args:
        folder: to read.
        mapping: sha256 of the mapping in use; None: not compared.
        digest: sha256 of the manifest, as it was when the model was promoted; None: not compared.

    Returns:
        The manifest, the network ready to score, and what texts there are.

    Raises:
        ModelRefused: anything is missing, altered or does not fit; says what.
    """
    return opened(read(folder, mapping, digest))


def read(folder: Path, mapping: str | None = None, digest: str | None = None) -> ModelBytes:
    """Read a model folder's files and check them and the manifest, all that `load` does short of the network.

    Raises:
        ModelRefused: anything is missing, altered or does not fit; says what.
    """
    raw = read_manifest(folder)
    if digest is not None and (found := sha256(raw)) != digest:
        said = f"{MANIFEST} has sha256 {found[:12]}…, when the model was promoted it had {digest[:12]}…"
        raise ModelRefused(folder, said, "put back what was promoted, or promote the model anew")
    manifest = decoded(folder, raw)
    check(folder, manifest, mapping)
    return ModelBytes(folder, raw, manifest, read_files(folder, manifest.files))


def opened(model: ModelBytes) -> Loaded:
    """Build the network and see that it says what the manifest's probe says.

    Raises:
        ModelRefused: the weights do not fit, or another network made the probe.
    """
    folder, manifest = model.folder, model.manifest
    network = _network(folder, manifest, model.files[WEIGHTS])
    said = probe(network, manifest.probe.seed).logits
    apart = max((abs(a - b) for a, b in zip(said, manifest.probe.logits, strict=False)), default=float("inf"))
    if len(said) != len(manifest.probe.logits) or not apart <= manifest.probe.tolerance:
        raise ModelRefused(folder, f"the probe's logits are {apart:.3g} away from the manifest's")
    return Loaded(manifest, network, _text(model, BASELINE), _text(model, TREES), _reference(model))


def _text(model: ModelBytes, name: str) -> str | None:
    try:
        return model.files[name].decode() if name in model.files else None
    except UnicodeDecodeError as error:
        raise ModelRefused(model.folder, f"{name} is no text: {error}") from error


def _reference(model: ModelBytes) -> Reference | None:
    if REFERENCE not in model.files:
        return None
    try:
        return msgspec.json.decode(model.files[REFERENCE], type=Reference)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelRefused(model.folder, f"{REFERENCE} is damaged: {error}") from error


def _network(folder: Path, manifest: Manifest, weights: bytes) -> EventNetwork:
    with torch.device("meta"):  # no memory is taken for sizes that nobody has weights for
        due = sum(t.numel() * t.element_size() for t in EventNetwork(manifest.sizes).state_dict().values())
    if due > len(weights):
        raise ModelRefused(folder, f"{WEIGHTS} does not fit the sizes: {len(weights):,} bytes, they need {due:,}")
    network = EventNetwork(manifest.sizes)
    try:
        _refuse_types(folder, weights)
        state = load_weights(weights)
        network.load_state_dict(state)
    except (SafetensorError, RuntimeError) as error:
        said = " ".join(str(error).split())[:300]  # torch's has a line for each tensor
        raise ModelRefused(folder, f"{WEIGHTS} does not fit the sizes: {said}") from error
    if not all(bool(torch.isfinite(t).all()) for t in state.values()):
        raise ModelRefused(folder, f"{WEIGHTS} holds values that are not finite")
    network.eval()
    return network


def _refuse_types(folder: Path, weights: bytes) -> None:
    """By the header: `load_state_dict` would convert other types without a word."""
    for name, tensor in deserialize(weights):  # type: ignore[no-untyped-call]  # it ships no type
        if tensor["dtype"] != "F32":
            raise ModelRefused(folder, f"{WEIGHTS}: {name!r} is of type {tensor['dtype']}, not F32")
