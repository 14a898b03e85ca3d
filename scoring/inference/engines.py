"""What computes logits: one protocol, the network itself, and the network as compiled loops.

Shapes: B events.

    EngineUnavailable   a package or a device it needs is not here, or does not take the model: another engine scores
"""

from __future__ import annotations

from typing import Protocol

# The BLAS that compiled loops call: its threads can be set once it is loaded. Neither ships types.
import scipy.linalg.cython_blas  # type: ignore[import-untyped]  # noqa: F401
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from torch import Tensor

from scoring.core.backend import CPU, Backend
from scoring.core.batch import GraphBatch
from scoring.core.compiled import CompiledNetwork
from scoring.core.network import EventNetwork


class EngineUnavailable(RuntimeError):
    """What an engine needs is not here; says what, and how to get it. Score with another, `eager` always works."""


class InferenceEngine(Protocol):
    """Computes what an `EventNetwork` computes in evaluation. Not for use by several threads at once.

    Attributes:
        name: as settings and figures call it.
        precision: of its products: float32, bf16, fp16 or int8.
    """

    name: str
    precision: str

    def logits(self, batch: GraphBatch) -> Tensor:
        """Score a batch that is on the CPU: [B], float32 on the CPU."""
        ...


class Eager:
    """The network itself, on any backend: every architecture, nothing prepared."""

    def __init__(self, network: EventNetwork, backend: Backend = CPU) -> None:
        """Place a copy of the network.

        Raises:
            BackendMissing: no such device on this machine.
        """
        self.name = "eager" if backend == CPU else f"eager_{backend.device}_{backend.precision}"
        self.precision: str = backend.precision
        self._backend, self._network = backend, backend.place(network)

    def logits(self, batch: GraphBatch) -> Tensor:
        """See InferenceEngine."""
        return self._backend.logits(self._network, batch)


class Compiled:
    """Compiled loops and BLAS products, see `CompiledNetwork`."""

    name, precision = "compiled", "float32"

    def __init__(self, network: EventNetwork, threads: int = 1) -> None:
        """Take the network's weights; `threads` is set for every BLAS of the whole process.

        Raises:
            NotServable: the architecture has more than layers.
        """
        self._network = CompiledNetwork(network)
        threadpool_limits(threads, user_api="blas")

    def logits(self, batch: GraphBatch) -> Tensor:
        """See InferenceEngine."""
        return self._network.logits(batch)
