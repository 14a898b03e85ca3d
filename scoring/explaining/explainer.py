"""Explains scores: what each edge and feature adds to the calibrated log-odds, and the known frauds that look alike.

The network's share is what integrated gradients make of it. A hybrid is told by the Shapley values of its trees; the
network is one of their columns, and what that column adds is handed on to what the network reads, in proportion (the
rescale rule of Chen, Lundberg and Lee 2022, "Explaining a series of models by propagating Shapley values").
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import structlog
import torch

from graph.mirror import Mirror
from graph.model import Event, Subgraph
from scoring.core.batch import GraphBatch
from scoring.core.calibration import Calibration
from scoring.engine import Engine, Scorer
from scoring.explaining.about import about
from scoring.explaining.attribution import Attributed, Path, Precision
from scoring.explaining.explanation import ALONE, HYBRID, Explanation, Neighbour, unexplained
from scoring.explaining.neighbours import KnownFrauds, View
from scoring.hybrid import HybridTrees
from scoring.rows import Rows, rows_of
from scoring.score import Contribution, Score, strongest
from scoring.words import WHOLE

log = structlog.get_logger("explainer")

TOP = 64  # edges, and features, that are listed: about 10 KB; those of one meaning are added up on the page
SAME = 0.05  # log-odds: a score that comes out further off was made of something else
TELLING = 0.5  # logits: of a smaller difference the network's parts are mostly for and against, and say little
IDENTITY = ("is_", "hop_")  # names of node features that say what a node is


@dataclass(slots=True)
class _Sum:
    """Parts that add `logit` to `reference`, but for an error, by name."""

    edges: list[tuple[str, float]]
    features: dict[str, float]
    logit: float
    reference: float

    @property
    def total(self) -> float:
        """What all parts add."""
        return sum(value for _, value in self.edges) + sum(self.features.values())

    def calibrated(self, calibration: Calibration) -> _Sum:
        """The same in calibrated log-odds: by the slope, where that is bent by that of the line between both ends."""
        logit, reference = calibration.odds([self.logit, self.reference]).tolist()
        apart = self.logit - self.reference
        by = (logit - reference) / apart if apart else calibration.slope
        edges = [(owner, by * value) for owner, value in self.edges]
        return _Sum(edges, {name: by * value for name, value in self.features.items()}, logit, reference)


@dataclass(slots=True)
class _Share:
    """What the network has to hand on to its parts: `rate` of each, and what other columns add by themselves."""

    rate: float
    columns: dict[str, float]
    logit: float
    reference: float

    @classmethod
    def of_network(cls, path: Path) -> _Share:
        """All there is."""
        return cls(1.0, {}, path.logit, path.reference)

    @classmethod
    def of_hybrid(cls, trees: HybridTrees, rows: Rows, path: Path) -> _Share:
        """Beside the columns of the trees.

        Where the network's own parts nearly cancel, or point the other way than its share, that can't be handed on,
        and stays "the pattern around it".
        """
        logit = np.array([path.logit])
        values, reference = trees.shares(rows, logit)
        row: list[float] = values[0].tolist()
        difference = path.logit - path.reference
        rate = max(row[-1] / difference, 0.0) if abs(difference) >= TELLING else 0.0
        row[-1] -= rate * difference
        return cls(rate, trees.named(row), float(trees.blend(rows, logit)[0]), reference)

    @property
    def allowed(self) -> float:
        """Of an error of the network's, what would be as large as all that is explained."""
        return abs(self.logit - self.reference) / self.rate if self.rate else np.inf

    def dealt(self, edges: list[tuple[str, float]], features: dict[str, float]) -> _Sum:
        """All parts together."""
        added = dict(self.columns)
        for name, value in features.items():
            added[name] = added.get(name, 0.0) + self.rate * value
        return _Sum([(owner, self.rate * value) for owner, value in edges], added, self.logit, self.reference)


