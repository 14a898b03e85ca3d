"""The choice: only what agrees scores, the fastest of it, and whatever else happens is said."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from scoring.core.architecture import Architecture
from scoring.core.batch import GraphBatch
from scoring.core.network import EventNetwork
from scoring.core.random_batch import Shape, random_batch
from scoring.inference import onnx_runtime
from scoring.inference.choose import Make, candidates, choose
from scoring.inference.engines import Compiled, Eager, EngineUnavailable, InferenceEngine

pytestmark = pytest.mark.usefixtures("one_thread")

WIDTHS = Architecture(8, 3, 4, 3, hidden=8)


class Told:
    """An engine that takes some seconds more for each event or each pass, and is off by something."""

    precision = "float32"

    def __init__(self, network: EventNetwork, name: str, event_s: float = 0, pass_s: float = 0, off: float = 0) -> None:
        """Say how it differs."""
        self.name, self._engine = name, Compiled(network)
        self._event_s, self._pass_s, self._off = event_s, pass_s, off

    def logits(self, batch: GraphBatch) -> Tensor:
        """See InferenceEngine."""
        time.sleep(self._pass_s + self._event_s * len(batch))
        return self._engine.logits(batch) + self._off


@pytest.fixture
def network() -> EventNetwork:
    """Random weights."""
    torch.manual_seed(0)
    return EventNetwork(WIDTHS).eval()


@pytest.fixture
def batches() -> list[GraphBatch]:
    """One of each size."""
    return [random_batch(WIDTHS, Shape(size, 6, 9), size) for size in (1, 8)]


def unavailable() -> InferenceEngine:
    """What asks for a package that is not here."""
    raise EngineUnavailable("such is not installed: pip install such")


def test_each_size_of_batch_goes_to_its_fastest(network: EventNetwork, batches: list[GraphBatch]) -> None:
    """Sizes between go up to the next, larger ones to the largest; times are kept for a report."""
    network.register_forward_pre_hook(lambda *_: time.sleep(0.05))
    makes: dict[str, Make] = {
        "by_event": lambda: Told(network, "by_event", event_s=0.003),
        "by_pass": lambda: Told(network, "by_pass", pass_s=0.012),
    }
    chosen = choose(network, batches, pytest.fail, makes)
    assert [chosen.of(events).name for events in (0, 1, 2, 8, 900)] == ["by_event", "by_event", *["by_pass"] * 3]
    assert {(one.engine, one.events) for one in chosen.timed} >= {("eager", 1), ("by_pass", 1), ("by_event", 8)}


def test_it_scores_as_the_network_does(network: EventNetwork, batches: list[GraphBatch]) -> None:
    """Of the engines there really are."""
    chosen = choose(network, batches, pytest.fail, {"compiled": candidates(network)["compiled"]})
    for batch in (*batches, random_batch(WIDTHS, Shape(20, 6, 9), 9), random_batch(WIDTHS, Shape(0, 2, 0), 0)):
        assert torch.allclose(chosen.logits(batch), Eager(network).logits(batch), atol=1e-5, rtol=0)


@pytest.mark.parametrize("off", [1e-3, float("nan")])
def test_what_differs_does_not_score(network: EventNetwork, batches: list[GraphBatch], off: float) -> None:
    """It is said by how much; the network scores."""
    said: list[str] = []
    assert choose(network, batches, said.append, {"off": lambda: Told(network, "off", off=off)}).name == "eager"
    assert len(said) == 1 and said[0].startswith("off does not score: it differs from the network by")


def test_another_networks_export_does_not_score(network: EventNetwork, batches: list[GraphBatch]) -> None:
    """As a model folder may hold after a mishap."""
    said: list[str] = []
    torch.manual_seed(1)
    makes = candidates(network, exports={"onnx": onnx_runtime.export(EventNetwork(WIDTHS))})
    assert choose(network, batches, said.append, {"onnx": makes["onnx"]}).name == "eager"
    assert "onnx does not score: it differs from the network by" in said[0]


def test_an_export_of_other_widths_does_not_score(network: EventNetwork, batches: list[GraphBatch]) -> None:
    """ONNX Runtime refuses the batch; that is said too."""
    said: list[str] = []
    other = onnx_runtime.export(EventNetwork(replace(WIDTHS, nodes=9)))
    makes = candidates(network, exports={"onnx": other})
    assert choose(network, batches, said.append, {"onnx": makes["onnx"]}).name == "eager"
    assert "it broke on the batches compared" in said[0]


def test_without_onnxruntime_the_network_scores(
    monkeypatch: pytest.MonkeyPatch, network: EventNetwork, batches: list[GraphBatch]
) -> None:
    """And it is said what to install."""

    def missing(name: str) -> None:
        raise ImportError(name)

    said: list[str] = []
    makes = candidates(network)
    monkeypatch.setattr(onnx_runtime.importlib, "import_module", missing)
    assert choose(network, batches, said.append, {name: makes[name] for name in ("onnx", "onnx_int8")}).name == "eager"
    assert len(said) == 2 and all("is not installed: pip install onnx" in line for line in said)


def test_the_one_asked_for_scores_whatever_the_time(network: EventNetwork, batches: list[GraphBatch]) -> None:
    """Nothing is timed, so that two runs do not differ."""
    makes: dict[str, Make] = {"slow": lambda: Told(network, "slow", pass_s=0.01), "other": unavailable}
    chosen = choose(network, batches, pytest.fail, makes, only="slow")
    assert (chosen.name, chosen.timed) == ("slow", ())
    assert choose(network, batches, pytest.fail, makes, only="eager").name == "eager"


def test_the_network_scores_where_the_one_asked_for_is_refused(
    network: EventNetwork, batches: list[GraphBatch]
) -> None:
    """And it is said."""
    said: list[str] = []
    assert choose(network, batches, said.append, {"such": unavailable}, only="such").name == "eager"
    assert said == ["such does not score: such is not installed: pip install such"]


def test_an_engine_nobody_knows_is_refused(network: EventNetwork, batches: list[GraphBatch]) -> None:
    """With those there are."""
    with pytest.raises(ValueError, match="choose one of eager, such"):
        choose(network, batches, pytest.fail, {"such": unavailable}, only="sutch")


def test_a_choice_needs_a_batch(network: EventNetwork) -> None:
    """One that is not empty."""
    with pytest.raises(ValueError, match="give one of each size"):
        choose(network, [random_batch(WIDTHS, Shape(0, 2, 0), 0)], pytest.fail)


def test_an_architecture_without_a_serving_form_is_scored_by_the_network(batches: list[GraphBatch]) -> None:
    """Each engine says why it does not."""
    said: list[str] = []
    network = EventNetwork(replace(WIDTHS, attend=True)).eval()
    assert choose(network, batches, said.append).name.startswith("eager")
    assert sum("attend=True" in line for line in said) >= 3
