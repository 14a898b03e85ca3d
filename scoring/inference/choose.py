"""Choose what scores: of the engines that agree with the network, the fastest on this machine for each size of batch.

Shapes: B events.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from types import MappingProxyType

import torch
from torch import Tensor

from scoring.core.backend import TOLERANCE, Backend, BackendMissing, difference
from scoring.core.batch import GraphBatch
from scoring.core.network import EventNetwork
from scoring.core.random_batch import Shape, random_batch
from scoring.core.serving import NotServable
from scoring.inference.cuda_graphs import CudaGraphs
from scoring.inference.engines import Compiled, Eager, EngineUnavailable, InferenceEngine
from scoring.inference.onnx_runtime import OnnxRuntime, export, to_int8

EAGER, ONNX, ONNX_INT8 = "eager", "onnx", "onnx_int8"
EXPORTED = (ONNX, ONNX_INT8)  # engines that run something made of the network, at promotion
SIZES, AROUND = (1, 16, 64), (130, 200)  # batches that engines are compared on: events, and nodes and edges of each
# Of a logit. In float32 engines differ by the order of their sums, 1e-7 (measured); INT8 by 0.005, as fp16 does
LIMITS = {"float32": 1e-4, "bf16": TOLERANCE["bf16"], "fp16": TOLERANCE["fp16"], "int8": TOLERANCE["fp16"]}
ODD = (Shape(1, 2, 0), Shape(3, 5, 7), Shape(2, 2, 1))  # no edge, ends left alone: compared beside what is given
ROUNDS = 7  # the fastest pass of each counts: what else the machine does only slows

Make = Callable[[], InferenceEngine]


@dataclass(frozen=True, slots=True)
class Timed:
    """What an engine took in a batch of so many events, microseconds an event."""

    engine: str
    events: int
    us: float


class Chosen:
    """Scores each batch by the engine that was chosen for its size."""

    def __init__(self, engines: Mapping[int, InferenceEngine], timed: Sequence[Timed] = ()) -> None:
        """Take an engine for each size measured; larger batches go to the largest size's."""
        self._sizes, self._engines = sorted(engines), dict(engines)
        self.timed = tuple(timed)
        used = [self._engines[size] for size in self._sizes]
        self.name = "+".join(dict.fromkeys(engine.name for engine in used))
        self.precision = "+".join(dict.fromkeys(engine.precision for engine in used))

    def of(self, events: int) -> InferenceEngine:
        """The engine of batches of so many events."""
        at = bisect_left(self._sizes, events)
        return self._engines[self._sizes[min(at, len(self._sizes) - 1)]]

    def logits(self, batch: GraphBatch) -> Tensor:
        """See InferenceEngine."""
        return self.of(len(batch)).logits(batch)


def candidates(
    network: EventNetwork, threads: int = 1, exports: Mapping[str, bytes] = MappingProxyType({})
) -> dict[str, Make]:
    """How to make each engine this machine may have, by name.

    Args:
        network: in evaluation, on the CPU.
        threads: of BLAS and of ONNX Runtime.
        exports: what `exported` made of it at promotion; what is not among it is made here, which takes some seconds.
    """
    model = cache(lambda: exports.get(ONNX) or export(network))
    found: dict[str, Make] = {
        "compiled": lambda: Compiled(network, threads),
        ONNX: lambda: OnnxRuntime(model(), threads),
        ONNX_INT8: lambda: OnnxRuntime(exports.get(ONNX_INT8) or to_int8(model()), threads, "int8"),
    }
    if torch.cuda.is_available():
        for backend in (Backend("cuda"), Backend("cuda", "bf16"), Backend("cuda", "fp16")):
            found[f"cuda_graphs_{backend.precision}"] = partial(CudaGraphs, network, backend)
            found[f"eager_cuda_{backend.precision}"] = partial(Eager, network, backend)
    return found


