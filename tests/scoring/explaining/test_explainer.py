"""Explanations of scores by the demo's model."""

from __future__ import annotations

import math

import msgspec
import pytest
from taken_over import CHANGED_CONTACT, NEW_DEVICE, Taken

from scoring.core.calibration import Calibration
from scoring.engine import Engine, RuleEngine
from scoring.explaining.explainer import Explainer
from scoring.explaining.explanation import ALONE, HYBRID, Explanation
from scoring.explaining.neighbours import KnownFrauds
from scoring.rows import rows_of
from scoring.score import Score


def log_odds(score: Score) -> float:
    """Of its probability."""
    return math.log(score.probability / (1 - score.probability))


def check_complete(found: Explanation) -> None:
    """What it lists and the rest go from the reference to the logit, but for the error it admits."""
    total = sum(part.value for part in found.contributions) + found.rest
    error = abs(total - (found.logit - found.reference))
    assert found.reason is None
    assert found.completeness_error == pytest.approx(error, abs=1e-9)
    assert found.relative_error == pytest.approx(error / abs(found.logit - found.reference), rel=1e-6)
    assert found.relative_error < 0.01


def test_the_parts_of_a_hybrid_add_up_to_its_calibrated_log_odds(taken: Taken) -> None:
    """Trees and network together, within one per cent, of the very score."""
    score = taken.score()
    found = Explainer(taken.engine, taken.mirror).explain(score)
    check_complete(found)
    assert found.method == HYBRID and found.logit == pytest.approx(log_odds(score), abs=1e-3)


def test_the_trees_own_parts_are_exact(taken: Taken) -> None:
    """Shapley values add up to the blend, but for rounding."""
    score = taken.score()
    assert score.subgraph is not None
    features, past, batch = taken.engine.read([score.subgraph])
    rows, logit = rows_of(taken.engine.manifest.features, features, past), taken.engine.network(batch).detach().numpy()
    assert taken.engine.trees is not None
    values, reference = taken.engine.trees.shares(rows, logit)
    assert reference + values.sum() == pytest.approx(taken.engine.trees.blend(rows, logit)[0], abs=1e-5)


@pytest.mark.parametrize("knots", [(), ((-9.0, -8.0), (-1.0, -3.0), (3.0, 2.0))])
def test_a_network_alone_is_explained_in_calibrated_log_odds(
    taken: Taken, knots: tuple[tuple[float, float], ...]
) -> None:
    """By integrated gradients, also where the calibration is bent."""
    made = msgspec.structs.replace(taken.engine.manifest, calibration=Calibration(0.8, -0.5, knots))
    taken.engine = Engine(made, taken.engine.network)
    score = taken.score()
    found = Explainer(taken.engine, taken.mirror).explain(score)
    check_complete(found)
    assert found.method == ALONE and found.logit == pytest.approx(log_odds(score), abs=1e-3)


def test_an_account_taken_over_is_told_by_its_new_device_and_its_changed_contact(taken: Taken) -> None:
    """By the model's explanation, among its strongest parts; and the rules say the same in a sentence."""
    score = taken.score()
    found = Explainer(taken.engine, taken.mirror).explain(score)
    named = [found.about.get(part.name) for part in found.contributions[:8] if part.value > 0]
    assert NEW_DEVICE in named and CHANGED_CONTACT in named
    assert any("for the first time" in said and "then changed" in said for said in score.reasons), score.reasons


def test_explaining_twice_says_the_same(taken: Taken) -> None:
    """A redelivered score has the same explanation, under the same name."""
    score, explainer = taken.score(), Explainer(taken.engine, taken.mirror)
    once, again = explainer.explain(score), explainer.explain(score)
    assert once.id == score.id
    assert [(part.name, pytest.approx(part.value, abs=1e-6)) for part in once.contributions] == [
        (part.name, part.value) for part in again.contributions
    ]


def test_what_becomes_known_later_changes_no_earlier_explanation(taken: Taken) -> None:
    """Edges, reports and a correction that the log holds behind the event."""
    old = taken.put("TRANSFER", "Account:1", "Account:3", 30, amount=200_000, currency="EUR", channel="web")
    taken.report(old, hours=20)
    score = taken.score()
    before = _explained(taken, score)
    taken.number += 1
    later = taken.put("TRANSFER", "Account:1", "Account:3", 25, amount=210_000, currency="EUR", channel="web")
    taken.report(later, hours=-1)
    taken.report(old, hours=-1, fraud=False)
    taken.put("LOGIN", "User:1", "Device:third", -2)
    assert [one.event_id for one in before.neighbours] == [old]
    assert _explained(taken, score) == before


def _explained(taken: Taken, score: Score) -> Explanation:
    explainer = Explainer(taken.engine, taken.mirror, KnownFrauds(taken.mirror, least=-1.0))
    list(explainer.learn())
    return explainer.explain(score)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"model": "demo@other"}, "demo@other gave this score"),
        ({"model": "rules"}, "the rules gave this score"),
        ({"subgraph": None}, "without its neighbourhood"),
        ({"probability": 0.999}, "and the score was 0.999"),
    ],
)
def test_why_there_is_no_explanation_is_said(taken: Taken, changed: dict[str, object], said: str) -> None:
    """Under the score's own name."""
    score = msgspec.structs.replace(taken.score(), **changed)
    found = Explainer(taken.engine, taken.mirror).explain(score)
    assert found.reason is not None and said in found.reason
    assert (found.id, found.method, found.contributions) == (score.id, "none", ())


def test_a_neighbourhood_that_was_cut_is_not_explained_as_if_it_were_whole(taken: Taken) -> None:
    """What is left of it gives another score."""
    score = taken.score()
    assert score.subgraph is not None
    cut = msgspec.structs.replace(score.subgraph, edges=score.subgraph.edges[:2])
    found = Explainer(taken.engine, taken.mirror).explain(msgspec.structs.replace(score, subgraph=cut))
    assert found.method == "none" and "its neighbourhood gives" in str(found.reason)


def test_an_error_is_a_reason(taken: Taken) -> None:
    """A subgraph that breaks its contract stops nothing."""
    score = taken.score()
    assert score.subgraph is not None
    broken = msgspec.structs.replace(score.subgraph, nodes=())
    found = Explainer(taken.engine, taken.mirror).explain(msgspec.structs.replace(score, subgraph=broken))
    assert "explaining failed" in str(found.reason)


def test_where_the_rules_score_they_are_the_explanation(taken: Taken) -> None:
    """No network, no gradients."""
    explainer = Explainer(RuleEngine(), taken.mirror, KnownFrauds(taken.mirror))
    assert list(explainer.learn()) == []
    assert "the rules gave this score" in str(explainer.explain(taken.score()).reason)


def test_the_scorers_own_network_is_left_alone(taken: Taken) -> None:
    """The explainer's is another: its weights ask for no gradient, the scorer's still do."""
    Explainer(taken.engine, taken.mirror)
    assert all(weight.requires_grad for weight in taken.engine.network.parameters())


def test_an_explanation_travels(taken: Taken) -> None:
    """There and back as JSON."""
    found = Explainer(taken.engine, taken.mirror).explain(taken.score())
    assert msgspec.json.decode(msgspec.json.encode(found), type=Explanation) == found
