"""Two models on the same live events: where they agree, what each would alert, and what became of it.

Of most events no label ever comes, or not yet: such count as no fraud here, as they do for whoever works the alerts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np

from scoring.columns import Floats
from scoring.core.metrics import pr_auc
from scoring.reference import Bins, log_odds
from scoring.score import Score


class Side(msgspec.Struct, frozen=True):
    """One of the two. Shares are of events, of reported frauds, of alerts.

    Attributes:
        alerts: events at or above the model's own threshold.
        caught: reported frauds among them.
        expected: frauds it expected, the sum of its probabilities.
        pr_auc: against what is reported by now; None where nothing is.
    """

    model: str
    alerts: int
    caught: int
    expected: float
    pr_auc: float | None


class Comparison(msgspec.Struct, frozen=True):
    """What two models said of the same events.

    Attributes:
        events: scored by both; `only_main` by one alone, the other was skipped while the scorer was behind.
        labelled, frauds: of those, with a label by now, and reported as fraud.
        both: alerts of both.
        apart: mean distance of the two probabilities.
        rank: Spearman's correlation of them; None where one never varies.
        psi: of the second's scores against the first's.
    """

    main: Side
    shadow: Side
    events: int
    only_main: int
    labelled: int
    frauds: int
    both: int
    apart: float
    rank: float | None
    psi: float


class NothingToCompare(Exception):
    """No event was scored by two models: say which is to be compared, and wait a little."""


def compare(main: Iterable[Score], shadow: Iterable[Score], labels: Mapping[str, bool]) -> Comparison:
    """Compare the newest scores of each event; withdrawn ones are left out.

    Args:
        main, shadow: scores in any order.
        labels: of events, whether they are fraud, as reported by now.

    Raises:
        NothingToCompare: they have no event in common.
    """
    first, second = _newest(main), _newest(shadow)
    common = [event for event in first if event in second and first[event].event.pos == second[event].event.pos]
    if not common:
        raise NothingToCompare(
            f"{len(first):,} events have a score, {len(second):,} one of a model beside, none has both; "
            "name one with `ringwatch model shadow NAME`, then wait for events"
        )
    ours, theirs = ([by[event] for event in common] for by in (first, second))
    said = [np.array([score.probability for score in each]) for each in (ours, theirs)]
    fraud = np.array([labels.get(event, False) for event in common])
    due = [np.array([score.probability >= score.threshold for score in each]) for each in (ours, theirs)]
    return Comparison(
        _side(ours, said[0], due[0], fraud),
        _side(theirs, said[1], due[1], fraud),
        events=len(common),
        only_main=len(first) - len(common),
        labelled=sum(event in labels for event in common),
        frauds=int(fraud.sum()),
        both=int((due[0] & due[1]).sum()),
        apart=float(np.abs(said[0] - said[1]).mean()),
        rank=_rank(said[0], said[1]),
        psi=Bins.of(log_odds(said[0])).psi(log_odds(said[1])),
    )


def _newest(scores: Iterable[Score]) -> dict[str, Score]:
    found: dict[str, Score] = {}
    for score in scores:
        held = found.get(score.event.id)
        if held is None or held.rank < score.rank:
            found[score.event.id] = score
    return {event: score for event, score in found.items() if score.event.kind != "withdrawn"}


def _side(scores: Sequence[Score], said: Floats, due: np.ndarray, fraud: np.ndarray) -> Side:
    area = float(pr_auc(fraud, said)) if fraud.any() and not fraud.all() else None
    return Side(scores[-1].model, int(due.sum()), int((due & fraud).sum()), float(said.sum()), area)


def _rank(first: Floats, second: Floats) -> float | None:
    """Spearman's: the correlation of ranks, ties at their middle."""
    left, right = _ranked(first), _ranked(second)
    return float(np.corrcoef(left, right)[0, 1]) if left.std() and right.std() else None


def _ranked(values: Floats) -> Floats:
    _, at, count = np.unique(values, return_inverse=True, return_counts=True)
    middle: Floats = np.cumsum(count) - (count - 1) / 2
    return middle[at]
