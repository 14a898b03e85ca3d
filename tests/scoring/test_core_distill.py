"""Distillation: the temperatures, the gradient, and a student that learns from its teacher alone."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.utils import stochastic_blockmodel_graph

from scoring.core.conv import RelationalConv
from scoring.core.distill import (
    Distillation,
    distillation_loss,
    entropy_temperature,
    scheduled_temperature,
    two_classes,
)

pytestmark = pytest.mark.usefixtures("one_thread")


class Network(nn.Module):
    """Two relational convolutions, of a width of its own."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.first, self.second = RelationalConv(8, hidden, 1), RelationalConv(hidden, 3, 1)

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        relation = torch.zeros_like(edges[0])
        return self.second(torch.relu(self.first(x, edges, relation)), edges, relation)


def blocks() -> tuple[Tensor, Tensor, Tensor]:
    """Three communities with noisy features: states, edges, community."""
    edges = stochastic_blockmodel_graph([30, 30, 30], (torch.eye(3) * 0.25 + 0.05).tolist())
    kind = torch.arange(90) // 30
    return nn.functional.one_hot(kind, 8).float() + 0.7 * torch.randn(90, 8), edges, kind


def test_the_temperature_falls_from_six_to_one() -> None:
    """T = 1 + 5 * (1 - step / total)."""
    assert [scheduled_temperature(step, 10) for step in (0, 2, 5, 10)] == [6.0, 5.0, 3.5, 1.0]


def test_a_sure_teacher_is_softened_and_a_torn_one_taken_as_it_is() -> None:
    """Six for no entropy, one for all of it, between for between."""
    found = entropy_temperature(torch.tensor([[200.0, 0.0, 0.0], [5.0, 5.0, 5.0], [2.0, 0.0, 0.0]]))
    assert found[:2].tolist() == pytest.approx([6.0, 1.0])
    assert 1.0 < found[2] < 6.0


@pytest.mark.parametrize("temperature", [1.0, 4.5, torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0], dtype=torch.double)])
def test_the_gradient_is_the_gap_between_the_softened_shares(temperature: float | Tensor) -> None:
    """T * (softmax(student / T) - softmax(teacher / T)) / B, and right against finite differences."""
    torch.manual_seed(0)
    student, teacher = torch.randn(2, 5, 3, dtype=torch.double)
    student.requires_grad_()
    heat = torch.as_tensor(temperature).reshape(-1, 1)
    gradient = torch.autograd.grad(distillation_loss(student, teacher, temperature), student)[0]
    expected = heat * ((student / heat).softmax(1) - (teacher / heat).softmax(1)) / 5
    assert torch.allclose(gradient, expected, atol=1e-12)
    assert torch.autograd.gradcheck(lambda logits: distillation_loss(logits, teacher, temperature), student)


def test_the_loss_is_nothing_for_a_copy_and_teaches_the_teacher_nothing() -> None:
    """A divergence, with gradient to the student only."""
    logits = torch.randn(4, 3, requires_grad=True)
    assert distillation_loss(logits, logits, 3.0).abs() < 1e-6
    student = torch.zeros(4, 3, requires_grad=True)
    distillation_loss(student, logits, 3.0).backward()
    assert logits.grad is None and student.grad is not None


def test_a_single_logit_makes_two_classes() -> None:
    """Softmax of the two is the sigmoid of the one, hot or cold."""
    logit = torch.linspace(-4, 4, 9)
    for heat in (1.0, 6.0):
        assert torch.allclose((two_classes(logit) / heat).softmax(1)[:, 1], torch.sigmoid(logit / heat))


@pytest.mark.parametrize("variant", ["schedule", "entropy"])
def test_a_student_learns_from_its_teacher_without_a_label(variant: Literal["schedule", "entropy"]) -> None:
    """Planted communities: on new graphs a student of 4 says what a teacher of 64 says."""
    torch.manual_seed(0)
    teacher, student = Network(64), Network(4)
    optimiser = torch.optim.Adam(teacher.parameters(), lr=1e-2)
    for _ in range(25):
        x, edges, kind = blocks()
        optimiser.zero_grad()
        nn.functional.cross_entropy(teacher(x, edges), kind).backward()
        optimiser.step()
    distillation, optimiser = Distillation(60, variant), torch.optim.Adam(student.parameters(), lr=3e-2)
    for step in range(60):
        x, edges, _ = blocks()
        optimiser.zero_grad()
        distillation.loss(student(x, edges), teacher(x, edges), step).backward()
        optimiser.step()
    agree = right = 0.0
    for _ in range(5):
        x, edges, kind = blocks()
        said = student(x, edges).argmax(1)
        agree += float((said == teacher(x, edges).argmax(1)).float().mean()) / 5
        right += float((said == kind).float().mean()) / 5
    assert agree > 0.9
    assert right > 0.9


def test_labels_take_the_share_the_teacher_leaves() -> None:
    """With none left to the teacher it is cross-entropy."""
    student, teacher, target = torch.randn(4, 3), torch.randn(4, 3), torch.tensor([0, 1, 2, 0])
    alone = Distillation(10, share=0.0).loss(student, teacher, 3, target)
    assert torch.allclose(alone, nn.functional.cross_entropy(student, target))


def test_shapes_and_steps_that_do_not_fit_are_refused() -> None:
    """Each error says what is needed."""
    with pytest.raises(ValueError, match="two_classes"):
        distillation_loss(torch.zeros(4), torch.zeros(4), 1.0)
    with pytest.raises(ValueError, match="step 11 of 10"):
        Distillation(10).loss(torch.zeros(4, 2), torch.zeros(4, 2), 11)