class Explainer:
    """Explains what one engine scored, in a thread of its own: it takes a network of its own.

    One who reads the same mirror's past, so `Scorer.read_from` has been called.
    """

    def __init__(
        self, engine: Scorer, mirror: Mirror, known: KnownFrauds | None = None, precision: Precision | None = None
    ) -> None:
        """`known` are the frauds to compare with; where the rules score there is nothing to compare by."""
        self.model = engine.model
        self._engine = engine.twin() if isinstance(engine, Engine) else None
        self._mirror, self._known, self._precision = mirror, known, precision or Precision()
        if self._engine is not None:
            features = self._engine.manifest.features
            self._stays = torch.tensor([name.startswith(IDENTITY) for name in features.nodes])

    def learn(self) -> Iterator[None]:
        """Take in the frauds that became known; there may be a rest between two steps."""
        if self._known is not None and self._engine is not None:
            yield from self._known.learn(self._look)

    def explain(self, score: Score) -> Explanation:
        """The explanation, or why there is none; an error is a reason as well, and is logged."""
        if (reason := self._why_not(score)) is not None:
            return unexplained(score, reason)
        assert self._engine is not None and score.subgraph is not None  # as _why_not found
        try:
            return self._explained(self._engine, score, score.subgraph)
        except Exception as error:  # whatever it is: the score is good, and the next one waits
            log.warning("not explained", score=score.id, error=repr(error)[:500])
            return unexplained(score, f"explaining failed: {error}"[:500])

    def _why_not(self, score: Score) -> str | None:
        if self._engine is None or score.model == "rules":
            return "the rules gave this score: their sentences are the explanation"
        if score.model != self.model:
            return f"{score.model} gave this score, and {self.model} is loaded now"
        if score.subgraph is None:
            return "the score came without its neighbourhood"
        return None

    def _explained(self, engine: Engine, score: Score, subgraph: Subgraph) -> Explanation:
        features, past, batch = engine.read([subgraph])
        path = Path(engine.network, batch, self._stays)
        if engine.trees is None:
            share = _Share.of_network(path)
        else:
            share = _Share.of_hybrid(engine.trees, rows_of(engine.manifest.features, features, past), path)
        found = path.attribute(self._precision, self._precision.relative * share.allowed)
        parts = share.dealt(*self._network(engine, subgraph, found, batch.ends[0].tolist()))
        parts = parts.calibrated(engine.manifest.calibration)
        said = float(np.clip(score.probability, 1e-12, 1 - 1e-12))
        if abs(parts.logit - np.log(said / (1 - said))) > SAME:
            there = 1 / (1 + np.exp(-parts.logit))
            return unexplained(score, f"its neighbourhood gives {there:.3f} now, and the score was {said:.3f}")
        listed = strongest(parts.edges, parts.features.items(), TOP)
        difference = parts.logit - parts.reference
        error = abs(parts.total - difference)
        return msgspec.structs.replace(
            unexplained(score, ""), reason=None, method=ALONE if engine.trees is None else HYBRID, steps=found.steps,
            contributions=listed, about=_about(listed, subgraph), rest=parts.total - sum(part.value for part in listed), logit=parts.logit,
            reference=parts.reference, completeness_error=error, relative_error=error / max(abs(difference), 1e-9),
            neighbours=self._near(engine, score.event, batch),
        )  # fmt: skip

    def _near(self, engine: Engine, event: Event, batch: GraphBatch) -> tuple[Neighbour, ...]:
        if self._known is None:
            return ()
        with torch.inference_mode():
            return self._known.near(event, engine.network.represent(batch)[0].numpy())

    def _network(
        self, engine: Engine, subgraph: Subgraph, found: Attributed, ends: list[int]
    ) -> tuple[list[tuple[str, float]], dict[str, float]]:
        """The network's own edges and features, named as trees name theirs."""
        schema = engine.manifest.features
        known = {relation.name for relation in schema.relations}
        owners = [edge.owner for edge in subgraph.edges if edge.relation in known]
        names = [*(f"event.{name}" for name in schema.event), *schema.past]
        added = dict(zip(names, found.event.tolist(), strict=True))
        apart = torch.ones(len(found.nodes), dtype=torch.bool)
        for place, end in zip(("source", "target"), ends, strict=True):
            if apart[end]:  # an event from a node to itself has one end
                added |= _named(place, schema.nodes, found.nodes[end].tolist())
            apart[end] = False
        added |= _named("mean", schema.nodes, found.nodes[apart].sum(0).tolist())  # what all others are like
        added[WHOLE] = found.whole
        return list(zip(owners, found.edges.tolist(), strict=True)), added

    def _look(self, event: Event) -> View:
        """What the network makes of an event, as of its own time."""
        assert self._engine is not None
        subgraphs = self._mirror.subgraphs([event], self._engine.caps)
        with torch.inference_mode():
            view: View = self._engine.network.represent(self._engine.read(subgraphs)[2])[0].numpy()
        return view


def _about(listed: Sequence[Contribution], subgraph: Subgraph) -> dict[str, str]:
    raised = [part.name for part in listed if part.kind == "feature" and part.value > 0]
    found = ((name, about(name, subgraph)) for name in raised)
    return {name: edge.owner for name, edge in found if edge is not None}


def _named(place: str, names: tuple[str, ...], values: list[float]) -> dict[str, float]:
    return {f"{place}.{name}": value for name, value in zip(names, values, strict=True)}
