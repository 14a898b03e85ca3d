"""Compiling ahead of the first start."""

from __future__ import annotations

from typer.testing import CliRunner

from deploy.cli import app
from graph import adjacency_walk
from scoring import baseline
from scoring.core import kernels


def test_what_scores_is_compiled_ahead() -> None:
    """The walk, the network's loops and the trees' rows have a compiled form afterwards."""
    done = CliRunner().invoke(app, ["compile"])
    assert done.exit_code == 0, done.output
    called = adjacency_walk.walk, adjacency_walk.quick, kernels.convolve, baseline.means_and_tops  # from Python
    assert [function.__name__ for function in called if not function.signatures] == []
