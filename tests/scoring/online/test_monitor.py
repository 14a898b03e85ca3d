"""When the trees have to score instead of the network."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from scoring.online.monitor import Monitor
from scoring.reference import Reference

NAMES, DRAW = ["amount"], np.random.default_rng(0)


def batch(shift: float, count: int = 4_096) -> tuple[np.ndarray, np.ndarray]:
    odds = DRAW.normal(shift - 3, 1, count)
    return odds[:, None].astype(np.float32), 1 / (1 + np.exp(-odds))


def guard() -> Any:
    """What a monitor knows of a guard."""
    return SimpleNamespace(drifted=False, model="m@1", engine=SimpleNamespace(watched=None))


def seen(monitor: Monitor, of: Any, shift: float) -> None:
    rows, probability = batch(shift)
    of.engine.watched(lambda: rows, probability)
    monitor.look()


def test_past_the_limit_the_trees_score_until_it_is_well_below_again() -> None:
    monitor, found = Monitor(limit=1.0), guard()
    monitor.follow(found, Reference.of(NAMES, *batch(0.0)), NAMES)
    for shift, drifted in ((0.0, False), (0.7, False), (1.6, True), (0.9, True), (0.0, False)):
        seen(monitor, found, shift)
        assert found.drifted is drifted, (shift, monitor.shift)


def test_without_a_limit_they_never_do() -> None:
    monitor, found = Monitor(limit=0.0), guard()
    monitor.follow(found, Reference.of(NAMES, *batch(0.0)), NAMES)
    seen(monitor, found, 4.0)
    assert not found.drifted and monitor.shift is not None and monitor.shift.score > 1


def test_a_model_without_a_reference_is_compared_with_its_first_events() -> None:
    monitor, found = Monitor(limit=1.0), guard()
    monitor.follow(found, None, NAMES)
    seen(monitor, found, 2.0)
    assert monitor.shift is None
    seen(monitor, found, 2.0)
    assert monitor.shift is not None and monitor.shift.score < 0.1 and not found.drifted
    seen(monitor, found, 0.0)
    assert found.drifted


def test_a_new_model_begins_anew() -> None:
    """What the one before read says nothing of it, and nobody tells of the old one any more."""
    monitor, first, second = Monitor(limit=1.0), guard(), guard()
    monitor.follow(first, Reference.of(NAMES, *batch(0.0)), NAMES)
    seen(monitor, first, 3.0)
    monitor.follow(second, Reference.of(NAMES, *batch(0.0)), NAMES)
    assert monitor.shift is None and first.engine.watched is None
    seen(monitor, second, 0.0)
    assert not second.drifted
    monitor.leave()
    monitor.look()
    assert monitor.shift is None and second.engine.watched is None
