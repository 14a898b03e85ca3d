"""PyG's `RGCNConv` in the place of our convolutions: the yardstick of `ringwatch bench engine`, and no more.

Both compute the same where there are no edge attributes, which `RGCNConv` does not read: mean per relation and
direction, root weight, bias. All around the convolutions (scaling, norms, pools, readout) is the network's own in both.
"""

from __future__ import annotations

import copy
from typing import cast

import torch
from torch import Tensor, nn
from torch_geometric.nn import RGCNConv

from scoring.core.batch import GraphBatch
from scoring.core.conv import RelationalConv, Slots
from scoring.core.network import EventNetwork


class Rgcn:
    """A network with the same weights whose convolutions are PyG's."""

    name, precision = "pyg_rgcn", "float32"

    def __init__(self, network: EventNetwork) -> None:
        """Copy a relational network that has no edge attributes.

        Raises:
            ValueError: it reads attributes of edges.
        """
        if network.architecture.attributes:
            raise ValueError("RGCNConv reads no edge attributes: give it a network made for none")
        self._network = copy.deepcopy(network)
        self._network.body.convs = nn.ModuleList(
            _InPlace(cast(RelationalConv, conv)) for conv in self._network.body.convs
        )

    def logits(self, batch: GraphBatch) -> Tensor:
        """See InferenceEngine."""
        with torch.inference_mode():
            logit: Tensor = self._network(batch)
        return logit


class _InPlace(nn.Module):
    """Called as a `RelationalConv` is; computed by PyG."""

    def __init__(self, ours: RelationalConv) -> None:
        super().__init__()
        weight = ours.relation_weight()  # [R, F, H]
        self.relations = ours.relations
        self.conv = RGCNConv(weight.shape[1], weight.shape[2], ours.relations)
        with torch.no_grad():
            self.conv.weight.copy_(weight)
            self.conv.root.copy_(ours.root)
            self.conv.bias.copy_(ours.bias)

    def compact(self, edges: int) -> bool:
        """It sorts nothing beforehand."""
        return False

    def forward(
        self, x: Tensor, edges: Tensor, relation: Tensor, attributes: Tensor, gate: Tensor | None, slots: Slots | None
    ) -> Tensor:
        """Map node states to node states: [N, H]."""
        out: Tensor = self.conv(x, edges, relation)
        return out
