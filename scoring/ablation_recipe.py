"""What an ablation was made of, as one text: data, code and settings. Outcomes of another recipe are no evidence."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

import graph
import scoring
from graph.flat_files import paths
from graph.mapping_file import read_mapping
from scoring.ablation_run import AblationSettings


def recipe(mapping: Path, folder: Path, settings: AblationSettings) -> str:
    """The recipe of a run on these files; a byte that differs in them or in this build makes another.

    Raises:
        FlatError: a file is missing.
        MappingError: it is not a valid mapping.
    """
    rules = [rule.file for rule in read_mapping(mapping).tables.values() if rule.file is not None]
    data = [mapping, *(path for rule in rules for path in paths(rule, folder))]
    parts = {"data": _digest(data), "code": _digest(_code()), "settings": msgspec.to_builtins(settings)}
    return msgspec.json.encode(parts, order="deterministic").decode()


def _code() -> Iterator[Path]:
    for package in (graph, scoring):
        for folder in package.__path__:
            yield from sorted(Path(folder).rglob("*.py"))


def _digest(files: Iterable[Path]) -> str:
    whole = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()[:16]
