"""What the model weighed, in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from graph.model import Event
from scoring import registry
from scoring.rows import names_of
from scoring.score import Contribution
from scoring.words import RULE, phrase, sentence

PAID = Event("t:1:x", "new", "", 5, "TRANSFER", "Account:2596", "Account:2782", 5, {"amount": 7})
DEMO = Path(registry.__file__).parent / "models" / "demo"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("event.value_0_log", "the amount"),
        ("source_same_count_24h", "how many events account 2596 had within 24 hours"),
        ("target_other_sum_all", "how much went through account 2782"),
        ("target_same_frauds_7d", "reported events of account 2782 within 7 days"),
        ("target_past_fraud_share_20", "what was reported of account 2782 before"),
        ("source.LOGIN_in_1h_log", "LOGIN events to account 2596 within an hour"),
        ("event.near_24h_LOGIN", "LOGIN events nearby within 24 hours"),
        ("event.source_since_MODIFY", "how long ago account 2596 last had a MODIFY event"),
        ("event.TRANSFER.channel=app", "that channel is app"),
        ("pair_count", "how often the two had met before"),
        ("network", "the pattern around it"),
        ("something_else", "'something_else'"),
    ],
)
def test_a_feature_is_said_in_words(name: str, said: str) -> None:
    """Of the event's own ends, by their names."""
    assert phrase(name, PAID) == said


def test_every_feature_of_the_shipped_model_has_words() -> None:
    """None stands there by its name."""
    names = names_of(registry.load(DEMO).manifest.features)
    assert [name for name in names if phrase(name, PAID).startswith("'")] == []


def test_what_says_the_same_is_said_once_and_what_lowers_is_not_said() -> None:
    """Weights of one phrase are added; edges have no words; three at the most."""
    parts = [
        Contribution("feature", "event.hour_sin", 0.4), Contribution("feature", "event.hour_cos", 0.4),
        Contribution("feature", "event.value_0_log", 0.5), Contribution("feature", "network", -2.0),
        Contribution("edge", "t:0:x", 3.0), Contribution("feature", "pair_count", 0.1),
        Contribution("feature", "event.week_sin", 0.2),
    ]  # fmt: skip
    assert sentence(parts, PAID) == "the model weighs the time of day; the amount; the day of the week"


def test_what_the_network_sees_is_said_last() -> None:
    """However much it weighs: it tells an analyst least."""
    parts = [Contribution("feature", "network", 3.0), Contribution("feature", "event.value_0_log", 0.5)]
    assert sentence(parts, PAID) == "the model weighs the amount; the pattern around it"
    assert sentence(parts[:1], PAID) == "the model weighs the pattern around it"


def test_where_nothing_raised_the_score_nothing_is_said() -> None:
    """No empty sentence; rules say themselves why they fired."""
    assert sentence([Contribution("feature", "network", -1.0)], PAID) is None
    assert sentence([Contribution("feature", f"{RULE}velocity", 0.5)], PAID) is None
    assert sentence([], PAID) is None
