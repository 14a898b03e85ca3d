"""Topology features: the pieces and loops of a graph, and how long each lasts while it is built up.

The flag complex of the graph grows with a filtration value: nodes and edges appear at theirs, a triangle as soon
as its edges are there. Persistent homology (Edelsbrunner, Letscher and Zomorodian 2002) notes when each piece (H0)
and each loop (H1) is born and dies. A triangle fills its loop at once; longer rings are what stays.

Shapes: N nodes, E edges, K classes.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scoring.core.batch import GraphBatch

Diagram = NDArray[np.float64]  # [K, 2] birth and death, sorted; a death is infinite for what stays
Filtration = Callable[[Tensor, int], tuple[Tensor, Tensor]]  # edges [2, E], N → values [N] and [E]

FIGURES = 5  # that `summarise` gives of a diagram
FEATURES = 2 * FIGURES


class GudhiMissing(ImportError):
    """Persistent homology is computed by gudhi, which is not installed: `pip install gudhi`."""


@dataclass(frozen=True, slots=True)
class Persistence:
    """What a graph is made of.

    Attributes:
        pieces: [K, 2] H0.
        loops: [K, 2] H1.
    """

    pieces: Diagram
    loops: Diagram


def by_weight(weight: Tensor) -> Filtration:
    """Every node is there from 0; edges appear by their weight [E], the least first (Vietoris-Rips)."""
    return lambda edges, nodes: (weight.new_zeros(nodes), weight)


def by_degree(edges: Tensor, nodes: int) -> tuple[Tensor, Tensor]:
    """The rim first, hubs last: a node appears at its degree, an edge with the later of its ends (Hofer et al. 2020).

    The degree counts distinct neighbours, direction and loops left out.
    """
    pairs = torch.unique(torch.sort(edges[:, edges[0] != edges[1]], dim=0).values, dim=1)
    degree = torch.bincount(pairs.flatten(), minlength=nodes).double()
    return degree, degree[edges].amax(0)


def persistence(edges: Tensor, nodes: int, filtration: Filtration = by_degree) -> Persistence:
    """Births and deaths of pieces and loops of one graph, direction ignored.

    Of parallel edges the first to appear counts; loops are left out. Cost grows with the triangles: cap hubs first.

    Args:
        edges: [2, E] the ends of each edge.
        nodes: N.
        filtration: when nodes and edges appear; an edge never before its ends.

    Raises:
        GudhiMissing: gudhi is not installed.
        ValueError: an edge names a node that is not there, or a value is not finite.
    """
    try:
        gudhi = importlib.import_module("gudhi")
    except ImportError as missing:
        raise GudhiMissing("persistent homology needs gudhi: pip install gudhi") from missing
    if edges.numel() and not 0 <= int(edges.min()) <= int(edges.max()) < nodes:
        raise ValueError(f"edges name nodes {int(edges.min())} to {int(edges.max())}: there are {nodes}")
    born, appears = (value.detach().double().cpu() for value in filtration(edges, nodes))
    if not bool(born.isfinite().all() and appears.isfinite().all()):
        raise ValueError("a filtration value is not finite: drop its node or edge, or give it a value")
    latest = torch.maximum(appears, born[edges.cpu()].amax(0))  # [E]
    tree = gudhi.SimplexTree()
    # Not insert_batch: gudhi 3.13.0 misreads arrays with a stride of 0, such as numpy makes by [None]
    for node, value in enumerate(born.tolist()):
        tree.insert([node], value)
    for ends, value in zip(edges.t().tolist(), latest.tolist(), strict=True):
        tree.insert(ends, value)  # again: the least value counts; a loop is its node, which is there already
    tree.expansion(2)  # triangles
    tree.compute_persistence(persistence_dim_max=True)  # or a graph without triangles would have no loops
    return Persistence(*(_diagram(tree.persistence_intervals_in_dimension(dimension)) for dimension in (0, 1)))


def summarise(diagram: Diagram, end: float) -> NDArray[np.float64]:
    """Five figures of a diagram [K, 2]: classes, those that stay, total and longest life, and their entropy.

    What stays is taken to die at `end`. The entropy is that of the lives as shares of their total (Atienza et al.
    2019). Gives [5].
    """
    life = np.minimum(diagram[:, 1], end) - diagram[:, 0]
    total = float(life.sum())
    share = life[life > 0] / total if total > 0 else np.ones(1)
    stay = float(np.isinf(diagram[:, 1]).sum())
    entropy = max(0.0, float(-(share * np.log(share)).sum()))
    return np.array([len(life), stay, total, float(life.max(initial=0.0)), entropy])


def topology_features(edges: Tensor, nodes: int, filtration: Filtration = by_degree) -> Tensor:
    """The figures of pieces, then of loops: [10], float32. Arguments and errors are those of `persistence`."""
    found = persistence(edges, nodes, filtration)
    values = filtration(edges, nodes)
    end = max((float(value.max()) for value in values if len(value)), default=0.0)
    return torch.from_numpy(np.concatenate([summarise(part, end) for part in (found.pieces, found.loops)])).float()


def with_topology(batch: GraphBatch, filtration: Filtration = by_degree) -> GraphBatch:
    """A batch with the topology of each of its graphs as `whole`, [B, 10]. Errors are those of `persistence`."""
    order = torch.argsort(batch.graph, stable=True)  # the nodes, graph by graph
    size = torch.bincount(batch.graph, minlength=len(batch))  # [B]
    place = torch.empty_like(order)
    place[order] = torch.arange(len(order), device=order.device)
    edges = place[batch.edges] - (size.cumsum(0) - size)[batch.graph[batch.edges[0]]]  # [2, E] counted in each graph
    owner = batch.graph[batch.edges[0]]
    rows = [topology_features(edges[:, owner == graph], int(size[graph]), filtration) for graph in range(len(batch))]
    whole = torch.stack(rows) if rows else torch.zeros(0, FEATURES)
    return replace(batch, whole=whole.to(batch.x.device))


def _diagram(intervals: NDArray[np.float64]) -> Diagram:
    """Sorted by birth, then death; gudhi has left out what dies as it is born."""
    rows = np.asarray(intervals, dtype=np.float64).reshape(-1, 2)
    return rows[np.lexsort((rows[:, 1], rows[:, 0]))]
