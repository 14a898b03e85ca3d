"""Batches to learn from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from test_ablation_inputs import drawn

from scoring.teaching import Teaching


def test_a_teacher_s_logits_stay_with_their_events(tmp_path: Path) -> None:
    """In whatever order they are dealt; without a teacher there are none."""
    part = drawn(tmp_path, 150).train
    amount = part.prepared.event[:, 1].astype(np.float64)
    taught = Teaching(part.prepared, part.part.target, part.part.weight, teacher=amount)
    for lesson in taught.lessons(np.arange(len(amount)), 32, 0)(0):
        assert lesson.teacher is not None and np.array_equal(lesson.teacher, lesson.batch.event[:, 1])
    plain = Teaching(part.prepared, part.part.target, part.part.weight).lessons(np.arange(len(amount)), 32, 0)
    assert all(lesson.teacher is None for lesson in plain(0))
