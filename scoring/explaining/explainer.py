"""Explains scores: what each edge and feature adds to the calibrated log-odds, and the known frauds that look alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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
from scoring.explaining.parts import Share
from scoring.rows import rows_of
from scoring.score import Contribution, Score, strongest
from scoring.words import WHOLE

log = structlog.get_logger("explainer")

TOP = 64  # edges, and features, that are listed: about 10 KB; those of one meaning are added up on the page
SAME = 0.05  # log-odds: a score that comes out further off was made of something else
IDENTITY = ("is_", "hop_")  # names of node features that say what a node is


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
            share = Share.of_network(path)
        else:
            share = Share.of_hybrid(engine.trees, rows_of(engine.manifest.features, features, past), path)
        if (reason := _other(engine.manifest.calibration, share.logit, score.probability)) is not None:
            return unexplained(score, reason)
        found = path.attribute(self._precision, self._precision.relative * share.allowed)
        parts = share.dealt(*self._network(engine, subgraph, found, batch.ends[0].tolist()))
        parts = parts.calibrated(engine.manifest.calibration)
        listed = strongest(parts.edges, parts.features.items(), TOP)
        difference = parts.logit - parts.reference
        error = abs(parts.total - difference)
        return msgspec.structs.replace(
            unexplained(score, ""),
            reason=None,
            method=ALONE if engine.trees is None else HYBRID,
            steps=found.steps,
            contributions=listed,
            about=_about(listed, subgraph),
            rest=parts.total - sum(part.value for part in listed),
            logit=parts.logit,
            reference=parts.reference,
            completeness_error=error,
            relative_error=error / max(abs(difference), 1e-9),
            neighbours=self._near(engine, score.event, batch),
        )

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


def _other(calibration: Calibration, logit: float, probability: float) -> str | None:
    """Why a score is not what its neighbourhood gives; None where it is."""
    there, said = float(calibration.odds(logit)), float(np.clip(probability, 1e-12, 1 - 1e-12))
    if abs(there - np.log(said / (1 - said))) <= SAME:
        return None
    return f"its neighbourhood gives {1 / (1 + np.exp(-there)):.3f} now, and the score was {said:.3f}"


def _about(listed: Sequence[Contribution], subgraph: Subgraph) -> dict[str, str]:
    raised = [part.name for part in listed if part.kind == "feature" and part.value > 0]
    found = ((name, about(name, subgraph)) for name in raised)
    return {name: edge.owner for name, edge in found if edge is not None}


def _named(place: str, names: tuple[str, ...], values: list[float]) -> dict[str, float]:
    return {f"{place}.{name}": value for name, value in zip(names, values, strict=True)}
