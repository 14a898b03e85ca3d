"""Engine: subgraphs in, calibrated probabilities and the evidence for them out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain
from pathlib import Path
from typing import Protocol

import numpy as np
import structlog
import torch
from torch import Tensor

from graph.mirror import Mirror
from graph.model import Caps, Event, Look, Subgraph
from scoring import registry
from scoring.baseline import Matrix
from scoring.cells import Sampler, look_of
from scoring.columns import Columns, Floats, Reader
from scoring.core.batch import GraphBatch
from scoring.core.network import EventNetwork
from scoring.features import Features, compute
from scoring.hybrid import HybridTrees, parsed
from scoring.inference.choose import EXPORTED, candidates, choose, samples
from scoring.inference.engines import InferenceEngine
from scoring.manifest import BASELINE
from scoring.reference import Reference
from scoring.registry import Manifest, Thresholds
from scoring.rows import batch_of, names_of, rows_of
from scoring.rules import RuleSet, shipped, total
from scoring.score import Contribution, Remark, strongest
from scoring.words import RULE

log = structlog.get_logger("engine")

COMPILED, AUTO = "compiled", "auto"


Watched = Callable[[Callable[[], Matrix], Floats], None]  # a batch's rows, made when asked for, and its probabilities


class NetworkFailed(Exception):
    """A network gave no number for an event: score it by something else."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A calibrated probability (0 to 1) and the model, name@version, that gave it.

    Attributes:
        remark: what is out of the ordinary.
        alert: probability from which an alert is due, where that is not the model's own threshold.
    """

    probability: float
    model: str
    remark: Remark | None = None
    alert: float | None = None


class Scorer(Protocol):
    """What scores events: the network's `Engine`, or the `RuleEngine` where none is promoted."""

    model: str
    caps: Caps
    thresholds: Thresholds
    rules: RuleSet

    @property
    def look(self) -> Look:
        """All that is read around an event, for a reader that has to fetch it first."""
        ...

    def read_from(self, mirror: Mirror) -> None:
        """Say where more than a subgraph can be read of an event; may be said anew before any batch."""
        ...

    def score(self, subgraphs: Sequence[Subgraph]) -> list[Scored]:
        """Score subgraphs, in their order."""
        ...

    def score_events(self, events: Sequence[Event], caps: Caps | None = None) -> list[Scored] | None:
        """Score events straight from the mirror's arrays, in their order; None where subgraphs have to be read.

        `caps` are other ones than the model's, for a scorer that is behind.
        """
        ...

    def explain(self, subgraphs: Sequence[Subgraph], top: int = 8) -> list[tuple[Contribution, ...]]:
        """The strongest parts of the evidence of each, strongest first."""
        ...

    def reasons(self, subgraph: Subgraph) -> tuple[str, ...]:
        """Sentences an analyst reads, strongest first."""
        ...


