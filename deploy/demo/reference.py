"""Give the demo bank's model its reference: what it reads and says on later days of a bank it was trained on.

`python -m deploy.demo.reference [FOLDER]`; takes about two minutes. The version stays: nothing that scores changes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from deploy.compiled_cache import drop_stale
from deploy.config import SHIPPED
from deploy.demo.bank import Bank
from deploy.demo.settings import DAY_MS, BankSettings
from deploy.demo.training import change_of, demo_mapping
from graph.mirror import Mirror
from graph.model import Event
from scoring import registry
from scoring.baseline import Matrix
from scoring.columns import Floats
from scoring.engine import Engine
from scoring.reference import Reference
from scoring.rows import names_of

SEED, USERS, OF_DAYS, DAYS, BATCH = 101, 1_000, 62, 10, 256  # a bank it was trained on, its last days


def reference(folder: Path) -> Reference:
    """What the model of a folder reads and says there."""
    mirror, events = _bank()
    engine, rows, said = Engine.load(folder), list[Matrix](), list[Floats]()
    engine.read_from(mirror)

    def watched(made: Callable[[], Matrix], probability: Floats) -> None:
        rows.append(made())
        said.append(probability)

    engine.watched = watched
    for first in range(0, len(events), BATCH):
        engine.score_events(events[first : first + BATCH])
    return Reference.of(names_of(engine.manifest.features), np.concatenate(rows), np.concatenate(said))


def _bank() -> tuple[Mirror, list[Event]]:
    mirror, mapping, events = Mirror(), demo_mapping(), list[Event]()
    for number, row in enumerate(Bank(BankSettings(seed=SEED, users=USERS, days=OF_DAYS)).changes(), 1):
        plan = mapping.plan(change_of(row, number))
        mirror.apply(plan.upserts)
        events += [event for event in plan.events if event.kind == "new"]
    return mirror, [event for event in events if event.time_ms >= events[-1].time_ms - DAYS * DAY_MS]


def main(folder: Path) -> None:
    """Write the folder again, with the reference."""
    made, loaded = reference(folder), registry.load(folder)
    full = registry.save(folder, loaded.manifest, loaded.network, loaded.baseline, loaded.trees, made)
    sys.stdout.write(f"{full.model}: {made.events:,} events, {len(made.columns)} columns\n")


if __name__ == "__main__":
    drop_stale()
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else SHIPPED)
