"""The engine bench: its yardstick computes what we compute, and its figures have the one form."""

from __future__ import annotations

import json

import pytest
import torch

from deploy.benches import engine
from deploy.benches.rgcn import Rgcn
from scoring.core.architecture import Architecture
from scoring.core.backend import CPU
from scoring.core.network import EventNetwork
from scoring.core.random_batch import Shape, random_batch


def test_the_yardstick_says_what_the_network_says() -> None:
    """PyG's convolutions with the same weights: 1e-5."""
    network = EventNetwork(Architecture(8, 0, 4, 3, hidden=8)).eval()
    batch = random_batch(network.architecture, Shape(5, 20, 45), 0)
    assert torch.allclose(Rgcn(network).logits(batch), CPU.logits(network, batch), atol=1e-5, rtol=0)


def test_the_yardstick_reads_no_edge_attributes() -> None:
    """A network that does is refused."""
    with pytest.raises(ValueError, match="made for none"):
        Rgcn(EventNetwork(Architecture(8, 2, 4, 3)))


def test_it_prints_figures_with_bars(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Of every engine and batch; exit status 0 or 3, as the bars hold on this machine."""
    monkeypatch.setattr(engine, "WIDE", Architecture(8, 3, 4, 3, hidden=8))
    monkeypatch.setattr(engine, "BATCHES", (1, 4))
    monkeypatch.setattr(engine, "LEAST_TURNS", 2)
    before = torch.get_num_threads()
    assert engine.run_engine_bench(0.01, as_json=True) in (0, 3)
    torch.set_num_threads(before)
    figures = {figure["name"]: figure for figure in json.loads(capsys.readouterr().out)["figures"]}
    assert figures["times_rgcn_chosen@1x130"]["bar"] == 5.0
    assert figures["logit_difference_rgcn_chosen@4"]["ok"] and figures["logit_difference_onnx"]["ok"]
    assert {"p50_eager@1", "p99_compiled@4", "qps_onnx_int8@4", "pr_auc_difference_compiled"} <= set(figures)
