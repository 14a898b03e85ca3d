"""Two models on the same events."""

from __future__ import annotations

import pytest

from graph.model import Event
from scoring.online.comparison import NothingToCompare, compare
from scoring.score import Score


def score(n: int, probability: float, model: str = "a@1", revision: int = 1, kind: str = "new") -> Score:
    event = Event(f"t:{n}:t", kind, "bank/1", n, "TRANSFER", "A:1", "A:2", n, {})  # type: ignore[arg-type]
    return Score(event, revision, False, probability, model, (), (), None, "", threshold=0.5)


def test_alerts_of_each_and_of_both_and_what_was_reported_among_them() -> None:
    main = [score(1, 0.9), score(2, 0.6), score(3, 0.1), score(4, 0.1)]
    beside = [score(1, 0.8, "b@1"), score(2, 0.2, "b@1"), score(3, 0.7, "b@1")]
    found = compare(main, beside, {"t:1:t": True, "t:3:t": True, "t:2:t": False, "t:9:t": True})
    assert (found.events, found.only_main, found.labelled, found.frauds, found.both) == (3, 1, 3, 2, 1)
    assert (found.main.alerts, found.main.caught) == (2, 1) and (found.shadow.alerts, found.shadow.caught) == (2, 2)
    assert found.shadow.pr_auc == 1.0 and found.main.pr_auc is not None and found.main.pr_auc < 1.0
    assert found.apart == pytest.approx((0.1 + 0.4 + 0.6) / 3) and found.main.expected == pytest.approx(1.6)


def test_the_newest_score_of_an_event_counts_and_a_withdrawn_one_does_not() -> None:
    main = [score(1, 0.9), score(1, 0.2, revision=2), score(2, 0.0, kind="withdrawn"), score(2, 0.9)]
    found = compare(main, [score(1, 0.2, "b@1"), score(2, 0.3, "b@1")], {})
    assert found.events >= 1 and found.main.alerts <= 1
    assert found.main.pr_auc is None


def test_the_same_scores_agree_in_everything() -> None:
    scores = [score(n, n / 100) for n in range(100)]
    found = compare(scores, [score(n, n / 100, "b@1") for n in range(100)], {})
    assert (found.apart, found.both) == (0.0, found.main.alerts)
    assert found.rank == pytest.approx(1.0) and found.psi == pytest.approx(0.0)


def test_a_model_that_always_says_the_same_has_no_rank() -> None:
    assert compare([score(1, 0.1), score(2, 0.2)], [score(1, 0.5), score(2, 0.5)], {}).rank is None


def test_nothing_in_common_says_the_mend() -> None:
    with pytest.raises(NothingToCompare, match="ringwatch model shadow"):
        compare([score(1, 0.5)], [], {})
