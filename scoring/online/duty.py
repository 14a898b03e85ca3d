"""Which models are on duty: one whose scores become alerts, and one beside it that is only compared.

What is promoted meanwhile is loaded beside the work and takes over between two batches, so that nothing waits and
nothing is lost. A model that can't be loaded changes nothing: the one on duty goes on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Protocol

import structlog

from graph.mirror import Mirror
from scoring.engine import Scorer
from scoring.promotions import Role

log = structlog.get_logger("scorer")

LOOK_S = 1.0
Changed = Callable[[Role, Scorer | None], None]


class Watched(Protocol):
    """Tells when another model has a role (`scoring.promotions.Watch`)."""

    def changed(self) -> bool:
        """Whether it has another one than at the last look."""
        ...


class Duty:
    """Who scores. `take` is asked by the one who scores, between batches; `look` by whoever watches beside."""

    def __init__(
        self,
        load: Callable[[Role], Scorer | None],
        watches: Mapping[Role, Watched] | None = None,
    ) -> None:
        """Load both now.

        Args:
            load: gives the model of a role, None where it has none.
            watches: made before anything is loaded, so that nothing falls between the two.

        Raises:
            ValueError: nobody is to score.
            ModelRefused: a model is not what its manifest says; at the start it is not passed over.
        """
        self._load, self._watches = load, watches or {}
        self._mirror: Mirror | None = None
        self._told: list[Changed] = []
        self.refused: str | None = None  # why the last change did not come about; None: it did
        self._now: dict[Role, Scorer | None] = {"main": self._ready("main")}
        self._next: dict[Role, Scorer | None] = {}
        self._lock = threading.Lock()
        self._change("shadow")  # one that can't be loaded is no reason not to score
        if self._now["main"] is None:
            raise ValueError("nobody is to score: no model has the role 'main'")

    def read_from(self, mirror: Mirror) -> None:
        """Have both, and whoever comes later, read this mirror."""
        self._mirror = mirror
        for scorer in (*self._now.values(), *self._next.values()):
            if scorer is not None:
                scorer.read_from(mirror)

    def tell(self, changed: Changed) -> None:
        """Have it told of each that takes over from now on, between two batches: be quick."""
        self._told.append(changed)

    def now(self) -> tuple[Scorer, Scorer | None]:
        """Who scored the last batch, and who was compared."""
        main = self._now["main"]
        assert main is not None  # see _change
        return main, self._now.get("shadow")

    def take(self) -> tuple[Scorer, Scorer | None]:
        """Who scores the next batch, and who is compared with it."""
        with self._lock:
            for role, scorer in self._next.items():
                before, self._now[role] = self._now.get(role), scorer
                if before is not scorer:
                    log.info("on duty", role=role, model=_name(scorer), before=_name(before))
                    for tell in self._told:
                        tell(role, scorer)
            self._next.clear()
            return self.now()

    def look(self) -> None:
        """Load what was promoted since the last look."""
        for role, watch in self._watches.items():
            if watch.changed():
                self._change(role)

    def _change(self, role: Role) -> None:
        try:
            scorer = self._ready(role)
            if role == "main" and scorer is None:
                raise ValueError("nobody is to score: no model has the role 'main'")
        except Exception as error:  # a refused model, a folder that is gone: the one on duty goes on
            self.refused = f"{role}: {error}"
            log.error("the model on duty stays: the one that was promoted can't be loaded", role=role, why=str(error))
            return
        self.refused = None
        with self._lock:
            self._next[role] = scorer

    def _ready(self, role: Role) -> Scorer | None:
        scorer = self._load(role)
        if scorer is not None and self._mirror is not None:
            scorer.read_from(self._mirror)
        return scorer


class DutyWatch(threading.Thread):
    """Looks for promotions until `stopping` is set."""

    def __init__(self, duty: Duty, every_s: float = LOOK_S) -> None:
        """Not started yet."""
        super().__init__(name="duty", daemon=True)
        self.stopping = threading.Event()
        self._duty, self._every_s = duty, every_s

    def run(self) -> None:
        """Look again and again."""
        while not self.stopping.wait(self._every_s):
            self._duty.look()


def _name(scorer: Scorer | None) -> str | None:
    return None if scorer is None else scorer.model
