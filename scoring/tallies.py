"""What became of thousands of earlier events at each end of an event, and of those with its categories' values.

Where a label takes a week, the newest edges of what is busy say nothing yet; and a value of a category ("this place",
"this kind of payment") is no node that a walk reaches. Both are known by shares of fraud over a long past.

Shapes: B events, S subjects (source, target, then the categories of the event's relation), T features of each.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from graph import adjacency_tally as at
from scoring.columns import Floats
from scoring.schema import FeatureSchema

LOOK_BACK = 4_096  # edges of one end or value, at the most
NEVER = float(np.log1p(10 * 365 * 24 * 3600))  # log seconds: longer than any history
PRIOR = 2.0  # labels that a share of frauds starts from, none of them fraud
COUNTS = ("count", "since_last", "since_first", "mean", "to_mean")
LABELS = ("frauds", "legits", "fraud_share", "fraud_share_20", "fraud_share_100", "to_fraud_mean", "before_fraud")
STATS = COUNTS + LABELS


def names(schema: FeatureSchema) -> tuple[str, ...]:
    """The features by name: [S * T]. `says_labels` tells those that read what was reported."""
    categories = max(map(len, schema.categories.values()), default=0)
    subjects = ("source", "target", *(f"category_{number}" for number in range(categories)))
    return tuple(f"{subject}_past_{stat}" for subject in subjects for stat in STATS)


def tallies(sums: Floats, amount: Floats) -> NDArray[np.float32]:
    """Features of the sums [B, S, SUMS] that `Mirror.tally` gives and the events' amounts [B]: [B, S * T].

    Counts, amounts and ages as log(1 + x), ages in seconds; `to_…` is the event's amount less a mean, as logs.
    """
    count, known = sums[..., at.COUNT], sums[..., at.FRAUDS] + sums[..., at.LEGITS]
    own = np.log1p(np.maximum(amount, 0.0))[:, None]
    mean = sums[..., at.VALUE] / np.maximum(count, 1)
    fraud_mean = sums[..., at.FRAUD_VALUE] / np.maximum(sums[..., at.FRAUDS], 1)
    newest, oldest = (
        np.where(sums[..., part] < 0, NEVER, np.log1p(np.maximum(sums[..., part], 0) / 1000))
        for part in (at.NEWEST_MS, at.OLDEST_MS)
    )
    features = (
        np.log1p(count), newest, oldest, mean, np.where(count > 0, own - mean, 0.0),
        np.log1p(sums[..., at.FRAUDS]), np.log1p(sums[..., at.LEGITS]), sums[..., at.FRAUDS] / (known + PRIOR),
        sums[..., at.NEW_FRAUDS] / (sums[..., at.NEW_KNOWN] + PRIOR),
        sums[..., at.MID_FRAUDS] / (sums[..., at.MID_KNOWN] + PRIOR),
        np.where(sums[..., at.FRAUDS] > 0, own - fraud_mean, 0.0), np.log1p(sums[..., at.BEFORE_FRAUD]),
    )  # fmt: skip
    return np.stack(features, axis=-1).reshape(len(sums), -1).astype(np.float32)
