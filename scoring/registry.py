"""A model is a folder: weights as safetensors, the baseline as LightGBM text, and a manifest that vouches for them.

Loading checks every part and refuses with the reason. Nothing is unpickled.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_weights
from safetensors.torch import save as save_weights

from graph.model import Caps
from scoring.core.architecture import Architecture
from scoring.core.batch import GraphBatch
from scoring.core.calibration import Calibration
from scoring.core.network import EventNetwork
from scoring.core.random_batch import Shape, random_batch
from scoring.core.topology import FEATURES
from scoring.schema import VERSION, FeatureSchema, rebuilt

FORMAT = 1
MANIFEST = "manifest.json"
WEIGHTS = "weights.safetensors"
BASELINE = "baseline.txt"
TOLERANCE = 1e-4  # of a logit, between the machine that trained and the one that loads


class ModelRefused(Exception):
    """A model folder can't be used: the message says which file, what is wrong and the mend. Retrying won't help."""

    def __init__(self, folder: Path, reason: str) -> None:
        """Name the folder and the reason."""
        super().__init__(f"model {folder}: {reason}; take the folder again from where it was made, or train anew")
        self.folder, self.reason = folder, reason


class Thresholds(msgspec.Struct, frozen=True):
    """Calibrated probabilities: from `alert` on an alert is due, from `attach` on evidence is worth its cost."""

    alert: float
    attach: float


class Probe(msgspec.Struct, frozen=True):
    """What the network says of a made-up batch drawn from `seed`: the same on every machine, to `tolerance`."""

    seed: int
    logits: tuple[float, ...]
    tolerance: float = TOLERANCE


class DataRange(msgspec.Struct, frozen=True):
    """What the model was trained on: event times [from_ms, to_ms), labels as known by `labels_by_ms`."""

    source: str
    from_ms: int
    to_ms: int
    labels_by_ms: int
    events: int
    positives: int


class Manifest(msgspec.Struct, frozen=True):
    """All there is to know of a model.

    Attributes:
        schema_hash: of `features`, to be compared at a glance.
        mapping: relations and labels stand in `features`; this names the mapping file they came from.
        seeds: of the data, then of the runs; `seed` made these weights.
        command: that makes this folder again.
        metrics: as measured when it was made, with the truth.
        parity: largest difference between the two layouts of the convolution with these weights.
        files: sha256 of each file beside the manifest.
    """

    format: int
    name: str
    version: str
    features: FeatureSchema
    schema_hash: str
    mapping: str
    caps: Caps
    sizes: Architecture
    calibration: Calibration
    baseline_calibration: Calibration
    thresholds: Thresholds
    data: DataRange
    seed: int
    seeds: dict[str, list[int]]
    command: str
    metrics: dict[str, float]
    parity: float
    probe: Probe
    files: dict[str, str]

    @property
    def model(self) -> str:
        """Name and version, as scores carry it."""
        return f"{self.name}@{self.version}"


def probe_batch(architecture: Architecture, seed: int) -> GraphBatch:
    """A made-up batch of 4 graphs of 20 nodes and 40 edges."""
    return random_batch(architecture, Shape(4, 20, 40), seed)


def probe(network: EventNetwork, seed: int = 0) -> Probe:
    """What the network says of the probe batch."""
    with torch.inference_mode():
        return Probe(seed, tuple(network(probe_batch(network.architecture, seed)).double().tolist()))


def save(folder: Path, manifest: Manifest, network: EventNetwork, baseline: str | None = None) -> Manifest:
    """Write a model folder; version, probe and file hashes of the manifest are filled in here."""
    folder.mkdir(parents=True, exist_ok=True)
    network.eval()
    contents = {WEIGHTS: save_weights({name: t.contiguous() for name, t in network.state_dict().items()})}
    if baseline is not None:
        contents[BASELINE] = baseline.encode()
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    files = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    full = msgspec.structs.replace(manifest, files=files, version=files[WEIGHTS][:12], probe=probe(network))
    (folder / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(full), indent=2) + b"\n")
    return full


def load(folder: Path) -> tuple[Manifest, EventNetwork, str | None]:
    """Read a model folder and check all of it.

    Returns:
        The manifest, the network ready to score, and the baseline's text if there is one.

    Raises:
        ModelRefused: anything is missing, altered or does not fit; says what.
    """
    manifest = _manifest(folder)
    contents = {name: _checked(folder, name, digest) for name, digest in manifest.files.items()}
    if WEIGHTS not in contents:
        raise ModelRefused(folder, f"{MANIFEST} lists no {WEIGHTS}")
    _check_schema(folder, manifest)
    network = _network(folder, manifest, contents[WEIGHTS])
    text = contents.get(BASELINE)
    return manifest, network, None if text is None else text.decode()


def _manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ModelRefused(folder, f"{MANIFEST} can't be read ({error.strerror})") from error
    try:
        written: Mapping[str, Any] = msgspec.json.decode(raw, type=dict[str, Any])
        if written.get("format") != FORMAT:
            raise ModelRefused(folder, f"{MANIFEST} has format {written.get('format')!r}, this code reads {FORMAT}")
        return msgspec.json.decode(raw, type=Manifest)
    except msgspec.DecodeError as error:
        raise ModelRefused(folder, f"{MANIFEST} is damaged: {error}") from error


def _checked(folder: Path, name: str, digest: str) -> bytes:
    if Path(name).name != name:
        raise ModelRefused(folder, f"{MANIFEST} names the file {name!r} outside the folder")
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        raise ModelRefused(folder, f"{name} can't be read ({error.strerror})") from error
    found = hashlib.sha256(content).hexdigest()
    if found != digest:
        raise ModelRefused(folder, f"{name} has sha256 {found[:12]}…, the manifest says {digest[:12]}…")
    return content


def _check_schema(folder: Path, manifest: Manifest) -> None:
    features = manifest.features
    if features.version != VERSION:
        raise ModelRefused(folder, f"features are of version {features.version}, this code computes {VERSION}")
    made = rebuilt(features)
    if made.hash != manifest.schema_hash or features.hash != manifest.schema_hash:
        raise ModelRefused(folder, f"feature schema is {made.hash}, the manifest says {manifest.schema_hash}")
    widths = {
        "nodes": len(made.nodes), "attributes": len(made.edges), "event": len(made.event),
        "relations": len(made.relations),
    }  # fmt: skip
    for name, width in widths.items():
        if asdict(manifest.sizes)[name] != width:
            raise ModelRefused(folder, f"sizes.{name} is {asdict(manifest.sizes)[name]}, the features have {width}")
    if manifest.sizes.whole not in (0, FEATURES):
        raise ModelRefused(folder, f"sizes.whole is {manifest.sizes.whole}, a graph's topology has {FEATURES}")
    if not 0 < manifest.thresholds.attach <= manifest.thresholds.alert < 1:
        raise ModelRefused(folder, f"thresholds {manifest.thresholds} are not 0 < attach <= alert < 1")
    if not manifest.calibration.slope > 0:
        raise ModelRefused(folder, f"calibration slope {manifest.calibration.slope} is not above 0")


def _network(folder: Path, manifest: Manifest, weights: bytes) -> EventNetwork:
    network = EventNetwork(manifest.sizes)
    try:
        state = load_weights(weights)
        network.load_state_dict(state)
    except (SafetensorError, RuntimeError) as error:
        raise ModelRefused(folder, f"{WEIGHTS} does not fit the sizes: {error}") from error
    if not all(bool(torch.isfinite(t).all()) for t in state.values()):
        raise ModelRefused(folder, f"{WEIGHTS} holds values that are not finite")
    network.eval()
    said = probe(network, manifest.probe.seed).logits
    apart = max((abs(a - b) for a, b in zip(said, manifest.probe.logits, strict=False)), default=float("inf"))
    if len(said) != len(manifest.probe.logits) or not apart <= manifest.probe.tolerance:
        raise ModelRefused(folder, f"the probe's logits are {apart:.3g} away from the manifest's")
    return network
