"""A convolution that reads edges and their direction, on a directed multigraph.

Shapes: N nodes, E edges, F node state, A edge attributes, M message.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

Pooling = Literal["sum", "mean"]


class EdgeMessage(nn.Module):
    """relu(W [neighbour, edge attributes] + b), the neighbour's share computed once per node."""

    def __init__(self, inputs: int, attributes: int, outputs: int) -> None:
        """Make weights for F inputs, A attributes and M outputs."""
        super().__init__()
        self.node = nn.Linear(inputs, outputs, bias=False)
        self.edge = nn.Linear(attributes, outputs)

    def forward(self, x: Tensor, neighbour: Tensor, attributes: Tensor) -> Tensor:
        """Map states [N, F], neighbours [E] and attributes [E, A] to messages [E, M]."""
        # W [x_j, e] = W_x x_j + W_e e: N rows are multiplied instead of E
        return torch.relu(self.node(x).index_select(0, neighbour) + self.edge(attributes))


class DirectedEdgeConv(nn.Module):
    """Read what comes in and what goes out with different weights, then update each node's state by a GRU.

    Messages from neighbour and edge as in GINE (Hu et al. 2020); in and out apart as in Dir-GNN (Rossi et al.
    2023) and the reverse messages of Egressy et al. 2024; the update of Li et al. 2016, "Gated graph sequence
    neural networks", which keeps a state where nothing arrives that matters. Ports and times go in as edge
    attributes (`port_numbers`, `TimeEncoding`).
    """

    def __init__(self, states: int, attributes: int, messages: int, pooling: Pooling = "mean") -> None:
        """Make weights for F states, A attributes and M messages a direction.

        Args:
            states: F, the width of a node's state before and after.
            attributes: A, may be 0.
            messages: M.
            pooling: `sum` counts edges (exact, and as expressive as it gets); `mean` forgets how many they were,
                and stays calm at a hub.
        """
        super().__init__()
        self.pooling = pooling
        self.incoming = EdgeMessage(states, attributes, messages)
        self.outgoing = EdgeMessage(states, attributes, messages)
        self.update = nn.GRUCell(2 * messages, states)

    def forward(self, x: Tensor, edges: Tensor, attributes: Tensor, gate: Tensor | None = None) -> Tensor:
        """Map node states to node states.

        Args:
            x: [N, F] node states.
            edges: [2, E] source and target, each edge once: the layer reads it both ways.
            attributes: [E, A] edge attributes.
            gate: [E] what share of its messages passes, both ways (1 unless an explanation asks).

        Returns:
            [N, F].

        Raises:
            ValueError: not one row of attributes per edge.
        """
        if len(attributes) != edges.shape[1]:
            raise ValueError(f"{len(attributes)} rows of attributes for {edges.shape[1]} edges: give one for each edge")
        source, target = edges[0], edges[1]
        received = self._pool(self.incoming(x, source, attributes), gate, target, len(x))  # [N, M]
        sent = self._pool(self.outgoing(x, target, attributes), gate, source, len(x))  # [N, M]
        state: Tensor = self.update(torch.cat([received, sent], dim=1), x)
        return state

    def _pool(self, message: Tensor, gate: Tensor | None, node: Tensor, nodes: int) -> Tensor:
        message = _exact(message) if gate is None else _exact(message) * gate[:, None]
        total = message.new_zeros(nodes, message.shape[1]).index_add(0, node, message)  # [N, M]
        if self.pooling == "sum":
            return total
        return total / torch.bincount(node, minlength=nodes).clamp(min=1)[:, None]


def _exact(message: Tensor) -> Tensor:
    """Single precision at least: sums over a hub's edges lose too much at half."""
    return message.float() if message.dtype in (torch.bfloat16, torch.float16) else message
