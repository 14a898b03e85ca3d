"""What promotion makes for engines: once, beside the models, and never run unless it is what was made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from scoring import registry
from scoring.core.backend import difference
from scoring.core.network import EventNetwork
from scoring.engine import Engine
from scoring.inference import choose
from scoring.inference.choose import exported, samples
from scoring.inference.engines import Eager, EngineUnavailable
from scoring.inference.onnx_runtime import OnnxRuntime
from scoring.model_store import Registry
from scoring.registry import Manifest
from scoring.schema import FeatureSchema

pytestmark = pytest.mark.usefixtures("one_thread")


class Exporter:
    """Counts, and makes what tells networks apart."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, network: EventNetwork) -> Mapping[str, bytes]:
        self.asked += 1
        weights = np.concatenate([each.detach().numpy().ravel() for each in network.parameters()])
        return {"onnx": weights.tobytes(), "onnx_int8": b"small"}


@pytest.fixture
def exporter() -> Exporter:
    """Of one registry."""
    return Exporter()


@pytest.fixture
def store(
    tmp_path: Path, schema: FeatureSchema, manifest: Callable[[FeatureSchema], Manifest], exporter: Exporter
) -> Registry:
    """Two models, called by their versions in `models`."""
    made = Registry(tmp_path / "models", exporter=exporter)
    for seed in range(2):
        torch.manual_seed(seed)
        registry.save(tmp_path / f"{seed}", manifest(schema), EventNetwork(manifest(schema).sizes))
        made.add(tmp_path / f"{seed}")
    return made


def exports(store: Registry) -> dict[str, bytes]:
    """Of the promoted model."""
    loaded = store.current()
    assert loaded is not None
    return dict(loaded.exports)


def test_a_model_is_exported_once(store: Registry, exporter: Exporter) -> None:
    """Promoted again, also in another role, it has what the first promotion made."""
    first, second = (entry.model for entry in store.list())
    store.promote(first)
    made = exports(store)
    store.promote(second)
    assert exports(store).keys() == made.keys() and exports(store) != made
    store.promote(first, role="shadow")
    store.promote(first)
    assert (exports(store), exporter.asked) == (made, 2)


def test_the_model_before_has_its_exports_back(store: Registry) -> None:
    """With the rollback."""
    first, second = (entry.model for entry in store.list())
    store.promote(first)
    made = exports(store)
    store.promote(second)
    store.rollback()
    assert exports(store) == made


@pytest.mark.parametrize("damage", ["other bytes", "gone", "a link"])
def test_what_is_not_as_it_was_made_is_not_run(store: Registry, exporter: Exporter, damage: str) -> None:
    """The model is loaded all the same, and promoted anew it has everything again."""
    first, second = (entry.model for entry in store.list())
    store.promote(first)
    made, file = exports(store), store.folder / "exports" / f"{first}.onnx"
    content = file.read_bytes()
    file.unlink()
    if damage == "other bytes":
        file.write_bytes(content[::-1])
    elif damage == "a link":
        file.with_name("elsewhere").write_bytes(content)
        file.symlink_to("elsewhere")
    assert exports(store) == {"onnx_int8": b"small"}
    store.promote(second)
    store.promote(first)
    assert (exports(store), exporter.asked) == (made, 3)


def test_exports_are_no_models(store: Registry) -> None:
    """Nor is the folder they are in."""
    before = [entry.model for entry in store.list()]
    store.promote(before[0])
    assert [entry.model for entry in store.list()] == before


@pytest.fixture
def network(store: Registry) -> EventNetwork:
    """Of the first model."""
    return registry.load(store.path(store.list()[0].model)).network


def test_what_is_exported_says_what_the_network_says(network: EventNetwork) -> None:
    """Within the limits of its precision."""
    made, batches = exported(network, pytest.fail), samples(network)
    truth = [Eager(network).logits(batch) for batch in batches]
    for name, precision in (("onnx", "float32"), ("onnx_int8", "int8")):
        engine = OnnxRuntime(made[name], 1, precision)
        assert difference([engine.logits(batch) for batch in batches], truth) <= choose.LIMITS[precision]


def test_what_says_something_else_is_not_kept(network: EventNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    """INT8 of some networks: it is said by how much."""
    said: list[str] = []
    monkeypatch.setitem(choose.LIMITS, "int8", 0.0)
    assert exported(network, said.append).keys() == {"onnx"}
    assert len(said) == 1 and said[0].startswith("onnx_int8 does not score: it differs from the network by")


def test_without_an_exporter_s_packages_nothing_is_exported(
    network: EventNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said what to install, and the model is promoted all the same."""
    said: list[str] = []

    def missing(_: EventNetwork) -> bytes:
        raise EngineUnavailable("onnx is not installed: pip install onnx")

    monkeypatch.setattr(choose, "export", missing)
    assert exported(network, said.append) == {}
    assert said == ["onnx is not exported: onnx is not installed: pip install onnx"]


@pytest.mark.parametrize("asked", ["onnx", "auto"])
def test_an_engine_runs_what_was_exported(
    store: Registry, network: EventNetwork, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    """Nothing is exported when it starts."""
    loaded = registry.load(store.path(store.list()[0].model))._replace(exports=exported(network, pytest.fail))

    def again(_: EventNetwork) -> bytes:
        raise AssertionError("exported again")

    monkeypatch.setattr(choose, "export", again)
    engine = Engine.of(loaded, inference=asked)
    (batch, *_) = samples(network)
    assert engine._logits(batch) == pytest.approx(Eager(network).logits(batch).double().numpy(), abs=0.05)
    timed = {one.engine for one in getattr(engine._inference, "timed", ())}
    assert "onnx" in (timed if asked == "auto" else {getattr(engine._inference, "name", "")})
