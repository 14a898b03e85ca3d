"""The network as plain tensors in, logits out: what an exporter can trace, and what other engines take weights from.

Shapes: B events; N nodes and E edges of all of them; F node features, A edge attributes, V event features,
R relations both ways counted, H hidden, L layers.

A layer multiplies first and sends then, the other way round than `RelationalConv`: the mean of products is the
product of the mean, so an edge carries H numbers and no table [N, R, F + A] is filled. What the edges' attributes
add is the same in every layer but for its weights, so one product makes it for all. In ONNX Runtime, at 130 nodes and
200 edges an event, that takes 240/240/340 us an event in batches of 1/16/256; `RelationalConv`'s dense layout takes
355/510/775 there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from scoring.core.architecture import Architecture
from scoring.core.batch import GraphBatch
from scoring.core.body import RelationalBody
from scoring.core.conv import RelationalConv
from scoring.core.network import EventNetwork

# The widths and what only trains change nothing here; a weight made of bases or blocks is expanded beforehand.
PLAIN = Architecture(1, 0, 0, 1)
TECHNIQUES = ("body", "clock", "ports", "rounds", "attend", "whole")


class NotServable(ValueError):
    """This architecture has no serving form: score with the network itself (`eager`)."""


def check_servable(architecture: Architecture) -> None:
    """Refuse what the serving form does not compute.

    Raises:
        NotServable: names the techniques.
    """
    added = [name for name in TECHNIQUES if getattr(architecture, name) != getattr(PLAIN, name)]
    if added:
        said = ", ".join(f"{name}={getattr(architecture, name)!r}" for name in added)
        raise NotServable(f"no serving form for {said}: only the relational body with nothing added; use eager")


class Layer(NamedTuple):
    """Weights of a layer, relations expanded: nodes [R, F, H], attributes [R, A, H], root [F, H], bias [H], norm."""

    nodes: Tensor
    attributes: Tensor
    root: Tensor
    bias: Tensor
    norm: nn.LayerNorm


def layers_of(network: EventNetwork) -> list[Layer]:
    """The weights of each layer. What blocks fill up the attributes with is nought: its weights are left out.

    Raises:
        NotServable: the architecture has more than layers.
    """
    check_servable(network.architecture)
    body, told = cast(RelationalBody, network.body), network.architecture.attributes
    found = []
    for conv, norm in zip(body.convs, body.norms, strict=True):
        conv = cast(RelationalConv, conv)
        weight, inputs = conv.relation_weight().detach(), conv.root.shape[0]  # [R, F + A, H]
        parts = weight[:, :inputs], weight[:, inputs : inputs + told]
        found.append(Layer(*parts, conv.root.detach(), conv.bias.detach(), cast(nn.LayerNorm, norm)))
    return found


def tensors_of(batch: GraphBatch) -> tuple[Tensor, ...]:
    """What the serving form takes of a batch, in its order (`INPUTS`)."""
    return tuple(getattr(batch, name) for name in INPUTS)


INPUTS = ("x", "edges", "relation", "attributes", "event", "ends", "graph")


class ServingForm(nn.Module):
    """Computes what an `EventNetwork` computes, in evaluation; its weights are the network's at the time it is made."""

    def __init__(self, network: EventNetwork) -> None:
        """Take the weights of a network.

        Raises:
            NotServable: the architecture has more than this computes.
        """
        super().__init__()
        layers = layers_of(network)
        self.relations, self.hidden = 2 * network.architecture.relations, network.architecture.hidden
        self.scale_nodes, self.scale_attributes = network.scale_nodes, network.scale_attributes
        self.scale_event, self.readout = network.scale_event, network.readout
        self.norms = nn.ModuleList(layer.norm for layer in layers)
        self.send = _frozen(layer.nodes.transpose(0, 1).flatten(1) for layer in layers)  # [F, R*H] each
        self.root = _frozen(layer.root for layer in layers)
        self.bias = _frozen(layer.bias for layer in layers)
        told = torch.cat([layer.attributes for layer in layers], dim=2).flatten(0, 1)
        self.told = _frozen([told])  # [R*A, L*H]
        self.eval()

    def forward(
        self, x: Tensor, edges: Tensor, relation: Tensor, attributes: Tensor, event: Tensor, ends: Tensor, graph: Tensor
    ) -> Tensor:
        """Score a batch given by its parts, see `GraphBatch`: [B] logits."""
        x, event, nodes = self.scale_nodes(x), self.scale_event(event), x.shape[0]
        source, target = torch.cat([edges[0], edges[1]]), torch.cat([edges[1], edges[0]])  # [2E]
        relation = torch.cat([relation, relation + self.relations // 2])
        slot = target * self.relations + relation  # [2E]
        one = torch.ones_like(slot, dtype=x.dtype)
        count = x.new_zeros(nodes * self.relations).index_add(0, slot, one).clamp(min=1)
        share = count.reciprocal().index_select(0, slot)[:, None]  # [2E, 1] each edge's in the mean
        told = self._told(self.scale_attributes(attributes), slot, share, nodes)
        states = [x]
        for send, root, bias, norm, said in zip(self.send, self.root, self.bias, self.norms, told, strict=True):
            sent = (states[-1] @ send).reshape(nodes * self.relations, self.hidden)  # [N*R, H]
            message = sent.index_select(0, source * self.relations + relation) * share  # [2E, H]
            out = (torch.addmm(bias, states[-1], root) + said).to(x.dtype)  # sums in single precision, see `Backend`
            states.append(torch.relu(norm(out.index_add(0, target, message))))
        return self._read(states, event, ends, graph)

    def _told(self, attributes: Tensor, slot: Tensor, share: Tensor, nodes: int) -> tuple[Tensor, ...]:
        """What edge attributes [E, A] add to each layer: [N, H] each."""
        width = attributes.shape[1]
        if width == 0:
            return (attributes.new_zeros(nodes, self.hidden),) * len(self.send)
        mean = attributes.new_zeros(nodes * self.relations, width)
        mean = mean.index_add(0, slot, torch.cat([attributes, attributes]) * share)
        told: tuple[Tensor, ...] = (mean.reshape(nodes, self.relations * width) @ self.told[0]).split(self.hidden, 1)
        return told

    def _read(self, states: list[Tensor], event: Tensor, ends: Tensor, graph: Tensor) -> Tensor:
        last, events = states[-1], event.shape[0]
        empty = last.new_zeros(events, self.hidden)
        size = last.new_zeros(events).index_add(0, graph, torch.ones_like(graph, dtype=last.dtype)).clamp(min=1)
        mean = empty.index_add(0, graph, last) / size[:, None]
        # A state is relu's, 0 and up: to begin at 0 changes no maximum
        top = empty.scatter_reduce(0, graph[:, None].expand_as(last), last, "amax")
        row = torch.cat([event, *(state[ends].flatten(1) for state in states), mean, top], dim=1)
        logit: Tensor = self.readout(row)
        return logit.squeeze(1)


def _frozen(weights: Iterable[Tensor]) -> nn.ParameterList:
    return nn.ParameterList(nn.Parameter(weight.contiguous(), requires_grad=False) for weight in weights)
