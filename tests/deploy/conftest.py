"""Shared by the tests of the demo bank: one run of it for the session."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # demo_run.py

from demo_run import Run


@pytest.fixture(scope="session")
def run() -> Run:
    """Read once; no test changes it."""
    return Run()
