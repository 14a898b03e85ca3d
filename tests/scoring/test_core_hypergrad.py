"""Hypergradients against finite differences and reverse mode, and tuning on a generated graph."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch_geometric.utils import stochastic_blockmodel_graph, to_dense_adj

from scoring.core.conv import RelationalConv
from scoring.core.hypergrad import Diverged, Parameters, Unrolled, tune

pytestmark = pytest.mark.usefixtures("one_thread")


class Network(nn.Module):
    """A smooth network: finite differences do not cross a kink."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = RelationalConv(4, 5, 2), nn.Linear(5, 2)

    def forward(self, x: Tensor, edges: Tensor, relation: Tensor) -> Tensor:
        return self.head(torch.tanh(self.conv(x, edges, relation)))


def run(steps: int) -> Unrolled:
    """Two communities, part of whose nodes train, another part in turn each step; the rest validates."""
    torch.manual_seed(0)
    edges = stochastic_blockmodel_graph([20, 20], [[0.3, 0.1], [0.1, 0.3]])
    relation = torch.randint(0, 2, edges.shape[1:])
    kind = torch.arange(40) // 20
    x = nn.functional.one_hot(kind, 4).double() + torch.randn(40, 4, dtype=torch.double)
    share = torch.randint(0, 3, (40,))
    network = Network().double()

    def loss(parameters: Parameters, among: Tensor) -> Tensor:
        logits = functional_call(network, parameters, (x, edges, relation))
        return nn.functional.cross_entropy(logits[among], kind[among])

    start = dict(network.named_parameters())
    return Unrolled(lambda p, step: loss(p, share == step % 2), lambda p: loss(p, share == 2), start, steps)


def value(of: Unrolled, rate: float, decay: float) -> float:
    """Validation loss after plain descent."""
    point = dict(of.start)
    for step in range(of.steps):
        slope = torch.autograd.grad(of.train(point, step), list(point.values()))
        pairs = zip(point.items(), slope, strict=True)
        point = {name: (p - rate * (g + decay * p)).detach().requires_grad_() for (name, p), g in pairs}
    return float(of.valid(point).detach())


def test_it_equals_finite_differences() -> None:
    """Rate and decay, 12 steps of a relational network in double precision: 1e-6 of the value."""
    training, rate, decay = run(12), 0.3, 0.02
    found = training.hypergradient(rate, decay)
    assert found.value == pytest.approx(value(training, rate, decay), rel=1e-12)
    for gradient, step_rate, step_decay in ((found.rate, 1e-5, 0.0), (found.decay, 0.0, 1e-5)):
        ahead, behind = (value(training, rate + s * step_rate, decay + s * step_decay) for s in (1, -1))
        assert gradient == pytest.approx((ahead - behind) / 2e-5, rel=1e-6)


def test_forward_mode_equals_reverse_mode() -> None:
    """Autograd back through every step."""
    training = run(6)
    hyper = torch.tensor([0.5, 0.05], dtype=torch.double, requires_grad=True)
    point = dict(training.start)
    for step in range(training.steps):
        slope = torch.autograd.grad(training.train(point, step), list(point.values()), create_graph=True)
        pairs = zip(point.items(), slope, strict=True)
        point = {name: p - hyper[0] * (g + hyper[1] * p) for (name, p), g in pairs}
    expected = torch.autograd.grad(training.valid(point), hyper)[0].tolist()
    found = training.hypergradient(0.5, 0.05)
    assert [found.rate, found.decay] == pytest.approx(expected, rel=1e-10)


def adam_value(of: Unrolled, rate: float, decay: float) -> float:
    """Validation loss after torch's AdamW at this rate times the pace."""
    point = {name: weight.detach().clone().requires_grad_() for name, weight in of.start.items()}
    optimiser = torch.optim.AdamW(point.values(), lr=rate, weight_decay=decay)
    for step in range(of.steps):
        optimiser.param_groups[0]["lr"] = rate * of.pace(step)
        optimiser.zero_grad()
        of.train(point, step).backward()
        optimiser.step()
    return float(of.valid(point).detach())


