"""A bank by hand around an account that was taken over, and the demo's model over it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))  # taken_over.py

from taken_over import Taken, taken_over


@pytest.fixture
def taken() -> Iterator[Taken]:
    """On one thread: the tensors are small."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield taken_over()
    torch.set_num_threads(before)
