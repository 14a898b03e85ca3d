"""Whether a gain comes from the graph: the same model trained and tested on shuffled edges, in the same table."""

from __future__ import annotations

from dataclasses import dataclass

from scoring.core.interval import Interval
from scoring.measured import Measured

SURVIVES = "a gain that survives shuffling is no graph gain"


@dataclass(frozen=True, slots=True)
class Control:
    """Gains in PR-AUC over one rival: edges as they are, edges shuffled, and the first less the second."""

    model: str
    rival: str
    gain: Interval
    shuffled: Interval
    graph: Interval

    @property
    def figures(self) -> dict[str, Interval]:
        """The three by the names they have in JSON."""
        return {"gain": self.gain, "gain_shuffled": self.shuffled, "gain_of_edges": self.graph}

    @property
    def verdict(self) -> str:
        """What the gain is."""
        if not self.gain.above_zero:
            return "no gain to explain: its interval includes zero"
        if not self.graph.above_zero:
            return SURVIVES
        if self.shuffled.above_zero:
            return f"{self.shuffled.value:+.3f} of it survives shuffling; {SURVIVES}, the rest is"
        return "gone with shuffled edges: a graph gain"


def control(measured: Measured, model: str, shuffled: str, rival: str) -> Control:
    """Compare a model with its shuffled twin, both against a rival.

    Args:
        measured: of an outcome that holds all three.
        model: trained and tested on the edges as they are.
        shuffled: the same, trained and tested on `scoring.shuffle.shuffled` columns.
        rival: best one that reads no edges (boosted trees on the event's own row): against a rival that reads the
            graph, shuffling would take away what the rival has as well.
    """
    title = measured.outcome.title
    return Control(
        title(model),
        title(rival),
        measured.difference(model, rival, "pr_auc"),
        measured.difference(shuffled, rival, "pr_auc"),
        measured.difference(model, shuffled, "pr_auc"),
    )