def exported(network: EventNetwork, say: Callable[[str], None]) -> dict[str, bytes]:
    """The network as each engine of `EXPORTED` runs it, where that agrees with the network; takes some seconds.

    Args:
        network: in evaluation, on the CPU in float32.
        say: told in one sentence of each that is not made.
    """
    made: dict[str, bytes] = {}
    try:
        made[ONNX] = export(network)
        made[ONNX_INT8] = to_int8(made[ONNX])
    except (EngineUnavailable, NotServable) as reason:
        say(f"{ONNX if ONNX not in made else ONNX_INT8} is not exported: {reason}")
    makes = {name: make for name, make in candidates(network, exports=made).items() if name in made}
    return {name: made[name] for name in _admitted(Eager(network), makes, _compared(network, samples(network)), say)}


def samples(network: EventNetwork) -> list[GraphBatch]:
    """A batch of each size that engines are compared and timed on, as a scorer meets them."""
    return [random_batch(network.architecture, Shape(size, *AROUND), 0) for size in SIZES]


def _compared(network: EventNetwork, batches: Sequence[GraphBatch]) -> list[GraphBatch]:
    return [*batches, *(random_batch(network.architecture, odd, 0) for odd in ODD)]


def choose(
    network: EventNetwork,
    batches: Sequence[GraphBatch],
    say: Callable[[str], None],
    makes: Mapping[str, Make] | None = None,
    only: str | None = None,
) -> Chosen:
    """Admit engines by comparison with the network, time those admitted, and take the fastest for each size.

    Args:
        network: in evaluation, on the CPU in float32.
        batches: to compare and time on, one of each size that will be scored (such as 1, 16, 64, 256), not empty.
        say: told in one sentence of each engine that does not score.
        makes: how engines are made, by name; default: `candidates`.
        only: the one to take whatever the time, for runs that must not differ; the network itself where it is refused.

    Raises:
        ValueError: `only` is no engine's name, or there is nothing to compare on.
    """
    makes = candidates(network) if makes is None else makes
    sample = [batch for batch in batches if len(batch)]
    if not sample:
        raise ValueError("no batch to compare engines on: give one of each size that will be scored")
    if only is not None and only not in (EAGER, *makes):
        raise ValueError(f"engine {only!r} is not here: choose one of {', '.join((EAGER, *makes))}")
    eager = Eager(network)
    wanted = {name: make for name, make in makes.items() if only in (None, name)}
    admitted = _admitted(eager, wanted, _compared(network, sample), say)
    if only is not None:
        return Chosen({1: admitted.get(only, eager)})
    return _fastest({EAGER: eager, **admitted}, sample)


def _admitted(
    eager: InferenceEngine, makes: Mapping[str, Make], batches: Sequence[GraphBatch], say: Callable[[str], None]
) -> dict[str, InferenceEngine]:
    truth, admitted = [eager.logits(batch) for batch in batches], dict[str, InferenceEngine]()
    for name, make in makes.items():
        try:
            engine = make()
            apart = difference([engine.logits(batch) for batch in batches], truth)
        except (EngineUnavailable, NotServable, BackendMissing) as reason:
            say(f"{name} does not score: {reason}")
            continue
        except Exception as broken:  # of whatever kind: it is said, and what can't compute these batches does not score
            say(f"{name} does not score: it broke on the batches compared ({type(broken).__name__}: {broken})")
            continue
        limit = LIMITS[engine.precision]
        if apart <= limit:
            admitted[name] = engine
        else:
            say(f"{name} does not score: it differs from the network by {apart:.3g} of a logit, {limit:g} at most")
    return admitted


def _fastest(engines: Mapping[str, InferenceEngine], batches: Sequence[GraphBatch]) -> Chosen:
    taken, timed = dict[int, InferenceEngine](), list[Timed]()
    for batch in batches:
        took = dict.fromkeys(engines, float("inf"))
        for _ in range(ROUNDS):  # in turn, so that a slow moment of the machine is everyone's
            for name, engine in engines.items():
                started = time.perf_counter()
                engine.logits(batch)
                took[name] = min(took[name], time.perf_counter() - started)
        timed += [Timed(name, len(batch), 1e6 * s / len(batch)) for name, s in took.items()]
        taken[len(batch)] = engines[min(took, key=took.__getitem__)]
    return Chosen(taken, timed)
