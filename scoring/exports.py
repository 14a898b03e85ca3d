"""What promotion made of models, for engines that run something else than the weights: files beside the model folders.

They are not part of a model, whose folder stays what training wrote: each can be made anew, and is by the next
promotion. The registry's state has their sha256, so that what is run is what was compared with the network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from scoring.core.network import EventNetwork
from scoring.disk import replace_file
from scoring.manifest import ModelRefused
from scoring.model_files import read_file, sha256

log = structlog.get_logger("registry")

FOLDER = "exports"

Exporter = Callable[[EventNetwork], Mapping[str, bytes]]  # what engines run, by their names


def keep(registry: Path, model: str, made: Mapping[str, bytes]) -> dict[str, str]:
    """Write what was made of a model; the sha256 of each by the name of its engine.

    Raises:
        OSError: the disk does not take it.
    """
    (registry / FOLDER).mkdir(exist_ok=True)
    for engine, content in made.items():
        replace_file(registry / FOLDER / _name(model, engine), content)
    return {engine: sha256(content) for engine, content in made.items()}


def kept(registry: Path, model: str, digests: Mapping[str, str]) -> dict[str, bytes]:
    """What was made of a model, as far as it is there and is what these digests say; of the rest it is said."""
    found: dict[str, bytes] = {}
    for engine, digest in digests.items():
        name = _name(model, engine)
        try:
            content = read_file(registry / FOLDER, name)
        except ModelRefused as refused:
            log.warning("an export is not used, promote the model anew", file=name, reason=refused.reason)
            continue
        if sha256(content) == digest:
            found[engine] = content
        else:
            log.warning("an export is not used, promote the model anew", file=name, reason="it is not what was made")
    return found


def _name(model: str, engine: str) -> str:
    return f"{model}.{engine}"
