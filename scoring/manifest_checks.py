"""Whether what a manifest says can be: every value that somebody downstream counts on."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from graph.model import Caps
from scoring.blend import Blend
from scoring.cells import past_names
from scoring.core.calibration import Calibration
from scoring.core.topology import FEATURES
from scoring.manifest import BASELINE, KINDS, TREES, Manifest, ModelRefused, Probe, version_of
from scoring.schema import VERSION, rebuilt

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")  # it becomes a folder's name
MOST_HOPS = 4
MOST_EDGES = 256  # of a node, relation and direction
WIDEST = 4096
DEEPEST = 16  # layers
LOOSEST = 1e-3  # of a logit: a probe that accepts more tells no two networks apart
LARGEST_SEED = 2**63 - 1  # torch takes no larger one


def check(folder: Path, manifest: Manifest, mapping: str | None = None) -> None:
    """Refuse a manifest whose values can't be.

    Args:
        folder: where it was read, for the message.
        manifest: to check.
        mapping: sha256 of the mapping in use; None: not compared.

    Raises:
        ModelRefused: the first thing that is wrong.
    """
    for problems in (_numbers, _identity, _schema, _sizes, _caps, _decision, _data, _probe):
        for problem in problems(manifest):
            raise ModelRefused(folder, problem)
    if mapping is not None and manifest.mapping != mapping:
        raise ModelRefused(
            folder,
            f"{manifest.model} was trained on the mapping {manifest.mapping[:12]!r}…, in use is {mapping[:12]!r}…",
            "use the mapping it was trained on, or train a model on this one",
        )


def _numbers(manifest: Manifest) -> Iterator[str]:
    """First of all: a comparison with what is not finite says nothing."""
    return _endless(msgspec.to_builtins(manifest), "")


def _endless(value: Any, place: str) -> Iterator[str]:
    if isinstance(value, float) and not math.isfinite(value):
        yield f"{place} is {value}, not a finite number"
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from _endless(part, f"{place}.{name}" if place else name)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _endless(part, place)


def _identity(manifest: Manifest) -> Iterator[str]:
    if not NAME.fullmatch(manifest.name):
        yield f"name {manifest.name!r} is not letters, digits, dots, dashes and underscores, 64 at most"
    kind = KINDS[manifest.kind]
    for name in sorted(kind.needs - manifest.files.keys()):
        yield f"the manifest lists no {name}"
    for name in sorted(manifest.files.keys() - kind.files):
        yield f"the manifest lists {name!r}; a model of kind {manifest.kind} has {', '.join(sorted(kind.files))}"
    if manifest.blend.baseline and BASELINE not in manifest.files:
        yield f"the manifest lists no {BASELINE}, the blend gives it {manifest.blend.baseline:.3g}"
    if manifest.kind != "hybrid" and manifest.blend != Blend():
        yield f"blend {manifest.blend} belongs to a hybrid, this is a {manifest.kind}"
    if (made := version_of(manifest.files)) != manifest.version:
        yield f"version is {manifest.version!r}, the files' is {made!r}"


def _schema(manifest: Manifest) -> Iterator[str]:
    """The same features in the same order, and widths that fit them."""
    features = manifest.features
    if features.version != VERSION:
        yield f"features are of version {features.version}, this code computes {VERSION}"
    try:
        made = rebuilt(features)
    except ValueError as error:
        yield f"features can't be computed: {error}"
        return
    if made.hash != manifest.schema_hash or features.hash != manifest.schema_hash:
        yield f"feature schema is {made.hash}, the manifest says {manifest.schema_hash}"
    widths = {
        "nodes": len(made.nodes), "attributes": len(made.edges), "event": len(made.event) + len(made.past),
        "relations": len(made.relations),
    }  # fmt: skip
    for name, width in widths.items():
        found = getattr(manifest.sizes, name)
        if found != width:
            yield f"sizes.{name} is {found}, the features have {width}"
    if made.past not in ((), past_names(made)):
        yield "features.past is not what this code computes"
    if TREES in manifest.files and not made.past:
        yield "features.past is empty, the trees of a hybrid read it"
    if not made.relations:
        yield "features have no relation"


def _sizes(manifest: Manifest) -> Iterator[str]:
    sizes = asdict(manifest.sizes)
    for name, value in sizes.items():
        most = DEEPEST if name == "layers" else WIDEST
        if isinstance(value, int) and not 0 <= value <= most:
            yield f"sizes.{name} is {value}, not 0 to {most}"
    for name in ("hidden", "layers"):
        if sizes[name] < 1:
            yield f"sizes.{name} is {sizes[name]}, not 1 or more"
    for name, value in sizes["decomposition"].items():
        if isinstance(value, int) and not 0 <= value <= WIDEST:
            yield f"sizes.decomposition.{name} is {value}, not 0 to {WIDEST}"
    if not 0 <= sizes["dropout"] < 1:
        yield f"sizes.dropout is {sizes['dropout']}, not 0 or more and below 1"
    if sizes["whole"] not in (0, FEATURES):
        yield f"sizes.whole is {sizes['whole']}, a graph's topology has {FEATURES}"


def _caps(manifest: Manifest) -> Iterator[str]:
    caps: Caps = manifest.caps
    if not 1 <= caps.hops <= MOST_HOPS or not all(1 <= most <= MOST_EDGES for most in caps.per_hop):
        yield f"caps {list(caps.per_hop)} are not 1 to {MOST_HOPS} hops of 1 to {MOST_EDGES} edges"


def _decision(manifest: Manifest) -> Iterator[str]:
    if not 0 < manifest.thresholds.attach <= manifest.thresholds.alert < 1:
        yield f"thresholds {manifest.thresholds} are not 0 < attach <= alert < 1"
    calibrations: dict[str, Calibration] = {
        "calibration": manifest.calibration, "baseline_calibration": manifest.baseline_calibration,
    }  # fmt: skip
    for name, calibration in calibrations.items():
        if not calibration.slope > 0:
            yield f"{name} slope {calibration.slope} is not above 0"


def _data(manifest: Manifest) -> Iterator[str]:
    data = manifest.data
    if not 0 <= data.from_ms <= data.to_ms or data.labels_by_ms < 0:
        yield f"data's times {data.from_ms} to {data.to_ms}, labels by {data.labels_by_ms} ms, are no times in order"
    if not 0 <= data.positives <= data.events:
        yield f"data has {data.positives} positives of {data.events} events"


def _probe(manifest: Manifest) -> Iterator[str]:
    probe: Probe = manifest.probe
    if not 0 < probe.tolerance <= LOOSEST:
        yield f"probe.tolerance is {probe.tolerance}, not above 0 and up to {LOOSEST}"
    if not 0 <= probe.seed <= LARGEST_SEED:
        yield f"probe.seed is {probe.seed}, not 0 to {LARGEST_SEED}"
