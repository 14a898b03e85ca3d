"""A split by time for a set whose span nobody chose: shares of its labelled events, a gap, and delayed labels.

train | calibrate | gap | test: each later than the one before. What was not reported by the beginning of the test is
not known to training; inside the graph every label waits for its own time anyway.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scoring.columns import Ints
from scoring.dataset import Flags
from scoring.flat_set import FlatSet, FlatSetError


@dataclass(frozen=True, slots=True)
class SplitSettings:
    """How a set is cut.

    Attributes:
        test: share of the labelled events, the latest, that is tested on.
        calibrate: share of what lies before the gap, its latest, that calibrates and stops training early.
        gap_ms: left out before the test; None: the median delay of the labels, so that they are known when it begins.
        most: events to train on; of the negatives one in so many is kept, and counts for as many.
    """

    test: float = 0.3
    calibrate: float = 0.15
    gap_ms: int | None = None
    most: int = 40_000


@dataclass(frozen=True, slots=True)
class Part:
    """Events by their place in the set [B], their target as it stands for this part, and how many each stands for."""

    index: Ints
    target: Flags
    weight: np.ndarray

    def __len__(self) -> int:
        """How many events."""
        return len(self.index)


@dataclass(frozen=True, slots=True)
class Split:
    """Targets of train and calibrate as reported at `cut_ms`, when the test begins; those of the test are the truth."""

    train: Part
    calibrate: Part
    test: Part
    cut_ms: int
    gap_ms: int

    @property
    def counted(self) -> str:
        """How many events each part has, and how many of them are fraud."""
        parts = (("train", self.train), ("calibrate", self.calibrate), ("test", self.test))
        return ", ".join(f"{name} {len(part):,} ({part.target.sum():,} fraud)" for name, part in parts)


def split(data: FlatSet, settings: SplitSettings, seed: int = 0) -> Split:
    """Cut a set.

    Raises:
        FlatSetError: a part has no fraud or nothing else, so nothing can be learned or measured there.
    """
    labelled = np.flatnonzero(data.known)
    cut_ms = int(data.time_ms[labelled[int(len(labelled) * (1 - settings.test))]])
    gap_ms = data.delay_ms if settings.gap_ms is None else settings.gap_ms
    told = np.flatnonzero(data.told_by(cut_ms) & (data.time_ms < cut_ms - gap_ms))
    if not len(told):
        raise FlatSetError(f"{data.name}: no label is known before the test begins; make the gap or the test smaller")
    border_ms = data.time_ms[told[min(int(len(told) * (1 - settings.calibrate)), len(told) - 1)]]
    reported, generator = data.fraud_by(cut_ms), np.random.default_rng(seed)
    before, after = told[data.time_ms[told] < border_ms], told[data.time_ms[told] >= border_ms]
    test = labelled[data.time_ms[labelled] >= cut_ms]
    made = Split(
        _thinned(before, reported, settings.most, generator),
        _thinned(after, reported, max(1, settings.most // 5), generator),
        Part(test, data.fraud[test], np.ones(len(test))),
        cut_ms,
        gap_ms,
    )
    _both_kinds(data, {"train": made.train, "calibrate": made.calibrate, "test": made.test})
    return made


def split_now(data: FlatSet, settings: SplitSettings, seed: int = 0) -> tuple[Part, Part, int]:
    """All that is known at the end, without a test: train, calibrate, and the end.

    Raises:
        FlatSetError: a part has no fraud or nothing else.
    """
    end_ms = int(data.time_ms.max()) + 1
    told, reported = np.flatnonzero(data.told_by(end_ms)), data.fraud_by(end_ms)
    if data.silence:  # what was not reported yet may be reported still
        told = told[data.time_ms[told] < end_ms - data.delay_ms]
    generator, border = np.random.default_rng(seed), int(len(told) * (1 - settings.calibrate))
    train = _thinned(told[:border], reported, settings.most, generator)
    newest = _thinned(told[border:], reported, max(1, settings.most // 5), generator)
    _both_kinds(data, {"train": train, "calibrate": newest})
    return train, newest, end_ms


def _both_kinds(data: FlatSet, parts: dict[str, Part]) -> None:
    for name, part in parts.items():
        if not part.target.any() or part.target.all():
            fraud = int(part.target.sum())
            raise FlatSetError(
                f"{data.name}: {name} has {len(part)} events, {fraud} of them fraud; it needs both kinds"
            )


def _thinned(index: Ints, reported: Flags, most: int, generator: np.random.Generator) -> Part:
    """All frauds, and of the others as many as fit."""
    target = reported[index]
    others = int((~target).sum())
    one_in = max(1.0, others / max(1, most - int(target.sum())))
    kept = target | (generator.random(len(index)) < 1 / one_in)
    return Part(index[kept], target[kept], np.where(target[kept], 1.0, one_in))
