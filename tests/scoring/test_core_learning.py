"""Patterns that a technique is there for: it learns them within seconds, and the plain network can't."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from scoring.core.architecture import Architecture
from scoring.core.batch import GraphBatch
from scoring.core.fit import FitSettings, fit, seed_everything
from scoring.core.lesson import Lesson
from scoring.core.metrics import roc_auc
from scoring.core.network import EventNetwork
from scoring.core.topology import with_topology

pytestmark = pytest.mark.usefixtures("one_thread")

Task = Callable[[int, torch.Generator], tuple[GraphBatch, Tensor]]


def alike(
    x: Tensor, edges: Tensor, attributes: Tensor | None = None, age: Tensor | None = None, event: Tensor | None = None
) -> GraphBatch:
    """Graphs of equal size: x [B, n, F], edges [B, 2, e], attributes [B, e, A], age [B, e], event [B, V]."""
    count, nodes = x.shape[:2]
    each = edges.shape[2]
    first = torch.arange(count) * nodes
    return GraphBatch(
        x.flatten(0, 1), (edges + first[:, None, None]).transpose(0, 1).flatten(1),
        torch.zeros(count * each, dtype=torch.long),
        torch.zeros(count * each, 0) if attributes is None else attributes.flatten(0, 1),
        torch.zeros(count, 0) if event is None else event, first[:, None] + torch.tensor([0, 1]),
        torch.arange(count).repeat_interleave(nodes), None if age is None else age.flatten(),
    )  # fmt: skip


def which_came_first(count: int, draw: torch.Generator) -> tuple[GraphBatch, Tensor]:
    """Something came in and something went out, at ages between a minute and a month: was it in that order?"""
    age = 60.0 * 43_200.0 ** torch.rand(count, 2, generator=draw)
    edges = torch.tensor([[2, 0], [0, 3]]).expand(count, 2, 2)
    return alike(torch.ones(count, 4, 1), edges, age=age), (age[:, 0] > age[:, 1]).float()


def three_from_one(count: int, draw: torch.Generator) -> tuple[GraphBatch, Tensor]:
    """One end has three edges from one neighbour, the other one from each of three: which is which?"""
    target = torch.rand(count, generator=draw) < 0.5
    single = (~target).long()  # the end with one neighbour
    ends = torch.cat([single[:, None].expand(-1, 3), 1 - single[:, None].expand(-1, 3)], 1)  # [B, 6]
    sources = torch.tensor([2, 2, 2, 3, 4, 5]).expand(count, 6)
    age = torch.rand(count, 6, generator=draw)
    return alike(torch.ones(count, 6, 1), torch.stack([sources, ends], 1), age=age), target.float()


def the_matching_edge(count: int, draw: torch.Generator) -> tuple[GraphBatch, Tensor]:
    """Six edges to one neighbour, each of a kind of its own and a sign: what sign has that of the event's kind?"""
    sign = torch.randint(0, 2, (count, 6), generator=draw)
    kind = torch.randint(0, 6, (count,), generator=draw)
    attributes = torch.cat([torch.eye(6).expand(count, 6, 6), 2.0 * sign[..., None] - 1.0], 2)
    edges = torch.tensor([[0] * 6, [2] * 6]).expand(count, 2, 6)
    event = torch.nn.functional.one_hot(kind, 6).float()
    return alike(torch.ones(count, 3, 1), edges, attributes, event=event), sign.gather(1, kind[:, None])[:, 0].float()


def edge_against_neighbour(count: int, draw: torch.Generator) -> tuple[GraphBatch, Tensor]:
    """Readers hear a friend and a foe say yes or no: does the first hear more that agrees with who says it?"""
    who = torch.randint(0, 2, (count, 8, 5), generator=draw)  # eight readers hear five things each
    said = torch.randint(0, 2, (count, 8, 5), generator=draw)
    reader = torch.tensor([0, 1, 4, 5, 6, 7, 8, 9])[None, :, None].expand(count, 8, 5)
    edges = torch.stack([(who + 2).flatten(1), reader.flatten(1)], 1)
    x = torch.zeros(count, 10, 2)
    x[:, 2, 0] = x[:, 3, 1] = 1.0
    attributes = 2.0 * said.flatten(1)[..., None] - 1.0
    return alike(x, edges, attributes), ((who == said)[:, 0].sum(1) > 2).float()


