"""The manifest of a model folder: all there is to know of a model, and what vouches for the files beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from graph.model import Caps
from scoring.blend import Blend
from scoring.core.architecture import Architecture
from scoring.core.calibration import Calibration
from scoring.schema import FeatureSchema

FORMAT = 2  # 1 had neither `kind` nor the digest of the manifest beside it
MANIFEST = "manifest.json"
WEIGHTS = "weights.safetensors"
BASELINE = "baseline.txt"
TREES = "trees.txt"
README = "README.md"
REFERENCE = "reference.json"  # what it read and said when it was made (scoring/reference.py)
TOLERANCE = 1e-4  # of a logit, between the machine that trained and the one that loads
OPTIONS = ("sizes.", "features.", "blend")  # a field that may lack, or with a dot fields in it: at its default then
AGAIN = "take the folder again from where it was made, or train anew"


class ModelRefused(Exception):
    """A model folder can't be used: the message says which file, what is wrong and the mend. Retrying won't help."""

    def __init__(self, folder: Path, reason: str, mend: str = AGAIN) -> None:
        """Name the folder, the reason and the mend."""
        super().__init__(f"model {folder}: {reason}; {mend}")
        self.folder, self.reason = folder, reason


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of model: files it can't do without, files it may have, and what its own figures are called."""

    needs: frozenset[str]
    may: frozenset[str]
    figures: str

    @property
    def files(self) -> frozenset[str]:
        """Every file its folder may hold beside the manifest and its digest."""
        return self.needs | self.may


KINDS: Mapping[str, Kind] = {
    "network": Kind(frozenset({WEIGHTS}), frozenset({BASELINE, README, REFERENCE}), "rgcn"),
    "hybrid": Kind(frozenset({WEIGHTS, TREES}), frozenset({BASELINE, README, REFERENCE}), "hybrid"),
}


class Thresholds(msgspec.Struct, frozen=True):
    """Calibrated probabilities: from `alert` on an alert is due, from `attach` on it is a near miss."""

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
        version: see `version_of`.
        schema_hash: of `features`, to be compared at a glance.
        mapping: relations and labels stand in `features`; this is the sha256 of the mapping file they came from.
        sizes: widths and options of the network. One that is added later needs a default: older models lack it.
        seeds: of the data, then of the runs; `seed` made these weights.
        command: that makes this folder again.
        metrics: as measured when it was made, with the truth.
        parity: largest difference between the two layouts of the convolution with these weights.
        files: sha256 of each file beside the manifest.
        kind: which of `KINDS` it is.
        blend: weights of a hybrid's members; another kind has none.
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
    kind: str = "network"
    blend: Blend = Blend()

    @property
    def model(self) -> str:
        """Name and version, as scores carry it."""
        return f"{self.name}@{self.version}"

    @property
    def pr_auc(self) -> dict[str, float]:
        """The model's own PR-AUC by test set, as measured when it was made."""
        own = f"{KINDS[self.kind].figures}.pr_auc@"
        return {name.removeprefix(own): value for name, value in self.metrics.items() if name.startswith(own)}


def version_of(files: Mapping[str, str]) -> str:
    """A version: the first 12 characters of the weights' sha256.

    With trees: of the digests of weights, trees and, where there is one, baseline, all of which score, behind one
    another.
    """
    if TREES not in files:
        return files[WEIGHTS][:12]
    scoring = [files[name] for name in (WEIGHTS, TREES, BASELINE) if name in files]
    return hashlib.sha256("".join(scoring).encode()).hexdigest()[:12]


def encoded(manifest: Manifest) -> bytes:
    """As it stands in the folder."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def decoded(folder: Path, raw: bytes) -> Manifest:
    """Read a manifest's bytes; what the values mean is for `manifest_checks`.

    Raises:
        ModelRefused: no manifest, or one of a format, of a kind or with a field that this code does not know.
    """
    try:
        written: Mapping[str, Any] = msgspec.json.decode(raw, type=dict[str, Any])
        if written.get("format") != FORMAT:
            raise ModelRefused(folder, f"{MANIFEST} has format {written.get('format')!r}, this code reads {FORMAT}")
        kind = written.get("kind")
        if kind not in list(KINDS):  # a list: what was written may not be hashable
            raise ModelRefused(folder, f"{MANIFEST} is of kind {kind!r}, this code knows {', '.join(KINDS)}")
        manifest = msgspec.json.decode(raw, type=Manifest)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise ModelRefused(folder, f"{MANIFEST} is damaged: {error}") from error
    # An option that is passed over makes another model than was trained; so does a value that nobody wrote.
    if problem := _misfit(written, msgspec.to_builtins(manifest), ""):
        raise ModelRefused(folder, f"{MANIFEST} {problem}")
    return manifest


def _misfit(written: Mapping[str, Any], known: Mapping[str, Any], inside: str) -> str:
    """The first field written that was not taken, or taken that was not written; empty: there is none."""
    for name in [*written, *known]:
        if name not in known:
            return f"has {inside + name!r}, which this code does not know"
        if name not in written and inside not in OPTIONS and name not in OPTIONS:
            return f"lacks {inside + name!r}"
        value = written.get(name)
        if isinstance(value, dict) and (found := _misfit(value, known[name], f"{inside}{name}.")):
            return found
    return ""