def test_by_adams_rule_it_is_the_derivative_of_torchs_adamw() -> None:
    """Value and finite differences along a pace that rises and falls, in double precision: 1e-5 of the value."""
    plain = run(12)
    training = replace(plain, rule="adam", pace=lambda step: (0.3, 1.0, 0.6, 0.1)[step % 4])
    rate, decay = 0.03, 0.2
    found = training.hypergradient(rate, decay)
    assert found.value == pytest.approx(adam_value(training, rate, decay), rel=1e-9)
    for gradient, step_rate, step_decay in ((found.rate, 1e-6, 0.0), (found.decay, 0.0, 1e-5)):
        ahead, behind = (adam_value(training, rate + s * step_rate, decay + s * step_decay) for s in (1, -1))
        assert gradient == pytest.approx((ahead - behind) / (2 * (step_rate + step_decay)), rel=1e-5)


def test_parameters_without_curvature_only_decay() -> None:
    """One unused, one in a linear loss: p' = p - rate * (g + decay * p), by hand."""
    start = {name: torch.full((1,), 2.0, dtype=torch.double) for name in ("unused", "linear")}
    plain = Unrolled(lambda p, _: 3.0 * p["linear"].sum(), lambda p: (p["linear"] + p["unused"]).sum(), start, 1)
    found = plain.hypergradient(0.1, 0.5)
    assert found.value == pytest.approx((2 - 0.1 * (3 + 1)) + (2 - 0.1 * 1))
    assert [found.rate, found.decay] == pytest.approx([-(3 + 1) - 1, -0.1 * 2 - 0.1 * 2])
    by_adam = replace(plain, rule="adam").hypergradient(0.1, 0.5)  # Adam's first direction is the sign
    assert by_adam.value == pytest.approx((2 - 0.1 * (1 + 1)) + (2 - 0.1 * 1))
    assert [by_adam.rate, by_adam.decay] == pytest.approx([-(1 + 1) - 1, -0.1 * 2 - 0.1 * 2])


def test_the_start_is_left_as_it_was() -> None:
    """Each round trains from the same place."""
    training = run(3)
    before = {name: weight.detach().clone() for name, weight in training.start.items()}
    first = training.hypergradient(0.5, 0.05)
    assert all(torch.equal(before[name], weight) for name, weight in training.start.items())
    assert training.hypergradient(0.5, 0.05).value == first.value


@pytest.mark.parametrize(("rate", "decay"), [(1e-3, 1.0), (1.0, 1e-4)])
def test_tuning_comes_near_the_best_of_a_grid(rate: float, decay: float) -> None:
    """From far off, on both sides: a linear model on states smoothed along a graph, few labels, many features."""
    torch.manual_seed(0)
    edges = stochastic_blockmodel_graph([60, 60], [[0.1, 0.03], [0.03, 0.1]])
    kind = torch.arange(120) // 60
    near = to_dense_adj(edges, max_num_nodes=120)[0].double() + torch.eye(120)
    smooth = near @ torch.cat([nn.functional.one_hot(kind, 2), torch.randn(120, 40)], 1).double()
    smooth, train = smooth / smooth.std(0), torch.rand(120) < 0.35

    def loss(parameters: Parameters, among: Tensor) -> Tensor:
        return nn.functional.cross_entropy(smooth[among] @ parameters["weight"], kind[among])

    start = {"weight": torch.zeros(42, 2, dtype=torch.double, requires_grad=True)}
    training = Unrolled(lambda p, _: loss(p, train), lambda p: loss(p, ~train), start, 20)
    best = min(value(training, r, d) for r in (0.03, 0.1, 0.3, 1.0) for d in (1e-3, 1e-2, 0.1))
    assert tune(training, rate, decay, rounds=12, stride=0.8).value < 1.02 * best


def test_a_rate_that_diverges_is_cut_until_training_holds() -> None:
    """The pair is noted as infinite, and never chosen."""
    weight = {"weight": torch.ones(1, dtype=torch.double, requires_grad=True)}
    steep = Unrolled(lambda p, _: 1e3 * p["weight"].square().sum(), lambda p: p["weight"].square().sum(), weight, 120)
    tuned = tune(steep, 1.0, 1e-3, rounds=8)
    assert tuned.tried[0][2] == float("inf")
    assert tuned.value < 1e-3
    with pytest.raises(Diverged, match="start lower"):
        tune(steep, 1.0, 1e-3, rounds=1)


def test_a_start_that_has_no_logarithm_is_refused() -> None:
    """Rate and decay must be above 0."""
    with pytest.raises(ValueError, match="above 0"):
        tune(run(1), 0.1, 0.0)
