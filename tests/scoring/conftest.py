"""Hand-made subgraphs of a small bank."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from graph.model import Attributes, Caps, Event, Subgraph, SubgraphEdge
from scoring import registry
from scoring.core.architecture import Architecture
from scoring.core.calibration import Calibration
from scoring.registry import DataRange, Manifest, Probe, Thresholds
from scoring.schema import FeatureSchema, schema_of

sys.path.insert(0, str(Path(__file__).parent))  # outcomes.py

HOUR_MS = 3_600_000
NOW_MS = 1_770_000_000_000

RELATIONS = {
    "OWNS": ("User", "Account", ()),
    "TRANSFER": ("Account", "Account", ("amount",)),
    "LOGIN": ("User", "Device", ()),
    "CONNECT": ("Device", "IP", ()),
    "MODIFY": ("User", "Contact", ()),
}
WORDS = {"TRANSFER": [("channel", "app"), ("channel", "card")]}


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Torch on one thread: the tensors are small, and sums come out the same on every machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


EdgeSpec = tuple[str, str, str, float]  # relation, src, dst, hours before the event


@pytest.fixture
def schema() -> FeatureSchema:
    """The bank's features."""
    return schema_of(RELATIONS, words=WORDS)


def edge(
    spec: EdgeSpec, number: int, label: bool | None = None, hop: int = 1, attributes: Attributes | None = None
) -> SubgraphEdge:
    """An edge from its spec."""
    relation, src, dst, hours = spec
    time_ms = NOW_MS - int(hours * HOUR_MS)
    return SubgraphEdge(f"rows:{number}:x", relation, src, dst, time_ms, attributes or {}, label, hop)


def subgraph_of(
    relation: str, src: str, dst: str, edges: list[SubgraphEdge], attributes: Attributes | None = None
) -> Subgraph:
    """A subgraph around an event at NOW_MS, nodes as the contract orders them."""
    event = Event("rows:0:x", "new", "bank/p", NOW_MS, relation, src, dst, NOW_MS, attributes or {})
    ordered = sorted(edges, key=lambda e: (e.hop, -e.time_ms, e.owner))
    nodes = dict.fromkeys([src, dst])
    for each in ordered:
        nodes |= dict.fromkeys([each.src, each.dst])
    return Subgraph(event, tuple(nodes), tuple(ordered))


@pytest.fixture
def transfer() -> Subgraph:
    """Account A pays B 250.00; A was paid by C and D, and its owner logged in on an old and a new device."""
    specs: list[tuple[EdgeSpec, bool | None, int, Attributes]] = [
        (("TRANSFER", "Account:C", "Account:A", 2), True, 1, {"amount": 10_000, "channel": "app"}),
        (("TRANSFER", "Account:D", "Account:A", 3), None, 1, {"amount": 20_000, "channel": "card"}),
        (("TRANSFER", "Account:A", "Account:B", 30), False, 1, {"amount": 5_000, "channel": "app"}),
        (("OWNS", "User:u", "Account:A", 5_000), None, 1, {}),
        (("LOGIN", "User:u", "Device:old", 400), None, 2, {}),
        (("LOGIN", "User:u", "Device:new", 4), None, 2, {}),
        (("MODIFY", "User:u", "Contact:x", 3.5), None, 2, {}),
        (("OWNS", "User:c", "Account:C", 6_000), None, 2, {}),
    ]
    edges = [edge(spec, n, label, hop, attributes) for n, (spec, label, hop, attributes) in enumerate(specs, 1)]
    return subgraph_of("TRANSFER", "Account:A", "Account:B", edges, {"amount": 25_000, "channel": "app"})


Build = Callable[..., Subgraph]


@pytest.fixture
def build() -> Build:
    """Builds a subgraph; a row is (relation, src, dst, hours before, and if given label, attributes)."""

    def make(
        relation: str, src: str, dst: str, rows: Sequence[tuple[Any, ...]], attributes: Attributes | None = None
    ) -> Subgraph:
        ends = {src, dst}
        edges = [
            edge(row[:4], n, row[4] if len(row) > 4 else None, 1 if ends & {row[1], row[2]} else 2, *row[5:6])
            for n, row in enumerate(rows, 1)
        ]
        return subgraph_of(relation, src, dst, edges, attributes)

    return make


@pytest.fixture
def manifest() -> Callable[[FeatureSchema], Manifest]:
    """Makes a manifest as training writes it, before the files."""

    def make(schema: FeatureSchema) -> Manifest:
        sizes = Architecture(len(schema.nodes), len(schema.edges), len(schema.event), len(schema.relations), hidden=8)
        return Manifest(
            registry.FORMAT, "test", "0", schema, schema.hash, "mapping", Caps((16, 8)), sizes, Calibration(0.8, -0.5),
            Calibration(), Thresholds(0.5, 0.1), DataRange("made up", 0, 1, 1, 10, 1), 0,
            {"data": [1], "training": [0]}, "python -m nothing", {"pr_auc": 0.5}, 0.0, Probe(0, ()), {},
        )  # fmt: skip

    return make


@pytest.fixture
def agreement() -> Callable[[Callable[[], tuple[Tensor, Tensor]], nn.Module, float, int], Tensor]:
    """Trains on cases (logits and targets of 0 or 1), a new one each step; the share that is right of one more."""

    def trained(case: Callable[[], tuple[Tensor, Tensor]], model: nn.Module, rate: float, steps: int) -> Tensor:
        optimiser = torch.optim.Adam(model.parameters(), lr=rate)
        for _ in range(steps):
            logit, target = case()
            optimiser.zero_grad()
            nn.functional.binary_cross_entropy_with_logits(logit, target).backward()
            optimiser.step()
        logit, target = case()
        return ((logit > 0) == target.bool()).float().mean()

    return trained
