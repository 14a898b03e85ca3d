"""Which scores are explained, in what order, and how gently: one thread that rests three times as long as it works.

The scorer shares its process, its interpreter and its processor with this. So the thread works on one score at a time,
sleeps `REST` times as long as that took, and longer while the scorer is busy. It has the scorer's own priority: a lower
one held up the scorer for seconds, whenever the system took the processor from it while it held the interpreter's lock
(DECISIONS.md, 56).
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence

import structlog

from ingest.events import Transient
from scoring.explaining.explainer import Explainer
from scoring.explaining.explanation import Explanation, wanted
from scoring.score import Score

log = structlog.get_logger("explainer")

REST = 3.0  # so at most a quarter of one core
LONGEST_S = 1.0  # of one rest
YIELDS_S = 5.0  # for a scorer that is busy, before each score at most: alerts are not to wait for ever
LOOK_S = 0.02
REMEMBERED = 10_000  # events, so that what is read twice is explained once
LONGEST_PAUSE_S = 15.0
NEVER = ("", 0, False)  # below the rank of every score


class Desk:
    """Explains batches of scores. For one thread; `stopping` ends it between two scores."""

    def __init__(
        self,
        explainer: Explainer,
        stopping: threading.Event,
        rest: float = REST,
        busy: Callable[[], bool] = lambda: False,
    ) -> None:
        """`rest` in shares of the time that was worked; `busy` tells whether the scorer has more to do than at rest."""
        self.explained = 0
        self._explainer, self._stopping, self._rest, self._busy = explainer, stopping, rest, busy
        self._done: OrderedDict[str, tuple[str, int, bool]] = OrderedDict()  # the rank that was explained last

    def use(self, explainer: Explainer) -> None:
        """Another model scores from now on."""
        self._explainer = explainer

    def explain(self, scores: Iterable[Score]) -> list[Explanation]:
        """Explain what somebody will look at: the newest score of each event, unless that or a newer one was before.

        When it is told to stop, what it has by then; nothing of it counts as done before `finish`.
        """
        newest: dict[str, Score] = {}
        for score in scores:
            held = newest.get(score.event.id)
            if wanted(score) and (held is None or held.rank < score.rank):
                newest[score.event.id] = score
        fresh = [score for id, score in newest.items() if self._done.get(id, NEVER) < score.rank]
        made: list[Explanation] = []
        if fresh:
            self._learn()
        for score in fresh:
            if self._stopping.is_set():
                break
            started = time.perf_counter()
            made.append(self._explainer.explain(score))
            self.relax(time.perf_counter() - started)
        return made

    def finish(self, explanations: Sequence[Explanation]) -> None:
        """Note that these have arrived where they are kept."""
        self.explained += len(explanations)
        for one in explanations:
            self._done[one.event_id] = one.rank
            self._done.move_to_end(one.event_id)
        while len(self._done) > REMEMBERED:
            self._done.popitem(last=False)

    def relax(self, worked_s: float) -> None:
        """Let others go first."""
        self._stopping.wait(min(LONGEST_S, self._rest * worked_s))
        until_s = time.monotonic() + YIELDS_S
        while self._busy() and time.monotonic() < until_s and not self._stopping.wait(LOOK_S):
            pass

    def _learn(self) -> None:
        started = time.perf_counter()
        for _ in self._explainer.learn():
            self.relax(time.perf_counter() - started)
            started = time.perf_counter()
            if self._stopping.is_set():
                return


def insist(work: Callable[[], None], stopping: threading.Event) -> bool:
    """Do it again while it fails for a while; whether it was done before the word to stop."""
    tries = 0
    while not stopping.is_set():
        try:
            work()
            return True
        except Transient as error:
            tries += 1
            pause_s = min(LONGEST_PAUSE_S, 0.25 * 2 ** min(tries, 8))
            log.warning("explanations wait", reason=str(error), tries=tries, retry_in_s=pause_s)
            stopping.wait(pause_s)
    return False
