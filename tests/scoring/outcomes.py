"""Made-up outcomes: what a few models of known strength say of events over three weeks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from scoring.core.metrics import Floats
from scoring.outcome import Outcome

START_MS = 1_770_000_000_000
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Model:
    """How far it tells fraud apart, how many seeds, and milliseconds an event."""

    apart: float
    seeds: int = 5
    cost_ms: float | None = None


MODELS = {"rules": Model(0.5, 1), "trees": Model(2.0, cost_ms=0.2), "network": Model(3.0, cost_ms=1.5)}


def outcome_of(
    models: Mapping[str, Model] = MODELS, ours: tuple[str, ...] = ("network",), events: int = 3_000, seed: int = 0
) -> Outcome:
    """Events of which 5 % are fraud; every model errs by itself, the seeds of one mostly alike."""
    generator = np.random.default_rng(seed)
    target = generator.random(events) < 0.05
    time_ms = START_MS + np.sort(generator.integers(0, 24 * DAY_MS, events))
    return Outcome(
        "later",
        np.array([f"bank/{number}" for number in range(events)]),
        time_ms,
        target,
        {name: _said(model, target, name) for name, model in models.items()},
        {name: f"the {name}" for name in models},
        {name: model.cost_ms for name, model in models.items() if model.cost_ms is not None},
        ours,
        notes={"Split": "by time."},
    )


def _said(model: Model, target: np.ndarray, name: str) -> Floats:
    generator = np.random.default_rng(sum(name.encode()))
    alike, alone = generator.normal(0, 1, len(target)), generator.normal(0, 0.2, (model.seeds, len(target)))
    return np.asarray(1 / (1 + np.exp(3 - model.apart * target - alike - alone)))