class Engine:
    """The network of a model folder, ready to score. Not for use by several threads at once."""

    def __init__(
        self,
        manifest: Manifest,
        network: EventNetwork,
        rule_set: RuleSet | None = None,
        trees: str | None = None,
        baseline: str | None = None,
        inference: str = COMPILED,
    ) -> None:
        """Take what `registry.load` gave: with trees it is a hybrid, of which the baseline may be a member.

        `inference` names what computes the network's logits, where it agrees with the network, which does so else;
        `auto` is the fastest here for each size of batch (see `scoring.inference.choose`). The rules, the shipped ones
        where none are given, say why in sentences.

        Raises:
            ModelRefused: the trees are no trees, or read other columns than these features make.
        """
        self.manifest, self.network = manifest, network
        self.trees = None if trees is None else HybridTrees(manifest, trees, baseline)
        self._sampler: Sampler | None = None
        self._warm = False
        self.model, self.caps, self.thresholds = manifest.model, manifest.caps, manifest.thresholds
        self._reader, self._topology = Reader(manifest.features), network.architecture.whole > 0
        self.rules = rule_set or shipped()
        columns = len(names_of(manifest.features)) - 1
        self._baseline = None if baseline is None else parsed(manifest, BASELINE, baseline, columns)
        self.watched: Watched | None = None  # told of each batch, to compare it with what the model was trained on
        self.reference: Reference | None = None  # what it read and said when it was made, where it brings that
        self._wanted = inference
        self._exports: Mapping[str, bytes] = {}  # what promotion made for engines that run something else than weights
        self._inference: InferenceEngine | None = None  # made when it is first needed: explaining needs none

    @classmethod
    def load(cls, folder: Path, threads: int = 1, inference: str = COMPILED, rule_set: RuleSet | None = None) -> Engine:
        """Load a model folder; `threads` sets torch's threads for the whole process, the others as of `Engine`.

        Raises:
            ModelRefused: the folder is not what its manifest says.
        """
        return cls.of(registry.load(folder), threads, inference, rule_set)

    @classmethod
    def of(
        cls,
        loaded: registry.Loaded,
        threads: int = 1,
        inference: str = COMPILED,
        rule_set: RuleSet | None = None,
    ) -> Engine:
        """A model that was loaded; the others as of `load`."""
        torch.set_num_threads(threads)
        manifest, network = loaded.manifest, loaded.network
        engine = cls(manifest, network, rule_set, loaded.trees, loaded.baseline, inference)
        engine.reference, engine._exports = loaded.reference, loaded.exports
        return engine

    @property
    def look(self) -> Look:
        """See Scorer."""
        return look_of(self.manifest.features, self.caps)

    def read_from(self, mirror: Mirror) -> None:
        """See Scorer: the long look back, where this model has one. The first time it compiles what that takes, before
        the first event.
        """
        warm, self._warm = self._warm, True
        if self.manifest.features.past:
            self._sampler = Sampler(mirror, self.manifest.features)
        if warm:
            return
        relation = self.manifest.features.relations[0].name
        events = [Event("warm:1:up", "new", "", 1, relation, "A:1", "A:2", 1, {})]
        if self.score_events(events) is None:
            self.score(mirror.subgraphs(events, self.caps))

    def twin(self) -> Engine:
        """Another one for another thread: a network and buffers of its own, and what it reads of the same mirror.

        Trees are shared: LightGBM predicts for several threads at once.
        """
        other = Engine(self.manifest, deepcopy(self.network).requires_grad_(False), self.rules, inference=self._wanted)
        other.trees, other._sampler, other._exports = self.trees, self._sampler, self._exports
        return other

    def read(self, subgraphs: Sequence[Subgraph]) -> tuple[Features, Matrix, GraphBatch]:
        """Features of subgraphs, everything with a long look back [B, P], and both as the network reads them."""
        return self._computed(self._reader.read(subgraphs), self._past([subgraph.event for subgraph in subgraphs]))

    def _computed(self, columns: Columns, past: Matrix) -> tuple[Features, Matrix, GraphBatch]:
        """Features, everything with a long look back [B, P], and both as the network reads them."""
        features = compute(columns, self.manifest.features)
        return features, past, batch_of(features, past, self._topology)

    def _past(self, events: Sequence[Event]) -> Matrix:
        if not self.manifest.features.past:
            return np.zeros((len(events), 0), np.float32)
        if self._sampler is None:
            raise RuntimeError(f"{self.model} reads a long past: call read_from with the mirror before it scores")
        return self._sampler.past(events)

    def score(self, subgraphs: Sequence[Subgraph], fallback: bool = False) -> list[Scored]:
        """Score subgraphs, in their order; by the baseline's trees alone where `fallback` says so.

        Raises:
            FeatureError: a subgraph breaks its contract.
            NetworkFailed: the network gave no number, or there is no baseline to fall back to.
        """
        if not subgraphs:
            return []
        return self._scored(*self.read(subgraphs), fallback)

    def score_events(
        self, events: Sequence[Event], caps: Caps | None = None, fallback: bool = False
    ) -> list[Scored] | None:
        """See Scorer: what `score` says of the same subgraphs, which are never made."""
        if self._sampler is None:
            return None
        if not events:
            return []
        return self._scored(*self._computed(*self._sampler.read(events, caps or self.caps)), fallback)

    def _scored(self, features: Features, past: Matrix, batch: GraphBatch, fallback: bool) -> list[Scored]:
        made = cache(partial(rows_of, self.manifest.features, features, past))  # not every model needs them
        if fallback:
            if self._baseline is None:
                raise NetworkFailed(f"{self.model} has no baseline to fall back to")
            by_trees = self.manifest.baseline_calibration.probability(self._baseline.logit(made().graph))
            return [Scored(float(p), self.model, "fallback") for p in by_trees]
        logit = self._logits(batch)
        if not np.isfinite(logit).all():
            raise NetworkFailed(f"{self.model} gave no number for {int((~np.isfinite(logit)).sum())} of {len(logit)}")
        if self.trees is not None:
            logit = self.trees.blend(made(), logit)
        found = self.manifest.calibration.probability(logit)
        if self.watched is not None:
            self.watched(lambda: made().graph, found)
        return [Scored(float(p), self.model) for p in found]

    def _logits(self, batch: GraphBatch) -> Floats:
        """What the network says of a batch [B], by whatever computes it here."""
        if self._inference is None:
            sample = samples(self.network)
            makes = candidates(self.network, torch.get_num_threads(), self._exports)
            if self._wanted == AUTO:  # exporting takes seconds, and compiled loops are faster
                makes = {name: make for name, make in makes.items() if name not in EXPORTED or name in self._exports}
            only = None if self._wanted == AUTO else self._wanted
            self._inference = choose(self.network, sample, self._say, makes, only)
        return self._inference.logits(batch).double().numpy()

    def _say(self, line: str) -> None:
        log.warning(line, model=self.model)

    def explain(self, subgraphs: Sequence[Subgraph], top: int = 8) -> list[tuple[Contribution, ...]]:
        """What each edge's messages, and each feature, add to the calibrated logit.

        By the network, gradient times input: an edge is weighed by a gate on its messages, a feature by its distance
        from the training mean. Of a hybrid, see `HybridTrees.explain`.
        At most `top` edges and `top` features of each. Costs about three scores alone, one and a half in
        a batch: for events somebody will look at.
        """
        if not subgraphs:
            return []
        features, past, batch = self.read(subgraphs)
        gate = torch.ones(batch.edges.shape[1], requires_grad=True)
        weighed = [gate] if self.trees is not None else [gate, batch.x.requires_grad_(), batch.event.requires_grad_()]
        raw = self.network(batch, gate)
        logit = raw * self.manifest.calibration.slope
        by_edge, *by_feature = torch.autograd.grad(logit.sum(), weighed)
        edges = _by_subgraph(by_edge.tolist(), subgraphs, self.manifest)
        if self.trees is not None:  # features are weighed by the trees
            rows = rows_of(self.manifest.features, features, past)
            return self.trees.explain(rows, raw.detach().double().numpy(), edges, top)
        by_node, by_event = by_feature
        events = _weigh(by_event, batch.event, self.network.scale_event.mean)
        ends = [_weigh(by_node[end], batch.x[end], self.network.scale_nodes.mean) for end in batch.ends.T]
        names = [name for part in ("event", "source", "target") for name in self._names_of(part)]
        explained = []
        for moved, *parts in zip(edges, events, *ends, strict=True):
            by_name = zip(names, chain.from_iterable(parts), strict=True)
            explained.append(strongest(moved, by_name, top))
        return explained

    def weigh_events(self, events: Sequence[Event], top: int = 8) -> list[tuple[Contribution, ...]] | None:
        """What `explain` says of features, and nothing of edges, straight from the mirror's arrays: in half the time.

        None where that takes subgraphs, or the network's gradient (a model without trees).
        """
        if self._sampler is None or self.trees is None:
            return None
        features, past, batch = self._computed(*self._sampler.read(events, self.caps))
        rows = rows_of(self.manifest.features, features, past)
        return self.trees.explain(rows, self._logits(batch), [()] * len(events), top)

    def _names_of(self, part: str) -> list[str]:
        features = self.manifest.features
        if part == "event":
            return [f"event.{name}" for name in (*features.event, *features.past)]
        return [f"{part}.{name}" for name in features.nodes]

    def reasons(self, subgraph: Subgraph) -> tuple[str, ...]:
        """What the rules say of it, strongest first."""
        return tuple(finding.sentence for finding in self.rules.findings(subgraph))


