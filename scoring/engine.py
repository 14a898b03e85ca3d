"""Engine: subgraphs in, calibrated probabilities and the evidence for them out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

import torch
from torch import Tensor

from graph.model import Caps, Subgraph
from scoring import registry, rules
from scoring.columns import Reader
from scoring.core.network import EventNetwork
from scoring.features import compute
from scoring.registry import Manifest, Thresholds
from scoring.score import Contribution


@dataclass(frozen=True, slots=True)
class Scored:
    """A calibrated probability (0 to 1) and the model, name@version, that gave it."""

    probability: float
    model: str


class Scorer(Protocol):
    """What scores events: the network's `Engine`, or the `RuleEngine` where none is promoted."""

    model: str
    caps: Caps
    thresholds: Thresholds

    def score(self, subgraphs: Sequence[Subgraph]) -> list[Scored]:
        """Score subgraphs, in their order."""
        ...

    def explain(self, subgraphs: Sequence[Subgraph], top: int = 8) -> list[tuple[Contribution, ...]]:
        """The strongest parts of the evidence of each, strongest first."""
        ...

    def reasons(self, subgraph: Subgraph) -> tuple[str, ...]:
        """Sentences an analyst reads, strongest first."""
        ...


class Engine:
    """The network of a model folder, ready to score. Not for use by several threads at once."""

    def __init__(self, manifest: Manifest, network: EventNetwork, names: rules.Names | None = None) -> None:
        """Take what `registry.load` gave."""
        self.manifest, self.network = manifest, network
        self.model, self.caps, self.thresholds = manifest.model, manifest.caps, manifest.thresholds
        self._reader, self._topology = Reader(manifest.features), network.architecture.whole > 0
        self._names = names

    @classmethod
    def load(cls, folder: Path, threads: int = 1) -> Engine:
        """Load a model folder; `threads` sets torch's threads for the whole process.

        Raises:
            ModelRefused: the folder is not what its manifest says.
        """
        return cls.of(registry.load(folder), threads)

    @classmethod
    def of(cls, loaded: registry.Loaded, threads: int = 1) -> Engine:
        """A model that was loaded; `threads` as of `load`."""
        torch.set_num_threads(threads)
        manifest, network, _ = loaded
        return cls(manifest, network)

    def score(self, subgraphs: Sequence[Subgraph]) -> list[Scored]:
        """Score subgraphs, in their order.

        Raises:
            FeatureError: a subgraph breaks its contract.
        """
        if not subgraphs:
            return []
        batch = compute(self._reader.read(subgraphs), self.manifest.features).batch(self._topology)
        with torch.inference_mode():
            logit = self.network(batch).numpy()
        return [Scored(float(p), self.model) for p in self.manifest.calibration.probability(logit)]

    def explain(self, subgraphs: Sequence[Subgraph], top: int = 8) -> list[tuple[Contribution, ...]]:
        """Gradient times input: what each edge's messages, and each feature, add to the calibrated logit.

        An edge is weighed by a gate on its messages, a feature by its distance from the training mean.
        At most `top` edges and `top` features of each. Costs about three scores alone, one and a half in
        a batch: for events somebody will look at.
        """
        if not subgraphs:
            return []
        batch = compute(self._reader.read(subgraphs), self.manifest.features).batch(self._topology)
        gate = torch.ones(batch.edges.shape[1], requires_grad=True)
        batch = replace(batch, x=batch.x.requires_grad_(), event=batch.event.requires_grad_())
        logit = self.network(batch, gate) * self.manifest.calibration.slope
        by_edge, by_node, by_event = torch.autograd.grad(logit.sum(), [gate, batch.x, batch.event])
        events = _weigh(by_event, batch.event, self.network.scale_event.mean)
        ends = [_weigh(by_node[end], batch.x[end], self.network.scale_nodes.mean) for end in batch.ends.T]
        known = {relation.name for relation in self.manifest.features.relations}
        edges = iter(by_edge.tolist())
        explained = []
        for at, subgraph in enumerate(subgraphs):
            owners = [edge.owner for edge in subgraph.edges if edge.relation in known]
            features = dict(zip(self._names_of("event"), events[at], strict=True))
            for name, moved in zip(("source", "target"), ends, strict=True):
                features |= dict(zip(self._names_of(name), moved[at], strict=True))
            found = _strongest("edge", [(owner, next(edges)) for owner in owners], top)
            found += _strongest("feature", features.items(), top)
            explained.append(tuple(sorted(found, key=lambda part: (-abs(part.value), part.kind, part.name))))
        return explained

    def _names_of(self, part: str) -> list[str]:
        features = self.manifest.features
        return [f"{part}.{name}" for name in (features.event if part == "event" else features.nodes)]

    def reasons(self, subgraph: Subgraph) -> tuple[str, ...]:
        """What the rules say of it, strongest first."""
        return tuple(finding.sentence for finding in rules.findings(subgraph, self._names))


class RuleEngine:
    """The rules alone, as a model called `rules`: what scores when no network is promoted."""

    def __init__(self, caps: Caps | None = None, names: rules.Names | None = None) -> None:
        """Use these caps (the default ones else) and names of relations."""
        self.model, self.caps, self.thresholds = "rules", caps or Caps(), Thresholds(alert=0.6, attach=0.3)
        self._names = names

    def score(self, subgraphs: Sequence[Subgraph]) -> list[Scored]:
        """The rules' total of each; not a calibrated probability."""
        return [Scored(rules.total(rules.findings(subgraph, self._names)), self.model) for subgraph in subgraphs]

    def explain(self, subgraphs: Sequence[Subgraph], top: int = 8) -> list[tuple[Contribution, ...]]:
        """The rules that fired, by strength."""
        found = (rules.findings(subgraph, self._names)[:top] for subgraph in subgraphs)
        return [tuple(Contribution("feature", f"rule.{one.rule}", one.strength) for one in each) for each in found]

    def reasons(self, subgraph: Subgraph) -> tuple[str, ...]:
        """What the rules say, strongest first."""
        return tuple(finding.sentence for finding in rules.findings(subgraph, self._names))


def _weigh(gradient: Tensor, value: Tensor, mean: Tensor) -> list[list[float]]:
    rows: list[list[float]] = (gradient * (value - mean)).detach().tolist()
    return rows


def _strongest(kind: Literal["edge", "feature"], parts: Iterable[tuple[str, float]], top: int) -> list[Contribution]:
    """The `top` parts that count most, without those that count nothing."""
    ranked = sorted((part for part in parts if part[1]), key=lambda part: (-abs(part[1]), part[0]))
    return [Contribution(kind, name, value) for name, value in ranked[:top]]