def a_ring_of_six(count: int, draw: torch.Generator) -> tuple[GraphBatch, Tensor]:
    """Six nodes with two neighbours each, all alike: one ring, or two triangles?"""
    target = torch.rand(count, generator=draw) < 0.5
    ring = torch.tensor([[0, 1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 0]])
    triangles = torch.tensor([[0, 1, 2, 3, 4, 5], [1, 2, 0, 4, 5, 3]])
    batch = alike(torch.ones(count, 6, 1), torch.where(target[:, None, None], ring, triangles))
    return with_topology(batch), target.float()


def a_twin(count: int, draw: torch.Generator) -> tuple[GraphBatch, Tensor]:
    """One of eight strangers is just like the source, and no edge says so: does it carry the mark?"""
    code = torch.randn(count, 10, 4, generator=draw)
    mark = torch.randint(0, 2, (count, 10), generator=draw)
    twin = torch.randint(2, 10, (count,), generator=draw)
    code[torch.arange(count), 0] = code[torch.arange(count), twin]
    mark[:, :2] = 0
    edges = torch.randint(1, 10, (count, 2, 6), generator=draw)
    return alike(torch.cat([code, 2.0 * mark[..., None] - 1.0], 2), edges), mark[torch.arange(count), twin].float()


def learned(task: Task, options: dict[str, Any], steps: int = 60) -> float:
    """ROC-AUC on new graphs of a network with these options, after so many batches of 64."""
    seed_everything(0)
    draw = torch.Generator().manual_seed(1)
    batch, _ = task(2, draw)
    widths = batch.x.shape[1], batch.attributes.shape[1], batch.event.shape[1], 1
    network = EventNetwork(Architecture(*widths, hidden=16, dropout=0.0, **options))

    def lessons(_: int) -> Iterator[Lesson]:
        for _ in range(steps):
            made, target = task(64, draw)
            yield Lesson(made, target, torch.ones(64))

    fit(network, lessons, FitSettings(epochs=1, steps=steps, rate=2e-2))
    batch, target = task(500, draw)
    with torch.inference_mode():
        return roc_auc(target.bool().numpy(), network(batch).double().numpy().astype(np.float64))


PATTERNS: list[tuple[Task, int, float, list[dict[str, Any]]]] = [  # steps, what the plain network stays below
    (which_came_first, 60, 0.55, [{"clock": "log"}, {"clock": "linear"}]),
    (three_from_one, 60, 0.55, [{"ports": True}, {"body": "directed", "ports": True}]),
    (the_matching_edge, 120, 0.8, [{"attend": True}, {"attend": True, "heads": 4}]),
    (edge_against_neighbour, 100, 0.8, [{"body": "directed"}]),
    (a_ring_of_six, 40, 0.55, [{"body": "fused"}, {"whole": 10}]),
    (a_twin, 120, 0.8, [{"rounds": 1}, {"rounds": 2}]),
]
CASES = [(task, steps, options) for task, steps, _, able in PATTERNS for options in able]


@pytest.mark.parametrize(("task", "steps", "options"), CASES, ids=lambda value: getattr(value, "__name__", str(value)))
def test_a_technique_learns_the_pattern_it_is_there_for(task: Task, steps: int, options: dict[str, Any]) -> None:
    """ROC-AUC above 0.95 on new graphs."""
    assert learned(task, options, steps) > 0.95


@pytest.mark.parametrize(
    ("task", "steps", "below"),
    [pattern[:3] for pattern in PATTERNS],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_without_it_the_pattern_stays_hidden(task: Task, steps: int, below: float) -> None:
    """The plain network on the same graphs, for as long."""
    assert learned(task, {}, steps) < below


def test_a_sum_counts_where_a_mean_forgets() -> None:
    """Three edges or one, from one neighbour each: the directed body with sums."""

    def how_many(count: int, draw: torch.Generator) -> tuple[GraphBatch, Tensor]:
        target = torch.rand(count, generator=draw) < 0.5
        end = (~target).long()[:, None]  # the end with one edge; the other has three
        edges = torch.stack(
            [torch.tensor([2, 3, 3, 3]).expand(count, 4), torch.cat([end, 1 - end.expand(-1, 3)], 1)], 1
        )
        return alike(torch.ones(count, 4, 1), edges), target.float()

    assert learned(how_many, {"body": "directed", "aggregation": "sum"}, 60) > 0.95
    assert learned(how_many, {"body": "directed"}, 60) < 0.55
