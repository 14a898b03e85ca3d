"""Engines: subgraphs in, probabilities and evidence out."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest
import torch

from graph.mirror import Mirror
from graph.model import Subgraph
from scoring.core.network import EventNetwork
from scoring.core.topology import FEATURES
from scoring.engine import Engine, RuleEngine
from scoring.features import compute
from scoring.registry import Manifest
from scoring.schema import FeatureSchema


@pytest.fixture
def engine(schema: FeatureSchema, manifest: Callable[[FeatureSchema], Manifest]) -> Engine:
    """Random weights: what is tested holds for any."""
    torch.manual_seed(3)
    made = manifest(schema)
    return Engine(made, EventNetwork(made.sizes).eval())


def test_scores_are_probabilities_under_the_models_name(engine: Engine, transfer: Subgraph) -> None:
    """Name and version go with every score."""
    (scored,) = engine.score([transfer])
    assert 0 < scored.probability < 1
    assert scored.model == engine.model == "test@0"


def test_a_network_of_every_technique_scores_and_explains(
    schema: FeatureSchema,
    manifest: Callable[[FeatureSchema], Manifest],
    transfer: Subgraph,
    build: Callable[..., Subgraph],
) -> None:
    """Ages and topology reach it, and an event without edges has a score."""
    pytest.importorskip("gudhi")
    made = manifest(schema)
    architecture = replace(
        made.sizes, body="fused", clock="log", ports=True, rounds=1, attend=True, whole=FEATURES
    )  # fmt: skip
    engine = Engine(made, EventNetwork(architecture).eval())
    events = [transfer, build("LOGIN", "User:x", "Device:y", [])]
    together = [scored.probability for scored in engine.score(events)]
    assert together == pytest.approx([engine.score([one])[0].probability for one in events], abs=1e-6)
    assert {part.kind for part in engine.explain(events)[0]} == {"edge", "feature"}


def test_a_batch_scores_each_as_alone(engine: Engine, transfer: Subgraph, build: Callable[..., Subgraph]) -> None:
    """Same input, same score, whoever stands beside it; enough of them to change the layout."""
    lonely = build("LOGIN", "User:x", "Device:y", [])
    many = [transfer, lonely] * 100
    together = [scored.probability for scored in engine.score(many)]
    alone = [engine.score([one])[0].probability for one in (transfer, lonely)]
    assert together == pytest.approx(alone * 100, abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_edges_does_not_change_the_score(engine: Engine, transfer: Subgraph, seed: int) -> None:
    """Readers may break ties as they like."""
    edges, nodes = list(transfer.edges), list(transfer.nodes[2:])
    random.Random(seed).shuffle(edges)
    random.Random(seed).shuffle(nodes)
    other = Subgraph(transfer.event, (*transfer.nodes[:2], *nodes), tuple(edges))
    assert engine.score([other])[0].probability == pytest.approx(engine.score([transfer])[0].probability, abs=1e-6)


def test_no_events_no_scores(engine: Engine) -> None:
    """An empty batch is a batch."""
    assert engine.score([]) == []


def test_what_the_first_event_needs_is_compiled_before_it(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model without a long look back too: its features, and its network."""
    computed = list[int]()
    monkeypatch.setattr(
        "scoring.engine.compute", lambda columns, schema: computed.append(1) or compute(columns, schema)
    )
    engine.read_from(Mirror())
    engine.read_from(Mirror())
    assert computed == [1] and engine._inference is not None


def test_contributions_name_edges_and_features_strongest_first(engine: Engine, transfer: Subgraph) -> None:
    """Edges by their owner, features by the part they belong to; at most so many of each."""
    parts = engine.explain([transfer], top=4)[0]
    owners = {edge.owner for edge in transfer.edges}
    assert {part.kind for part in parts} == {"edge", "feature"}
    assert all(part.name in owners for part in parts if part.kind == "edge")
    assert all(part.name.split(".")[0] in ("event", "source", "target") for part in parts if part.kind == "feature")
    sizes = [abs(part.value) for part in parts]
    assert sizes == sorted(sizes, reverse=True)
    assert sum(part.kind == "edge" for part in parts) == 4


def test_a_contribution_is_the_slope_of_the_logit_in_that_edge(engine: Engine, transfer: Subgraph) -> None:
    """The gate's gradient against a finite difference."""
    part = next(part for part in engine.explain([transfer], top=3)[0] if part.kind == "edge")
    place = [edge.owner for edge in transfer.edges].index(part.name)
    batch = engine._reader.read([transfer])
    tensors = compute(batch, engine.manifest.features).batch()
    logits = []
    for step in (-1e-2, 1e-2):
        gate = torch.ones(len(transfer.edges))
        gate[place] += step
        with torch.inference_mode():
            logits.append(engine.network(tensors, gate).item() * engine.manifest.calibration.slope)
    assert (logits[1] - logits[0]) / 2e-2 == pytest.approx(part.value, rel=0.05, abs=1e-3)


def test_an_edge_the_model_does_not_know_shifts_no_name(engine: Engine, transfer: Subgraph) -> None:
    """Contributions stay with their owners."""
    odd = msgspec.structs.replace(transfer.edges[0], owner="odd", relation="SPONSORS")
    more = Subgraph(transfer.event, transfer.nodes, (odd, *transfer.edges))
    assert engine.explain([more]) == engine.explain([transfer])


def test_reasons_are_the_rules_sentences(engine: Engine, transfer: Subgraph) -> None:
    """Shown beside the network's score."""
    assert any("logged in on device new for the first time" in reason for reason in engine.reasons(transfer))


def test_the_rules_score_where_no_model_is_promoted(transfer: Subgraph, build: Callable[..., Subgraph]) -> None:
    """Same face as the network's engine."""
    rules = RuleEngine()
    odd, plain = rules.score([transfer, build("LOGIN", "User:x", "Device:y", [])])
    assert odd.probability > rules.thresholds.attach > plain.probability == 0.0
    assert rules.explain([transfer])[0][0].name.startswith("rule.")
    assert rules.reasons(transfer)


def test_a_batch_is_explained_as_each_alone(engine: Engine, transfer: Subgraph) -> None:
    """What a batch saves is time, not truth."""
    other = msgspec.structs.replace(transfer, edges=transfer.edges[1:])
    together = engine.explain([transfer, other])
    for found, alone in zip(together, (engine.explain([one])[0] for one in (transfer, other)), strict=True):
        assert {part.name: pytest.approx(part.value, abs=1e-4) for part in alone} == {p.name: p.value for p in found}
