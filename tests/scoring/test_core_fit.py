"""Training: the same for a seed, stopped by later events, taught by a teacher, on any backend."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from scoring.core.architecture import Architecture
from scoring.core.backend import CPU, Backend, BackendMissing
from scoring.core.fit import FitSettings, Fitted, Progress, fit, one_cycle, seed_everything
from scoring.core.lesson import Lesson
from scoring.core.losses import class_balance, event_loss
from scoring.core.network import EventNetwork
from scoring.core.random_batch import Shape, random_batch
from scoring.core.watch import Watch

pytestmark = pytest.mark.usefixtures("one_thread")

ARCHITECTURE = Architecture(4, 2, 3, 2, hidden=8, dropout=0.2)
SETTINGS = FitSettings(epochs=3, steps=4, rate=2e-2)


def lesson(seed: int, graphs: int = 24) -> Lesson:
    """Is the event's first feature above a half? Every fifth answer is wrong."""
    batch = random_batch(ARCHITECTURE, Shape(graphs, 5, 8), seed)
    target = batch.event[:, 0] > 0.5
    wrong = torch.arange(graphs) % 5 == 0
    return Lesson(batch, (target ^ wrong).float(), torch.ones(graphs))


def lessons(epoch: int) -> Iterator[Lesson]:
    """Four batches, others in every epoch."""
    return (lesson(4 * epoch + step) for step in range(4))


def trained(
    settings: FitSettings,
    given: Callable[[int], Iterable[Lesson]] = lessons,
    watch: Watch | None = None,
    architecture: Architecture = ARCHITECTURE,
) -> tuple[EventNetwork, Fitted]:
    """A network trained from seed 0."""
    seed_everything(0)
    network = EventNetwork(architecture)
    return network, fit(network, given, settings, watch)


def weights(network: EventNetwork) -> Tensor:
    """All of them in one row."""
    return torch.cat([weight.detach().flatten() for weight in network.parameters()])


@pytest.mark.parametrize("architecture", [ARCHITECTURE, replace(ARCHITECTURE, body="directed", rounds=1, attend=True)])
def test_two_runs_of_a_seed_give_the_same_weights_bit_for_bit(architecture: Architecture) -> None:
    """Dropout, average and early stopping included."""
    settings = replace(SETTINGS, average=0.5)
    first, second = (trained(settings, watch=Watch([lesson(99)]), architecture=architecture) for _ in range(2))
    assert torch.equal(weights(first[0]), weights(second[0]))
    assert first[1] == second[1]


def test_an_event_of_no_weight_teaches_nothing() -> None:
    """Its answer may be any."""

    def half(epoch: int, flip: bool) -> Iterator[Lesson]:
        for each in lessons(epoch):
            counts = (torch.arange(24) < 12).float()
            target = torch.where(counts > 0, each.target, 1 - each.target) if flip else each.target
            yield replace(each, weight=counts, target=target)

    one, other = (trained(SETTINGS, lambda epoch, flip=flip: half(epoch, flip))[0] for flip in (False, True))
    assert torch.equal(weights(one), weights(other))


@pytest.mark.parametrize("figure", ["loss", "pr_auc"])
def test_the_weights_that_were_best_on_later_events_are_kept(figure: str) -> None:
    """And training ends once none were better for as many epochs as patience allows."""
    small = [lesson(seed, graphs=8) for seed in range(2)]  # two batches over and over: it soon learns them by heart
    watch = Watch([lesson(99, graphs=60)], "loss" if figure == "loss" else "pr_auc", patience=3)
    seen: list[Progress] = []
    seed_everything(0)
    network = EventNetwork(ARCHITECTURE)
    fitted = fit(network, lambda _: small, FitSettings(epochs=60, steps=2, rate=5e-2), watch, seen.append)
    assert len(fitted.losses) == fitted.epoch + 1 + 3 < 60
    assert watch.measure(network, CPU) == max(fitted.watched) == fitted.watched[fitted.epoch]
    assert [progress.watched for progress in seen] == list(fitted.watched)
    assert [progress.epoch for progress in seen if progress.best][-1] == fitted.epoch


def test_watching_counts_each_event_by_its_weight() -> None:
    """An event that stands for four is four of them."""
    each = lesson(7)
    four = (torch.arange(24) % 3 == 0).float() * 3 + 1
    index = torch.arange(24).repeat_interleave(four.long())
    rows = lesson(7)
    network = EventNetwork(ARCHITECTURE).eval()
    logit = CPU.logits(network, each.batch)
    by_weight = Watch([replace(each, weight=four)]).measure(network, CPU)
    assert by_weight == pytest.approx(-float(event_loss(logit[index], rows.target[index], torch.ones(len(index)))))


def test_nothing_to_find_is_no_slice_to_watch_by_pr_auc() -> None:
    """The error says what to take instead."""
    bad = replace(lesson(0), target=torch.zeros(24))
    with pytest.raises(ValueError, match="none of the 24 events watched is positive: watch the loss"):
        trained(SETTINGS, watch=Watch([bad], "pr_auc"))


