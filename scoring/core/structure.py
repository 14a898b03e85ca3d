"""Adaptive structure learning: states and graph fitted to each other, relation by relation.

Over states X, graph G and relation weights w, in turn, it minimises

    J = Tr(X' L X) + stay * ||X - X0||^2 + anchor * ||G - sum_r w_r A_r||^2

with L the Laplacian of (G + G')/2, so that Tr(X' L X) = 1/2 sum_ij G_ij ||x_i - x_j||^2; G >= 0, its diagonal
zero, its rows summing to 1; w >= 0 summing to 1. The first two terms are the smoothness and fidelity of graph
signal denoising (Dong et al. 2016). Alone they are linear in G and would give each node its one nearest
neighbour; the third makes the G step strictly convex (as Nie et al. 2014 do with ||G||^2, the case of A = 0) and
is what the weights are learned by (after Nie et al. 2017, "Self-weighted multiview clustering"). Each step is an exact
minimum, or for w a descent, so J never rises. All of it is differentiable in X0.

Dense, for neighbourhoods. Shapes: N nodes, F features, R relations.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

WEIGHT_STEPS = 50  # projected gradient steps of one w step, each a product of R numbers by R


@dataclass(frozen=True, slots=True)
class Learned:
    """What came of it.

    Attributes:
        x: [N, F] states, smoothed along the graph.
        graph: [N, N] G; row i holds the weights i gives to its neighbours.
        weight: [R] w.
        objective: J at the start and after each step (X, G, w, X, G, w, …).
    """

    x: Tensor
    graph: Tensor
    weight: Tensor
    objective: list[float]


@dataclass(frozen=True, slots=True)
class Structure:
    """The problem: how much the states stay where they were, and the graph near the relations.

    Attributes:
        x0: [N, F] states to start from.
        relations: [R, N, N] what `relation_matrices` made of the edges.
        stay: above 0; the larger, the nearer X stays to X0.
        anchor: above 0; the larger, the nearer G stays to the relations.

    Raises:
        ValueError: fewer than two nodes (no row can sum to 1), no relation, shapes that do not fit,
            values that are not finite, or a weight not above 0.
    """

    x0: Tensor
    relations: Tensor
    stay: float = 1.0
    anchor: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what has no solution."""
        nodes, shape = len(self.x0), tuple(self.relations.shape)
        if nodes < 2 or len(shape) != 3 or shape[0] < 1 or shape[1:] != (nodes, nodes):
            raise ValueError(f"{nodes} nodes, relations {shape}: need two nodes and [R, N, N] with R of 1 or more")
        if not (self.stay > 0 and self.anchor > 0):
            raise ValueError(f"stay {self.stay}, anchor {self.anchor}: both must be above 0")
        if not bool(self.x0.isfinite().all() and self.relations.isfinite().all()):
            raise ValueError("states or relations hold values that are not finite: clean them first")

    def learn(self, rounds: int = 5) -> Learned:
        """Take the X, G and w steps in turn, `rounds` times, from X0, equal weights and the nearest G."""
        weight = self.x0.new_full((len(self.relations),), 1.0 / len(self.relations))  # [R]
        x, graph = self.x0, rows_to_simplex(self._anchor(weight))
        fell = [self.objective(x, graph, weight)]
        for _ in range(rounds):
            x = self.step_x(graph)
            fell.append(self.objective(x, graph, weight))
            graph = self.step_graph(x, weight)
            fell.append(self.objective(x, graph, weight))
            weight = self.step_weight(graph, weight)
            fell.append(self.objective(x, graph, weight))
        return Learned(x, graph, weight, [float(value.detach()) for value in fell])

    def objective(self, x: Tensor, graph: Tensor, weight: Tensor) -> Tensor:
        """J, a scalar."""
        rough = (graph * square_distances(x)).sum() / 2
        moved = (x - self.x0).square().sum()
        return rough + self.stay * moved + self.anchor * (graph - self._anchor(weight)).square().sum()

    def step_x(self, graph: Tensor) -> Tensor:
        """The X that minimises J for this G: (L + stay I) X = stay X0, [N, F]."""
        return smooth(self.x0, graph, self.stay)

    def step_graph(self, x: Tensor, weight: Tensor) -> Tensor:
        """The G that minimises J for this X and w, [N, N].

        A row's share of J is d.g/2 + anchor ||g - a||^2 = anchor ||g - (a - d/(4 anchor))||^2 + constant:
        a projection.
        """
        return rows_to_simplex(self._anchor(weight) - square_distances(x) / (4 * self.anchor))

    def step_weight(self, graph: Tensor, weight: Tensor) -> Tensor:
        """A w that fits G no worse than this one: projected gradient at one over the curvature, [R]."""
        flat = self.relations.flatten(1)  # [R, N*N]
        gram, pull = flat @ flat.t(), flat @ graph.flatten()  # w' gram w - 2 pull.w is ||G - sum||^2, less a constant
        curve = gram.diagonal().sum().clamp(min=torch.finfo(gram.dtype).tiny)  # the trace is above each eigenvalue
        for _ in range(WEIGHT_STEPS):
            weight = to_simplex(weight - (gram @ weight - pull) / curve)
        return weight

    def _anchor(self, weight: Tensor) -> Tensor:
        return torch.einsum("r,rij->ij", weight, self.relations)


