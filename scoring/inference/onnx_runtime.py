"""ONNX Runtime on the CPU: a network exported once, as bytes that go with a model, and what runs them.

Running needs onnxruntime alone; exporting needs onnx and onnxscript as well, INT8 needs onnx.
"""

from __future__ import annotations

import importlib
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from scoring.core.batch import GraphBatch
from scoring.core.network import EventNetwork
from scoring.core.random_batch import Shape, random_batch
from scoring.core.serving import INPUTS, ServingForm, tensors_of
from scoring.inference.engines import EngineUnavailable

OPSET = 20  # the first with all the network uses that ONNX Runtime 1.17 (2024) runs
TRACED = Shape(3, 5, 11)  # sizes that are no widths of a network: the exporter must not take one for another
QUIET = ("onnx_ir", "onnxscript", "torch.onnx", "root")  # what they say is of no use to who exports
_DYNAMIC = torch.export.Dim.DYNAMIC
_SIZES = {"x": 0, "edges": 1, "relation": 0, "attributes": 0, "event": 0, "ends": 0, "graph": 0}  # the axis that varies


def export(network: EventNetwork) -> bytes:
    """The network as an ONNX model of `INPUTS`, for any number of events, nodes and edges.

    Raises:
        NotServable: the architecture has no serving form.
        EngineUnavailable: onnx or onnxscript is not installed, or they can't express the network.
    """
    form = ServingForm(network)
    _needed("onnx"), _needed("onnxscript")
    example = tensors_of(random_batch(network.architecture, TRACED, 0))
    sizes = tuple({_SIZES[name]: _DYNAMIC} for name in INPUTS)
    with _quiet(), _or_unavailable("the network can't be exported"):
        program = torch.onnx.export(
            form, example, dynamo=True, dynamic_shapes=sizes, input_names=INPUTS, opset_version=OPSET, verbose=False
        )
    assert program is not None  # without a file name it returns the program
    model: bytes = program.model_proto.SerializeToString()
    return model


def to_int8(model: bytes) -> bytes:
    """The same with the weights of products in INT8, each column on a scale of its own, and inputs scaled as they come.

    Raises:
        EngineUnavailable: onnx or onnxruntime is not installed, or they can't quantise the model.
    """
    onnx, quantization = _needed("onnx"), _needed("onnxruntime.quantization")
    with tempfile.TemporaryDirectory() as folder, _quiet(), _or_unavailable("the model can't be put into INT8"):
        path = Path(folder) / "int8.onnx"
        quantization.quantize_dynamic(
            onnx.load_from_string(model), path, per_channel=True, weight_type=quantization.QuantType.QInt8
        )
        return path.read_bytes()


class OnnxRuntime:
    """Runs an exported network on the CPU."""

    def __init__(self, model: bytes, threads: int = 1, precision: str = "float32") -> None:
        """Load what `export` or `to_int8` made; `threads` are this engine's own.

        Raises:
            EngineUnavailable: onnxruntime is not installed, or does not take the model.
        """
        self.name = "onnx" if precision == "float32" else f"onnx_{precision}"
        self.precision = precision
        runtime = _needed("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1  # one operation after the other
        try:
            self._session = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as refused:  # its errors have no common base but this
            said = f"ONNX Runtime {runtime.__version__} does not take the model: {refused}"
            raise EngineUnavailable(f"{said}; export it anew") from refused
        self._inputs = {each.name for each in self._session.get_inputs()}  # an input of no width is left out

    def logits(self, batch: GraphBatch) -> Tensor:
        """See InferenceEngine."""
        if not len(batch):
            return torch.zeros(0)
        named = zip(INPUTS, tensors_of(batch), strict=True)
        fed = {name: tensor.detach().numpy() for name, tensor in named if name in self._inputs}
        return torch.from_numpy(self._session.run(None, fed)[0])


def _needed(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as missing:
        package = name.split(".")[0]
        raise EngineUnavailable(f"{package} is not installed: pip install {package}") from missing


@contextmanager
def _or_unavailable(said: str) -> Iterator[None]:
    """Errors of exporters and converters, which have no common base, as ours: another engine scores."""
    try:
        yield
    except Exception as error:
        raise EngineUnavailable(f"{said} ({type(error).__name__}: {error}); another engine scores") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Errors only, while a model is made."""
    loggers = [logging.getLogger(name) for name in QUIET]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
