"""One contract for every engine: it says what the network says, whatever the batch."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from scoring.core.architecture import Architecture
from scoring.core.backend import Backend, difference
from scoring.core.batch import GraphBatch
from scoring.core.network import EventNetwork
from scoring.core.random_batch import Shape, random_batch
from scoring.core.serving import NotServable
from scoring.inference.choose import LIMITS, candidates
from scoring.inference.cuda_graphs import CudaGraphs
from scoring.inference.engines import Compiled, Eager, EngineUnavailable, InferenceEngine
from scoring.inference.onnx_runtime import OnnxRuntime, export, to_int8

pytestmark = pytest.mark.usefixtures("one_thread")

WIDTHS = Architecture(16, 5, 12, 4)
NAMES = ["eager", "compiled", "onnx", "onnx_int8", "cuda_graphs_float32", "cuda_graphs_bf16", "cuda_graphs_fp16"]


@pytest.fixture(scope="module")
def network() -> EventNetwork:
    """Random weights."""
    torch.manual_seed(0)
    return EventNetwork(WIDTHS).eval()


@pytest.fixture(scope="module")
def exported(network: EventNetwork) -> bytes:
    """Once for all: it takes seconds."""
    return export(network)


@pytest.fixture(params=NAMES)
def engine(request: pytest.FixtureRequest, network: EventNetwork, exported: bytes) -> InferenceEngine:
    """Each engine there is."""
    if "cuda" in request.param and not torch.cuda.is_available():
        pytest.skip("no CUDA device here: it was not scored on")
    makes = {"eager": lambda: Eager(network), **candidates(network, exports={"onnx": exported})}
    made = makes[request.param]()
    assert made.name == request.param
    return made


def hub(batch: GraphBatch) -> GraphBatch:
    """Every edge of an event from its source to itself, in one relation."""
    source = batch.ends[batch.graph[batch.edges[0]], 0]
    return replace(batch, edges=source.expand(2, -1).contiguous(), relation=torch.zeros_like(batch.relation))


def one_end(batch: GraphBatch) -> GraphBatch:
    """Events whose two ends are one node."""
    return replace(batch, ends=batch.ends[:, :1].repeat(1, 2))


def alone(batch: GraphBatch) -> GraphBatch:
    """Each event's graph is one node, the event from it to itself, without edges."""
    kept = batch.keep(torch.zeros(len(batch.relation), dtype=torch.bool))
    own = torch.arange(len(batch))
    return replace(kept, x=batch.x[: len(batch)], graph=own, ends=own[:, None].repeat(1, 2))


def as_it_is(batch: GraphBatch) -> GraphBatch:
    """Left alone."""
    return batch


@pytest.mark.parametrize("change", [as_it_is, hub, one_end, alone])
@pytest.mark.parametrize(
    "shape", [Shape(1, 2, 0), Shape(1, 2, 1), Shape(1, 60, 130), Shape(5, 9, 3), Shape(70, 40, 80)], ids=str
)
def test_it_says_what_the_network_says(
    engine: InferenceEngine, network: EventNetwork, shape: Shape, change: Callable[[GraphBatch], GraphBatch]
) -> None:
    """No edge, one node, ends left alone, both ends one node, a hub, many graphs: within its precision's limit."""
    batch = change(random_batch(WIDTHS, shape, 1))
    found, truth = engine.logits(batch), Eager(network).logits(batch)
    assert (found.dtype, found.device.type) == (torch.float32, "cpu")
    assert difference([found], [truth]) <= (1e-5 if engine.precision == "float32" else LIMITS[engine.precision])


def test_nothing_gives_nothing(engine: InferenceEngine) -> None:
    """A batch of no events."""
    assert engine.logits(random_batch(WIDTHS, Shape(0, 2, 0), 0)).shape == (0,)


def test_the_order_of_events_does_not_matter(engine: InferenceEngine) -> None:
    """Each alone says what it says among others."""
    shape = Shape(6, 20, 45)
    batch = random_batch(WIDTHS, shape, 2)
    parts = [event(batch, shape, at) for at in reversed(range(6))]
    single = torch.cat([engine.logits(part) for part in parts]).flip(0)
    limit = 1e-5 if engine.precision == "float32" else LIMITS[engine.precision]
    assert difference([single], [engine.logits(batch)]) <= limit


def event(batch: GraphBatch, shape: Shape, at: int) -> GraphBatch:
    """One event of a batch with its graph."""
    nodes = slice(at * shape.nodes, (at + 1) * shape.nodes)
    edges = slice(at * shape.edges, (at + 1) * shape.edges)
    return GraphBatch(
        batch.x[nodes], batch.edges[:, edges] - nodes.start, batch.relation[edges], batch.attributes[edges],
        batch.event[at : at + 1], batch.ends[at : at + 1] - nodes.start, batch.graph[nodes] - at,
    )  # fmt: skip


@pytest.mark.parametrize("part", ["x", "event", "attributes"])
def test_what_is_not_a_number_stays_none(engine: InferenceEngine, part: str) -> None:
    """A NaN in features is not scored as if it were a number, and touches its own event only."""
    if engine.precision == "int8":
        pytest.skip("INT8 scales inputs by the batch's largest: a NaN is for who makes features to refuse")
    batch = random_batch(WIDTHS, Shape(3, 20, 45), 3)
    spoilt: Tensor = getattr(batch, part).clone()
    spoilt[0] = torch.nan
    found = engine.logits(replace(batch, **{part: spoilt}))
    assert found.isnan().tolist() == [True, False, False]


@pytest.mark.parametrize("make", [export, Compiled, lambda network: CudaGraphs(network, Backend("cuda"))])
def test_what_has_no_serving_form_is_not_made(make: Callable[[EventNetwork], object]) -> None:
    """Refused with the technique and what scores it."""
    if not torch.cuda.is_available() and make not in (export, Compiled):
        pytest.skip("no CUDA device here")
    with pytest.raises(NotServable, match=r"attend=True.*use eager"):
        make(EventNetwork(replace(WIDTHS, attend=True)))


def test_cuda_graphs_need_a_cuda_device(network: EventNetwork) -> None:
    """The CPU has none, and is told what to use."""
    with pytest.raises(EngineUnavailable, match="use eager"):
        CudaGraphs(network, Backend())


def test_a_damaged_export_is_refused(exported: bytes) -> None:
    """With the mend."""
    with pytest.raises(EngineUnavailable, match="export it anew"):
        OnnxRuntime(exported[: len(exported) // 2])


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_a_package_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, network: EventNetwork, exported: bytes, package: str
) -> None:
    """Each by what needs it."""
    there = importlib.import_module

    def imported(name: str, *rest: Any) -> Any:
        if name.split(".")[0] == package:
            raise ImportError(name)
        return there(name, *rest)

    monkeypatch.setattr(importlib, "import_module", imported)
    needs = {"onnx": lambda: to_int8(exported), "onnxscript": lambda: export(network)}
    with pytest.raises(EngineUnavailable, match=f"pip install {package}"):
        needs.get(package, lambda: OnnxRuntime(exported))()


def test_what_can_not_be_converted_is_said() -> None:
    """Whatever the converter makes of it, there is one kind of error, and another engine scores."""
    with pytest.raises(EngineUnavailable, match="put into INT8"):
        to_int8(b"no model")
