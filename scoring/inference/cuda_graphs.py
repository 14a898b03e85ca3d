"""A CUDA device that is told once what to do for each size of batch, and then only replays it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from scoring.core.backend import DTYPES, Backend
from scoring.core.batch import GraphBatch
from scoring.core.network import EventNetwork
from scoring.core.padding import padded
from scoring.core.serving import ServingForm, tensors_of
from scoring.inference.engines import EngineUnavailable

WARM = 3  # passes before one is recorded: libraries choose and allocate in them (PyTorch's notes on CUDA graphs)


@dataclass(frozen=True, slots=True)
class _Recorded:
    graph: torch.cuda.CUDAGraph
    inputs: tuple[Tensor, ...]
    logits: Tensor


class CudaGraphs:
    """The serving form, recorded once for each padded size: no launch of single kernels, no waiting for Python."""

    def __init__(self, network: EventNetwork, backend: Backend) -> None:
        """Place the network's serving form.

        Raises:
            NotServable: the architecture has no serving form.
            EngineUnavailable: the backend is no CUDA device.
            BackendMissing: no such device on this machine.
        """
        if torch.device(backend.device).type != "cuda":
            raise EngineUnavailable(f"CUDA graphs run on a CUDA device, not on {backend.device}: use eager there")
        self.name, self.precision = f"cuda_graphs_{backend.precision}", str(backend.precision)
        self._backend = backend
        self._form = ServingForm(backend.place(network))
        self._recorded: dict[tuple[int, int, int], _Recorded] = {}

    def logits(self, batch: GraphBatch) -> Tensor:
        """See InferenceEngine."""
        filled = padded(batch)
        size = len(filled), len(filled.x), len(filled.relation)
        if size not in self._recorded:
            self._recorded[size] = self._record(filled)
        recorded = self._recorded[size]
        for held, given in zip(recorded.inputs, tensors_of(filled), strict=True):
            held.copy_(given)
        recorded.graph.replay()
        return recorded.logits[: len(batch)].float().cpu()

    def _record(self, batch: GraphBatch) -> _Recorded:
        inputs, graph = tensors_of(batch.to(self._backend.device)), torch.cuda.CUDAGraph()
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch types no constructor of it
        side.wait_stream(torch.cuda.current_stream())
        with torch.inference_mode():
            with torch.cuda.stream(side):
                for _ in range(WARM):
                    self._pass(inputs)
            torch.cuda.current_stream().wait_stream(side)
            with torch.cuda.graph(graph):
                logits = self._pass(inputs)
        return _Recorded(graph, inputs, logits)

    def _pass(self, inputs: tuple[Tensor, ...]) -> Tensor:
        precision = DTYPES[self._backend.precision]
        # The cache of cast weights would be freed behind the recording that reads it
        with torch.autocast("cuda", precision, self._backend.precision != "float32", cache_enabled=False):
            logits: Tensor = self._form(*inputs)
        return logits
