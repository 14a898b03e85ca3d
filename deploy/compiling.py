"""What numba compiles before the first event is scored, done ahead: it keeps the result beside the source."""

from __future__ import annotations

from pathlib import Path

import scoring
from graph.adjacency import compile_walk
from graph.mirror import Mirror
from scoring.engine import Engine
from scoring.scorer import EventScorer

SHIPPED = Path(scoring.__file__).parent / "models" / "demo"


def compile_all() -> None:
    """Compile, or load where that was done before.

    Raises:
        ModelRefused: the model that ships is not what its manifest says.
    """
    compile_walk()
    EventScorer(Engine.load(SHIPPED), Mirror())