def test_the_average_of_the_weights_is_what_is_kept() -> None:
    """avg' = 0.9 avg + 0.1 w, from the first step's weights on."""
    seed_everything(0)
    network = EventNetwork(ARCHITECTURE)
    seen = []

    def spied(epoch: int) -> Iterator[Lesson]:
        for each in lessons(epoch):
            yield each
            seen.append(weights(network).clone())  # behind the step

    fit(network, spied, replace(SETTINGS, average=0.9))
    average = seen[0]
    for each in seen[1:]:
        average = 0.9 * average + 0.1 * each
    assert torch.allclose(weights(network), average, atol=1e-6)


@pytest.mark.parametrize("distil", ["schedule", "entropy"])
def test_a_small_student_learns_from_a_teacher_what_the_labels_do_not_say(distil: str) -> None:
    """All labels are coins; the teacher knows the rule."""

    def taught(epoch: int) -> Iterator[Lesson]:
        for step in range(12):
            each = lesson(12 * epoch + step)
            coins = torch.randint(0, 2, (24,), generator=torch.Generator().manual_seed(step)).float()
            yield replace(each, target=coins, teacher=8 * (each.batch.event[:, 0] - 0.5))

    small = replace(ARCHITECTURE, hidden=4, dropout=0.0)
    settings = FitSettings(8, 12, 2e-2, distil="schedule" if distil == "schedule" else "entropy", share=1.0)
    student, _ = trained(settings, taught, architecture=small)
    new = random_batch(ARCHITECTURE, Shape(300, 5, 8), 999)
    agree = (CPU.logits(student, new) > 0) == (new.event[:, 0] > 0.5)
    assert agree.float().mean() > 0.9


def test_a_lesson_without_its_teacher_is_refused() -> None:
    """Silently learning from labels alone would be no distillation."""
    with pytest.raises(ValueError, match="no teacher's logits"):
        trained(replace(SETTINGS, distil="schedule"))


def test_the_focal_loss_weighs_what_is_easy_less() -> None:
    """(1 - p)^2 of the truth's share p, example by example, by weight."""
    logit, target = torch.tensor([2.0, -1.0, 0.5]), torch.tensor([1.0, 1.0, 0.0])
    weight = torch.tensor([1.0, 2.0, 4.0])
    share = torch.where(target > 0, torch.sigmoid(logit), torch.sigmoid(-logit))
    expected = (-(share.log()) * (1 - share) ** 2 * weight).sum() / 7
    assert torch.allclose(event_loss(logit, target, weight, focus=2.0), expected)
    plain = torch.nn.functional.binary_cross_entropy_with_logits(logit, target, weight, reduction="sum") / 7
    assert torch.allclose(event_loss(logit, target, weight), plain)


def test_class_balance_goes_from_even_to_the_ratio_of_counts() -> None:
    """Beta 0 takes each class as one, beta near 1 counts every sample."""
    assert class_balance(10_000, 10, beta=0.0) == 1.0
    assert class_balance(10_000, 10, beta=1 - 1e-9) == pytest.approx(1000, rel=1e-3)
    with pytest.raises(ValueError, match="need some of each"):
        class_balance(10, 0)


def test_products_in_half_precision_train_as_well() -> None:
    """bf16, on the CPU here: weights stay float32, and the loss falls as it does without."""
    half, fitted = trained(replace(SETTINGS, epochs=6, backend=Backend("cpu", "bf16")))
    _, full = trained(replace(SETTINGS, epochs=6))
    assert all(weight.dtype == torch.float32 for weight in half.parameters())
    assert fitted.losses[-1] == pytest.approx(full.losses[-1], rel=0.1)
    assert fitted.losses != full.losses


def test_training_in_fp16_is_refused() -> None:
    """With the mend."""
    with pytest.raises(ValueError, match="train in bf16"):
        trained(replace(SETTINGS, backend=Backend("cpu", "fp16")))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_device_that_is_not_there_is_refused() -> None:
    """Before a step is taken."""
    with pytest.raises(BackendMissing, match="use cpu"):
        trained(replace(SETTINGS, backend=Backend("cuda", "bf16")))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here: training on one was not run")
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_training_on_a_cuda_device_comes_near_the_cpus(precision: str) -> None:
    """And the network comes back to the CPU."""
    backend = Backend("cuda", "bf16" if precision == "bf16" else "float32")
    network, fitted = trained(replace(SETTINGS, backend=backend), watch=Watch([lesson(99)]))
    assert fitted.losses[-1] == pytest.approx(trained(SETTINGS)[1].losses[-1], rel=0.2)
    assert all(weight.device.type == "cpu" for weight in network.parameters())


@pytest.mark.parametrize("steps", range(1, 8))
def test_however_few_steps_there_are_it_trains(steps: int) -> None:
    """A bank with few labels: five steps divided by nothing once."""
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    schedule = one_cycle(optimiser, FitSettings(1, steps))
    for _ in range(steps):
        optimiser.step()
        schedule.step()
        assert 0 < schedule.get_last_lr()[0] <= FitSettings(1, steps).rate
