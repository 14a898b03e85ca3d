"""The event network: batching, gates, and learning on a graph that is no bank."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from scoring.core.architecture import Architecture
from scoring.core.batch import GraphBatch
from scoring.core.decomposition import Decomposition
from scoring.core.fit import FitSettings, fit, seed_everything
from scoring.core.lesson import Lesson
from scoring.core.metrics import roc_auc
from scoring.core.network import EventNetwork
from scoring.core.scaling import Scaling

pytestmark = pytest.mark.usefixtures("one_thread")

SIZES = Architecture(nodes=4, attributes=2, event=3, relations=2, hidden=16, dropout=0.0)


def communities(count: int, seed: int) -> tuple[GraphBatch, Tensor]:
    """Papers that cite within their field, mostly: is a new citation within the field? Fields are hidden.

    Node features say nothing of the two ends; only their neighbours carry a noisy sign of the field.
    """
    generator = torch.Generator().manual_seed(seed)
    nodes, cites = 22, 60
    field = torch.randint(0, 2, (count, nodes), generator=generator)
    sign = torch.where(torch.rand(count, nodes, generator=generator) < 0.85, field, 1 - field)
    sign[:, :2] = -1
    x = torch.stack([sign == 0, sign == 1, sign == -1, torch.ones_like(sign)], -1).float().flatten(0, 1)
    source = torch.randint(0, 2, (count, cites), generator=generator)
    target = torch.randint(2, nodes, (count, cites), generator=generator)
    same = field.gather(1, source) == field.gather(1, target)
    keep = torch.where(same, 0.9, 0.1) > torch.rand(count, cites, generator=generator)
    graph = torch.arange(count)[:, None].expand(-1, cites)
    edges = torch.stack([(source + graph * nodes)[keep], (target + graph * nodes)[keep]])
    total = edges.shape[1]
    batch = GraphBatch(
        x, edges, torch.zeros(total, dtype=torch.long), torch.rand(total, 2, generator=generator),
        torch.rand(count, 3, generator=generator), torch.arange(count)[:, None] * nodes + torch.tensor([0, 1]),
        torch.arange(count).repeat_interleave(nodes), torch.rand(total, generator=generator) * 86_400,
    )  # fmt: skip
    return batch, (field[:, 0] == field[:, 1]).float()


def single(batch: GraphBatch, place: int) -> GraphBatch:
    """One graph of a batch, alone."""
    mine = batch.graph == place
    first = int(mine.nonzero()[0])
    edges = mine[batch.edges[0]]
    return GraphBatch(
        batch.x[mine], batch.edges[:, edges] - first, batch.relation[edges], batch.attributes[edges],
        batch.event[place : place + 1], batch.ends[place : place + 1] - first, batch.graph[mine] * 0,
    )  # fmt: skip


TECHNIQUES: dict[str, dict[str, Any]] = {
    "plain": {},
    "bases": {"decomposition": Decomposition(bases=2)},
    "blocks": {"decomposition": Decomposition(blocks=2)},
    "directed": {"body": "directed"},
    "fused": {"body": "fused"},
    "structure": {"rounds": 1},
    "attend": {"attend": True},
    "clock and ports": {"clock": "log", "ports": True},
    "directed with all": {"body": "directed", "clock": "log", "ports": True, "attend": True, "rounds": 1},
}


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_the_core_learns_a_graph_that_is_no_bank(technique: str) -> None:
    """Planted communities in a citation graph: the field of two papers, from whom they cite."""
    seed_everything(0)
    network = EventNetwork(replace(SIZES, **TECHNIQUES[technique]))

    def lessons(epoch: int) -> Iterator[Lesson]:
        for step in range(15):
            batch, target = communities(64, epoch * 15 + step)
            yield Lesson(batch, target, torch.ones(64))

    losses = fit(network, lessons, FitSettings(epochs=6, steps=15, rate=2e-2)).losses
    batch, target = communities(500, 10_000)
    with torch.inference_mode():
        found = roc_auc(target.bool().numpy(), network(batch).double().numpy())
    assert losses[-1] < losses[0]
    assert found > 0.85


@pytest.mark.parametrize("layout", ["dense", "compact"])
def test_an_event_scores_the_same_alone_and_in_a_batch(layout: str) -> None:
    """Disjoint graphs don't touch."""
    torch.manual_seed(0)
    network = EventNetwork(SIZES, "dense" if layout == "dense" else "compact").eval()
    batch, _ = communities(8, 1)
    with torch.inference_mode():
        together = network(batch)
        alone = torch.cat([network(single(batch, place)) for place in range(8)])
    assert torch.allclose(together, alone, atol=1e-5)


def test_a_graph_without_edges_scores() -> None:
    """A first event has no neighbourhood."""
    network = EventNetwork(SIZES).eval()
    none = torch.zeros(0, dtype=torch.long)
    batch = GraphBatch(
        torch.rand(2, 4), none.repeat(2, 1), none, torch.zeros(0, 2), torch.rand(1, 3), torch.tensor([[0, 1]]),
        torch.zeros(2, dtype=torch.long),
    )  # fmt: skip
    assert torch.isfinite(network(batch)).all()


def test_an_open_gate_changes_nothing_and_a_shut_one_silences_the_edges() -> None:
    """Gates weigh messages."""
    torch.manual_seed(0)
    network = EventNetwork(SIZES).eval()
    batch, _ = communities(3, 2)
    edges = batch.edges.shape[1]
    assert torch.equal(network(batch), network(batch, torch.ones(edges)))
    other = replace(batch, attributes=torch.rand_like(batch.attributes))
    assert torch.equal(network(batch, torch.zeros(edges)), network(other, torch.zeros(edges)))


def test_scaling_survives_a_feature_that_never_varies() -> None:
    """It is shifted, not divided by nothing."""
    network = EventNetwork(SIZES)
    ones = {"nodes": 4, "attributes": 2, "event": 3}
    network.fit_scaling(Scaling(**{name: (torch.ones(n), torch.zeros(n)) for name, n in ones.items()}))
    assert torch.equal(network.scale_event(torch.ones(1, 3)), torch.zeros(1, 3))


def test_an_event_is_represented_by_what_the_readout_reads() -> None:
    """The readout of that is the logit."""
    torch.manual_seed(0)
    network = EventNetwork(SIZES).eval()
    batch, _ = communities(3, 0)
    seen = network.represent(batch)
    assert torch.allclose(network.readout(seen).squeeze(1), network(batch))
    assert seen.shape == (3, network.readout[0].in_features)
