"""A model that may fail: what gives a score then. Network, else its boosted trees, else the rules; never nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import structlog

from graph.mirror import Mirror
from graph.model import Caps, Event, Look, Subgraph
from scoring.engine import Engine, RuleEngine, Scored, Scorer
from scoring.score import Contribution

log = structlog.get_logger("scorer")

IN_A_ROW = 5  # failures after which the network is left alone
TRIED = 4  # of so many batches a drifted network is asked one, beside the trees
REST_S = 30.0  # for so long; then it is tried again
Ask = Callable[[Sequence[int], bool], list[Scored] | None]  # events by their place; by the trees alone?


class Guard:
    """A `Scorer` around an engine. One event that breaks the network falls back alone, the others of its batch do not.

    Attributes:
        drifted: set by who watches the scores: the trees score until it is taken back.
        failures: of the network so far.
    """

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds that only rise."""
        self.engine, self._clock = engine, clock
        self.model, self.caps, self.thresholds = engine.model, engine.caps, engine.thresholds
        self.drifted, self.failures = False, 0
        self._row, self._rests_until, self._batches = 0, 0.0, 0
        self.rules = engine.rules
        self._rules = RuleEngine(engine.caps, engine.rules)
        self._mirror: Mirror | None = None

    @property
    def fallen_back(self) -> bool:
        """Whether the trees score at the moment, not the network."""
        return self.drifted or self._clock() < self._rests_until

    @property
    def look(self) -> Look:
        """See Scorer."""
        return self.engine.look

    def read_from(self, mirror: Mirror) -> None:
        """See Scorer."""
        self._mirror = mirror
        self.engine.read_from(mirror)

    def score(self, subgraphs: Sequence[Subgraph]) -> list[Scored]:
        """See Scorer."""

        def ask(which: Sequence[int], fallback: bool) -> list[Scored] | None:
            return self.engine.score([subgraphs[at] for at in which], fallback)

        found = self._asked(range(len(subgraphs)), ask, lambda at: subgraphs[at])
        assert found is not None  # subgraphs can always be scored
        return found

    def score_events(self, events: Sequence[Event], caps: Caps | None = None) -> list[Scored] | None:
        """See Scorer."""

        def ask(which: Sequence[int], fallback: bool) -> list[Scored] | None:
            return self.engine.score_events([events[at] for at in which], caps, fallback)

        def subgraph(at: int) -> Subgraph:
            assert self._mirror is not None  # events are scored only through one
            return self._mirror.subgraphs([events[at]], caps or self.caps)[0]

        return self._asked(range(len(events)), ask, subgraph)

    def explain(self, subgraphs: Sequence[Subgraph], top: int = 8) -> list[tuple[Contribution, ...]]:
        """See Scorer; where the model can't explain, the rules that fired."""
        if not self.fallen_back:
            try:
                return self.engine.explain(subgraphs, top)
            except Exception as error:
                log.warning("no explanation by the model, the rules explain", model=self.model, error=repr(error)[:300])
        return self._rules.explain(subgraphs, top)

    def weigh_events(self, events: Sequence[Event], top: int = 8) -> list[tuple[Contribution, ...]] | None:
        """See Engine; None where the model can't."""
        if not self.fallen_back:
            try:
                return self.engine.weigh_events(events, top)
            except Exception as error:
                log.warning("features could not be weighed alone", model=self.model, error=repr(error)[:300])
        return None

    def reasons(self, subgraph: Subgraph) -> tuple[str, ...]:
        """See Scorer."""
        return self.engine.reasons(subgraph)

    def _asked(self, which: Sequence[int], ask: Ask, subgraph: Callable[[int], Subgraph]) -> list[Scored] | None:
        if self.fallen_back:
            self._try(which, ask)
            return self._by_trees(which, ask, subgraph)
        try:
            found = ask(which, False)
        except Exception as error:  # whatever it is, every event has a score in the end
            if len(which) == 1:
                self._failed(error)
                return self._by_trees(which, ask, subgraph)
            return [one for at in which for one in self._asked([at], ask, subgraph) or ()]
        self._row = 0
        return found

    def _try(self, which: Sequence[int], ask: Ask) -> None:
        """Ask a drifted network now and then, for whoever watches what it would say."""
        self._batches += 1
        if self.drifted and self._batches % TRIED == 0:
            try:
                ask(which, False)
            except Exception as error:
                log.warning("the drifted network failed", model=self.model, error=repr(error)[:300])

    def _failed(self, error: Exception) -> None:
        self.failures += 1
        self._row += 1
        log.error("the network failed, its trees score the event", model=self.model, error=repr(error)[:300])
        if self._row >= IN_A_ROW:
            self._row, self._rests_until = 0, self._clock() + REST_S
            log.error("the network failed again and again: the trees score", model=self.model, for_s=REST_S)

    def _by_trees(self, which: Sequence[int], ask: Ask, subgraph: Callable[[int], Subgraph]) -> list[Scored] | None:
        try:
            return ask(which, True)
        except Exception as error:
            if len(which) > 1:
                return [one for at in which for one in self._by_trees([at], ask, subgraph) or ()]
            log.error("the trees failed too, the rules score the event", model=self.model, error=repr(error)[:300])
        by_rules = self._rules.score([subgraph(at) for at in which])
        return [Scored(one.probability, self.model, "rules", self._rules.thresholds.alert) for one in by_rules]


def guarded(scorer: Scorer) -> Scorer:
    """With trees and rules to fall back to, where it is a network."""
    return Guard(scorer) if isinstance(scorer, Engine) else scorer
