"""What an architecture costs: milliseconds an event takes on one CPU thread, by size of graph and of batch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch.utils.benchmark import Timer

from scoring.core.architecture import Architecture
from scoring.core.network import EventNetwork
from scoring.core.random_batch import Shape, random_batch

SHAPES = tuple(Shape(graphs, nodes, edges) for graphs in (1, 128) for nodes, edges in ((50, 90), (150, 270)))


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one shape of batch: the median of a forward pass, and half of them lie within `spread_ms` around it."""

    shape: Shape
    event_ms: float
    spread_ms: float


def costs(architecture: Architecture, shapes: Iterable[Shape] = SHAPES, seconds: float = 0.5) -> list[Cost]:
    """Time forward passes of a network of random weights, on random graphs, on one thread.

    Args:
        architecture: to build.
        shapes: of the batches.
        seconds: to measure each for, after a warm-up.
    """
    network = EventNetwork(architecture).eval()
    return [_cost(network, shape, seconds) for shape in shapes]


def _cost(network: EventNetwork, shape: Shape, seconds: float) -> Cost:
    batch = random_batch(network.architecture, shape, 0)
    timer = Timer("network(batch)", globals={"network": network, "batch": batch}, num_threads=1)
    with torch.inference_mode():
        found = timer.blocked_autorange(min_run_time=seconds)
    scale = 1000.0 / shape.graphs
    return Cost(shape, found.median * scale, found.iqr * scale)
