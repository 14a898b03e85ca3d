"""Where a network computes, and in which precision; and the gate that lets only what agrees with the CPU score.

Shapes: B events.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from scoring.core.batch import GraphBatch
from scoring.core.network import EventNetwork

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["float32", "bf16", "fp16"]

DTYPES = {"float32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
# Of a logit. The model that ships, on the CPU, over logits of 2 to 7: bf16 differs by 0.044, fp16 by 0.003 (measured)
TOLERANCE: dict[Precision, float] = {"float32": 1e-3, "bf16": 0.1, "fp16": 0.02}


class BackendMissing(RuntimeError):
    """The device asked for is not there: choose another, `cpu` always works."""


@dataclass(frozen=True, slots=True)
class Backend:
    """A device as torch names it (`cpu`, `cuda`, `cuda:1`) and the precision of its products.

    Below float32 weights and sums stay float32 and products are rounded (autocast).
    """

    device: str = "cpu"
    precision: Precision = "float32"

    def __str__(self) -> str:
        """For messages."""
        return f"{self.device} in {self.precision}"

    @property
    def trains(self) -> Backend:
        """The same for training: in bf16 where it is to score in fp16, which loses small gradients."""
        return replace(self, precision="bf16") if self.precision == "fp16" else self

    def check(self) -> None:
        """Refuse a device that is not there.

        Raises:
            BackendMissing: no such device on this machine.
        """
        device = torch.device(self.device)
        there = torch.cuda.device_count() if device.type == "cuda" else 1
        if (device.index or 0) >= there:
            raise BackendMissing(f"{self.device} is asked for and this machine has {there} CUDA devices: use cpu")

    def autocast(self) -> AbstractContextManager[None]:
        """The context in which products take this precision."""
        kind = torch.device(self.device).type
        return torch.autocast(kind, dtype=DTYPES[self.precision], enabled=self.precision != "float32")

    def logits(self, network: EventNetwork, batch: GraphBatch) -> Tensor:
        """Score a batch with a network that is on this device; logits come back as float32 on the CPU: [B]."""
        with torch.inference_mode(), self.autocast():
            logit: Tensor = network(batch.to(self.device))
        return logit.float().cpu()

    def place(self, network: EventNetwork) -> EventNetwork:
        """A copy of the network on this device, ready to score.

        Raises:
            BackendMissing: no such device on this machine.
        """
        self.check()
        return copy.deepcopy(network).to(self.device).eval()


CPU = Backend()


def picked(device: Device, precision: Precision, say: Callable[[str], None]) -> Backend:
    """The device asked for; `auto` is a CUDA device where there is one, else the CPU in float32, and it is said.

    Raises:
        BackendMissing: `cuda` is asked for by name and not there.
    """
    if device != "auto":
        found = Backend(device, precision)
        found.check()
        return found
    if torch.cuda.is_available():
        say(f"computing on {torch.cuda.get_device_name()} in {precision}")
        return Backend("cuda", precision)
    say("no CUDA device here: computing on the CPU in float32")
    return CPU


@dataclass(frozen=True, slots=True)
class Admitted:
    """What the gate let through: where to score, the network there, and how far its logits lie from the CPU's."""

    backend: Backend
    network: EventNetwork
    difference: float

    def logits(self, batch: GraphBatch) -> Tensor:
        """Score a batch: float32 on the CPU, [B]."""
        return self.backend.logits(self.network, batch)


def parity_gate(
    network: EventNetwork,
    batches: Iterable[GraphBatch],
    wanted: Backend,
    say: Callable[[str], None],
    tolerance: float | None = None,
) -> Admitted:
    """The backend asked for if its logits agree with those of the CPU in float32, else the next best that does.

    Next best is float32 on the same device, then the CPU.

    Args:
        network: in float32 on the CPU.
        batches: to compare on; take some that look like what will be scored.
        wanted: where to score.
        say: told in one sentence whenever it is another that scores.
        tolerance: largest difference of a logit; by default that of the precision (`TOLERANCE`).
    """
    own = CPU.place(network)
    if wanted == CPU:
        return Admitted(CPU, own, 0.0)
    sample = list(batches)
    truth = [CPU.logits(own, batch) for batch in sample]
    for backend in dict.fromkeys((wanted, Backend(wanted.device))):
        if backend == CPU:
            break
        limit = TOLERANCE[backend.precision] if tolerance is None else tolerance
        try:
            placed = backend.place(network)
        except BackendMissing as missing:
            say(str(missing))
            continue
        apart = difference([backend.logits(placed, batch) for batch in sample], truth)
        if apart <= limit:
            return Admitted(backend, placed, apart)
        say(f"{backend} differs from the CPU by {apart:.3g} of a logit, {limit:g} at most: it does not score")
    return Admitted(CPU, own, 0.0)


def difference(found: Sequence[Tensor], truth: Sequence[Tensor]) -> float:
    """Largest of a logit; infinite where there are not as many, or one alone is no number."""
    if any(a.shape != b.shape for a, b in zip(found, truth, strict=True)):
        return float("inf")
    pairs = [(a - b).abs().nan_to_num(torch.inf) for a, b in zip(found, truth, strict=True) if len(a)]
    return max((float(pair.max()) for pair in pairs), default=0.0)
