"""How states of nodes become one row for each event: pools over its graph, and its attention to edges at its ends.

Shapes: B events, N nodes, E edges, I incidences (an edge seen from an end it touches), V event features, A edge
features, H states, K heads, D = H / K.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from scoring.core.batch import GraphBatch
from scoring.core.fusion import segment_softmax


def pool_graphs(x: Tensor, graph: Tensor, graphs: int) -> Tensor:
    """Mean and maximum of states [N, H] over each graph [N], zeros for one without nodes: [B, 2H]."""
    empty = x.new_zeros(graphs, x.shape[1])  # [B, H]
    size = torch.bincount(graph, minlength=graphs).clamp(min=1)[:, None]  # [B, 1]
    mean = empty.index_add(0, graph, x) / size
    top = empty.scatter_reduce(0, graph[:, None].expand_as(x), x, "amax", include_self=False)
    return torch.cat([mean, top], dim=1)


class EventAttention(nn.Module):
    """Let the event choose among the edges at each of its ends, by what it is and what they are.

    Scaled products of queries and keys (Vaswani et al. 2017, eq. 1), asked by the event and its end together; what
    is read is the neighbour, the edge and its direction, through a relu, so that single edges stand out that a
    mean would drown. An end without edges says zero. (The sums of GATv2 learn to match kinds far slower.)
    """

    def __init__(self, event: int, states: int, edges: int, heads: int) -> None:
        """Make weights for V event features, H states, A edge features and K heads (which divide H)."""
        super().__init__()
        self.heads = heads
        self.ask = nn.Linear(event + states, states)
        self.key = nn.Linear(states + edges + 1, states, bias=False)  # a softmax would not see one
        self.value = nn.Linear(states + edges + 1, states)

    def forward(self, x: Tensor, batch: GraphBatch, edges: Tensor, gate: Tensor | None = None) -> Tensor:
        """What is read at both ends: [B, 2H].

        Args:
            x: [N, H] states.
            batch: the graphs, event features as the network reads them.
            edges: [E, A] edge features.
            gate: [E] what share of an edge's message passes.
        """
        side, way, edge = incidences(batch)  # [I] each
        end = batch.graph[batch.edges[0]][edge] * 2 + side  # [I] which of the 2B ends
        neighbour = batch.edges[1 - way, edge]
        seen = torch.cat([x.index_select(0, neighbour), edges.index_select(0, edge), way[:, None].to(x.dtype)], dim=1)
        asked = torch.cat([batch.event.repeat_interleave(2, 0), x[batch.ends.flatten()]], dim=1)  # [2B, V + H]
        match = self._heads(self.ask(asked).index_select(0, end) * self.key(seen))  # [I, K, D]
        score = match.sum(-1) / match.shape[-1] ** 0.5  # [I, K]
        weight = segment_softmax(score, end, 2 * len(batch))
        weight = weight if gate is None else weight * gate[edge][:, None]
        message = self._heads(torch.relu(self.value(seen))) * weight[..., None]  # [I, K, D]
        read = message.new_zeros(2 * len(batch), x.shape[1]).index_add(0, end, message.flatten(1))  # [2B, H]
        return read.view(len(batch), 2 * x.shape[1])

    def _heads(self, x: Tensor) -> Tensor:
        return x.view(len(x), self.heads, x.shape[1] // self.heads)


def incidences(batch: GraphBatch) -> tuple[Tensor, Tensor, Tensor]:
    """Where an edge touches an end: which end (0 source, 1 target), which way (0 out of it, 1 in), which edge."""
    ends = batch.ends[batch.graph[batch.edges[0]]].t()  # [2, E] the ends of the event each edge belongs to
    side, way, edge = (ends[:, None] == batch.edges[None]).nonzero().unbind(1)
    return side, way, edge