def relation_matrices(edges: Tensor, relation: Tensor, nodes: int, relations: int) -> Tensor:
    """Each relation's [N, N] share of a source's edges that goes to a target, loops left out.

    Takes edges [2, E] of relation [E] and gives [R, N, N]; a row without edges stays zero.
    """
    kept = edges[0] != edges[1]
    place = (relation * nodes + edges[0]) * nodes + edges[1]
    count = torch.bincount(place[kept], minlength=relations * nodes * nodes).view(relations, nodes, nodes)
    return count / count.sum(2, keepdim=True).clamp(min=1)


def to_simplex(value: Tensor) -> Tensor:
    """The nearest rows that are >= 0 and sum to 1 (Duchi et al. 2008, figure 1): [*, N] → [*, N]."""
    falling = value.sort(dim=-1, descending=True).values
    excess = falling.cumsum(-1) - 1.0
    rank = torch.arange(1, value.shape[-1] + 1, device=value.device)
    kept = (falling * rank > excess).sum(-1, keepdim=True)  # how many entries stay above 0
    return (value - excess.gather(-1, kept - 1) / kept).clamp(min=0.0)


def rows_to_simplex(value: Tensor) -> Tensor:
    """`to_simplex` with the diagonal held at zero: [N, N] → [N, N]."""
    nodes = len(value)
    apart = value.flatten()[1:].view(nodes - 1, nodes + 1)[:, :-1].reshape(nodes, nodes - 1)  # the diagonal cut out
    shares = to_simplex(apart).reshape(nodes - 1, nodes)
    framed = torch.cat([shares.new_zeros(nodes - 1, 1), shares], dim=1).flatten()  # a diagonal entry, then N others
    return torch.cat([framed, framed.new_zeros(1)]).view(nodes, nodes)


def smooth(x0: Tensor, graph: Tensor, stay: Tensor | float) -> Tensor:
    """The X that minimises Tr(X' L X) + stay ||X - X0||^2: [*, N, F] and [*, N, N] → [*, N, F]."""
    mutual = (graph + graph.mT) / 2
    laplacian = torch.diag_embed(mutual.sum(-1)) - mutual
    eye = torch.eye(graph.shape[-1], dtype=graph.dtype, device=graph.device)
    x: Tensor = torch.linalg.solve(laplacian + stay * eye, stay * x0)
    return x


def square_distances(x: Tensor) -> Tensor:
    """Between every two rows: [*, N, F] → [*, N, N]."""
    square = x.square().sum(-1)  # [*, N]
    return (square[..., :, None] + square[..., None, :] - 2 * x @ x.mT).clamp(min=0.0)
