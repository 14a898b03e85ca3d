"""Compiled code is as old as the sources it was made of."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.compiled_cache import drop_stale

INNER = "from numba import njit\n\n@njit(cache=True)\ndef add(x):\n    return x + {}\n"
OUTER = (
    "from numba import njit\nfrom scoring.inner import add\n\n@njit(cache=True)\ndef two(x):\n    return add(add(x))\n"
)
RUN = "from graph.outer import two; print(two(1))"


@pytest.fixture
def packages(tmp_path: Path) -> list[Path]:
    """A function in one package that calls one in another."""
    made = [tmp_path / "graph", tmp_path / "scoring"]
    for package in made:
        package.mkdir()
        (package / "__init__.py").touch()
    (made[0] / "outer.py").write_text(OUTER)
    (made[0] / "other.py").write_text("SIZE = 1\n")
    (made[1] / "inner.py").write_text(INNER.format(1))
    return made


def run(packages: list[Path]) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA")}
    asked = [sys.executable, "-c", RUN]
    return subprocess.run(
        asked, cwd=packages[0].parent, env=environment, check=True, capture_output=True, text=True
    ).stdout


def test_what_a_helper_does_now_is_what_is_computed(packages: list[Path]) -> None:
    """Numba alone looks at the file of the outer function, and computes what it did before."""
    drop_stale(packages)
    assert run(packages) == "3\n"
    (packages[1] / "inner.py").write_text(INNER.format(10))
    assert run(packages) == "3\n"  # if this fails numba has learned it: the whole of compiled_cache may go
    assert drop_stale(packages) > 0 and run(packages) == "21\n"


def test_what_is_as_it_was_stays(packages: list[Path]) -> None:
    """A file that nothing compiled takes anything from may change."""
    drop_stale(packages)
    run(packages)
    (packages[0] / "other.py").write_text("SIZE = 2\n")
    assert drop_stale(packages) == 0


def test_where_nothing_may_be_removed_nothing_is(packages: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A read-only installation is no reason not to start."""

    def refused(*_: object, **__: object) -> None:
        raise PermissionError("read-only")

    monkeypatch.setattr(Path, "mkdir", refused)
    monkeypatch.setattr(Path, "write_text", refused)
    assert drop_stale(packages) == 0
