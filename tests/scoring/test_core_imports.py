"""The core stays domain-free: what its files may import, by name."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

import scoring.core

FILES = sorted(Path(scoring.core.__file__).parent.glob("*.py"))
ALLOWED = {"torch", "torch_geometric", "numpy", "numba", "scipy", "sklearn", *sys.stdlib_module_names}
WORDS = re.compile(r"\b(accounts?|customers?|frauds?|fraudulent|money|payments?|transfers?|transactions?)\b", re.I)


def imported(file: Path) -> set[str]:
    """Every module a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add("." * node.level + (node.module or ""))
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_core_file_imports_tensors_and_the_core_only(file: Path) -> None:
    """Import-linter names what is forbidden; here is all that is allowed."""
    others = {name for name in imported(file) if name.split(".")[0] not in ALLOWED}
    assert {name for name in others if not name.startswith("scoring.core.")} == set()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_core_file_speaks_of_no_bank(file: Path) -> None:
    """Its words are nodes, edges and labels."""
    assert WORDS.findall(file.read_text()) == []
