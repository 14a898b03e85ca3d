"""What numba compiles before the first event is scored, done ahead: it keeps the result beside the source."""

from __future__ import annotations

from deploy.config import SHIPPED
from graph.adjacency import compile_walk
from graph.mirror import Mirror
from graph.model import EdgeUpsert, Event
from scoring.engine import Engine
from scoring.scorer import EventScorer


def compile_all() -> None:
    """Compile, or load where that was done before.

    Raises:
        ModelRefused: the model that ships is not what its manifest says.
    """
    compile_walk()
    engine, mirror = Engine.load(SHIPPED), Mirror()
    scorer, relation = EventScorer(engine, mirror), engine.manifest.features.relations[0].name
    for number in (1, 2):  # two of one time take a way of their own into the arrays
        pos = f"warm/0001.1.00000000.{number:016x}.000000"
        mirror.apply([EdgeUpsert(f"warm:{number}:up", pos, 1, relation, "A:1", "A:2", 1, {})])
    scorer.score([Event("warm:3:up", "new", "", 2, relation, "A:1", "A:2", 2, {})])
