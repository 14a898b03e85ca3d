"""Embedded mode's explanations: the same desk, fed by hand through a bounded queue, without Kafka."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence

from scoring.explaining.desk import Desk, insist
from scoring.explaining.explainer import Explainer
from scoring.explaining.explanation import Explanation, unexplained, wanted
from scoring.score import Score

MOST = 1_000  # scores that wait: 10 to 40 KB each, with their neighbourhoods
BATCH = 4  # explained before any of them is delivered
LOOK_S = 0.2
Deliver = Callable[[Sequence[Explanation]], None]


class LocalExplanations(threading.Thread):
    """Explains what is offered until `stopping` is set."""

    def __init__(self, explainer: Explainer, deliver: Deliver, most: int = MOST) -> None:
        """`deliver` returns when the explanations are kept, or raises Transient; it is called from this thread."""
        super().__init__(name="explainer", daemon=True)
        self.stopping = threading.Event()
        self.desk = Desk(explainer, self.stopping)
        self._deliver = deliver
        self._queue: queue.Queue[Score] = queue.Queue(most)
        self._missed: deque[Explanation] = deque(maxlen=10 * most)

    def offer(self, scores: Sequence[Score]) -> None:
        """Explain these when there is time. Never waits: where the queue is full, that is the reason given."""
        for score in scores:
            if wanted(score):
                try:
                    self._queue.put_nowait(score)
                except queue.Full:
                    self._missed.append(unexplained(score, "too many alerts came at once"))

    def run(self) -> None:
        """Until told to stop."""
        while not self.stopping.is_set():
            made = [*self._take_missed(), *self.desk.explain(self._take())]
            if made and insist(lambda made=made: self._deliver(made), self.stopping):  # type: ignore[misc]
                self.desk.finish(made)

    def _take(self) -> list[Score]:
        scores: list[Score] = []
        while len(scores) < BATCH:
            try:
                scores.append(self._queue.get(block=not scores, timeout=LOOK_S))
            except queue.Empty:
                break
        return scores

    def _take_missed(self) -> list[Explanation]:
        return [self._missed.popleft() for _ in range(len(self._missed))]
