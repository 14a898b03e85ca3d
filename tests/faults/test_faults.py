"""Each fault once, on servers of their own, so that a broken one hurts no other test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.config import Settings
from deploy.faults.check import Check
from deploy.faults.faults import FAULTS, Fault
from deploy.faults.ground import Ground, apart
from deploy.faults.play import play

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1_200)]

PER_S = 60.0
# Shorter than `make faults` has it, for the time it takes. Of two workers the paused one has to be given up by its
# group (10 s) while it holds its locks.
HOLD_S = {"one-of-two-paused": 20.0, "ingest-paused": 12.0, "neo4j-paused": 8.0}
NETWORK_S = 8.0
SHIFT = 4_500  # of the ports: neither the session's stack nor anybody's own


class Scene:
    """The ground, made anew behind a fault that left it broken."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.ground: Ground | None = None

    def ready(self) -> tuple[Ground, Check]:
        if self.ground is None:
            self.ground = Ground(self._settings, PER_S, print).start()
            self._check = Check(self.ground)
        return self.ground, self._check

    def clear(self) -> None:
        if self.ground is not None:
            self.ground.stop()
        self.ground = None


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Servers under a folder that the database's own user can enter."""
    folder = tmp_path_factory.mktemp("faults")
    for parent in (folder, folder.parent, folder.parent.parent):
        parent.chmod(0o755)
    made = Scene(apart(Settings(state_dir=folder, stack_port_shift=SHIFT)))
    yield made
    made.clear()


def hold_s(fault: Fault) -> float:
    return HOLD_S.get(fault.name, NETWORK_S if fault.name.startswith("network-") else fault.hold_s)


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_nothing_is_lost_and_nothing_is_there_twice(fault: Fault, scene: Scene) -> None:
    """In the middle of a load; ingest lives through it; `stack status` tells of a server that is not well."""
    ground, check = scene.ready()
    outcome = play(ground, check, fault, 1, hold_s(fault))
    if not outcome.good:
        print(ground.keep_logs(fault.name))
        scene.clear()
    assert outcome.good, outcome
    assert outcome.state != "up" or fault.name.endswith("-disk-full"), outcome