class RuleEngine:
    """The rules alone, as a model called `rules`: what scores when no network is promoted."""

    def __init__(self, caps: Caps | None = None, rule_set: RuleSet | None = None) -> None:
        """Use these caps (the default ones else) and rules (else the shipped ones)."""
        self.model, self.caps, self.thresholds = "rules", caps or Caps(), Thresholds(alert=0.6, attach=0.3)
        self.rules = rule_set or shipped()

    @property
    def look(self) -> Look:
        """See Scorer: rules read subgraphs alone."""
        return Look(self.caps)

    def read_from(self, mirror: Mirror) -> None:
        """See Scorer: rules read subgraphs alone."""

    def score(self, subgraphs: Sequence[Subgraph]) -> list[Scored]:
        """The rules' total of each; not a calibrated probability."""
        return [Scored(total(self.rules.findings(subgraph)), self.model) for subgraph in subgraphs]

    def score_events(self, events: Sequence[Event], caps: Caps | None = None) -> list[Scored] | None:
        """See Scorer: rules read subgraphs alone."""
        return None

    def explain(self, subgraphs: Sequence[Subgraph], top: int = 8) -> list[tuple[Contribution, ...]]:
        """The rules that fired, by strength."""
        found = (self.rules.findings(subgraph)[:top] for subgraph in subgraphs)
        return [tuple(Contribution("feature", f"{RULE}{one.rule}", one.strength) for one in each) for each in found]

    def reasons(self, subgraph: Subgraph) -> tuple[str, ...]:
        """What the rules say, strongest first."""
        return tuple(finding.sentence for finding in self.rules.findings(subgraph))


def _weigh(gradient: Tensor, value: Tensor, mean: Tensor) -> list[list[float]]:
    rows: list[list[float]] = (gradient * (value - mean)).detach().tolist()
    return rows


def _by_subgraph(
    by_edge: Iterable[float], subgraphs: Sequence[Subgraph], manifest: Manifest
) -> list[list[tuple[str, float]]]:
    """What each edge that has features adds, beside its owner, subgraph by subgraph."""
    known, moved = {relation.name for relation in manifest.features.relations}, iter(by_edge)
    return [[(edge.owner, next(moved)) for edge in sub.edges if edge.relation in known] for sub in subgraphs]
