"""Calibration: what is said is what comes, and no ranking is changed by it."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from scoring.core import metrics
from scoring.core.calibration import Calibration, CalibrationError, calibrate, chosen, isotonic
from scoring.core.metrics import Flags, Floats


def bent(count: int, seed: int = 0) -> tuple[Floats, Flags]:
    """Logits whose log-odds are right below nought and three times too large above."""
    generator = np.random.default_rng(seed)
    true = generator.normal(-1, 1.5, count)
    return np.where(true > 0, 3 * true, true), generator.random(count) < 1 / (1 + np.exp(-true))


def test_calibration_finds_the_temperature_and_bias_that_were_put_in() -> None:
    """Logits twice too large and shifted by one."""
    generator = np.random.default_rng(0)
    true = generator.normal(-1, 2, 200_000)
    target = generator.random(200_000) < 1 / (1 + np.exp(-true))
    found = calibrate(2 * true + 1, target)
    assert found.slope == pytest.approx(0.5, abs=0.02)
    assert found.bias == pytest.approx(-0.5, abs=0.05)
    assert metrics.expected_calibration_error(target, found.probability(2 * true + 1)) < 0.01


def test_weights_stand_for_events_that_were_thinned_out() -> None:
    """A quarter of the negatives with weight 4 calibrates as all of them."""
    generator = np.random.default_rng(1)
    logit = generator.normal(-2, 1.5, 100_000)
    target = generator.random(100_000) < 1 / (1 + np.exp(-logit))
    kept = target | (generator.random(100_000) < 0.25)
    found = calibrate(logit[kept], target[kept], np.where(target[kept], 1.0, 4.0))
    assert found.bias == pytest.approx(0.0, abs=0.1)


def test_calibration_refuses_one_class_and_a_ranking_the_wrong_way_round() -> None:
    """With what to do about it."""
    with pytest.raises(CalibrationError, match="one class"):
        calibrate([0.1, 0.2], [0, 0])
    with pytest.raises(CalibrationError, match="wrong way round"):
        calibrate([3.0, 2.0, 1.0, 0.0], [0, 0, 1, 1])


def test_a_calibrated_probability_maps_back_to_its_logit() -> None:
    """Thresholds are given as probabilities."""
    calibration = Calibration(0.5, -1.0)
    assert calibration.logit(float(calibration.probability(3.0))) == pytest.approx(3.0)


def test_the_isotonic_mends_what_a_sigmoid_can_not() -> None:
    """A bend in the log-odds; measured on events it was not fitted on."""
    (logit, target), (later, came) = bent(50_000), bent(50_000, 1)
    errors = {way: metrics.ece_mass(came, way(logit, target).probability(later)) for way in (calibrate, isotonic)}
    assert errors[isotonic] < 0.01 < errors[calibrate]


def test_steps_that_only_rounding_tells_apart_are_one() -> None:
    """Shares of weighted events that are equal but for the last bit would be knots that do not rise."""
    generator = np.random.default_rng(1211)
    logit = generator.normal(size=60)
    target = generator.random(60) < 1 / (1 + np.exp(-2 * logit))
    assert isotonic(logit, target, np.where(target, 1.0, 4.557)).way == "isotonic"


def test_the_isotonic_keeps_every_order_and_ties_nothing() -> None:
    """Beyond its knots too: the ranking's figures do not depend on the calibration."""
    logit, target = bent(2_000)
    found = isotonic(logit, target)
    asked = np.linspace(logit.min() - 5, logit.max() + 5, 1_001)
    assert (np.diff(found.probability(asked)) > 0).all()
    assert metrics.pr_auc(target, found.probability(logit)) == pytest.approx(metrics.pr_auc(target, logit), abs=1e-12)


def test_the_isotonic_takes_thinned_events_by_their_weight() -> None:
    """A quarter of the negatives with weight 4 says what all of them say."""
    logit, target = bent(100_000)
    kept = target | (np.random.default_rng(2).random(len(target)) < 0.25)
    found = isotonic(logit[kept], target[kept], np.where(target[kept], 1.0, 4.0))
    assert metrics.ece_mass(target, found.probability(logit)) < 0.01
    assert metrics.ece_mass(target, isotonic(logit[kept], target[kept]).probability(logit)) > 0.05


def test_a_weight_is_so_many_events() -> None:
    """Knot by knot."""
    logit, target = bent(300)
    weight = np.where(target, 1, 3)
    told, repeated = isotonic(logit, target, weight), isotonic(logit.repeat(weight), target.repeat(weight))
    assert np.allclose(told.knots, repeated.knots)


def test_an_isotonic_probability_maps_back_to_its_logit() -> None:
    """Between the knots and beyond them."""
    found = isotonic(*bent(2_000))
    for logit in (-20.0, -1.3, 0.0, 2.5, 20.0):
        assert found.logit(float(found.probability(logit))) == pytest.approx(logit, abs=1e-6)


def test_the_better_way_by_brier_on_held_out_events_is_chosen() -> None:
    """The isotonic where the sigmoid does not fit; the sigmoid where it is the truth, or where too few were found."""
    assert chosen(*bent(50_000)).way == "isotonic"
    generator = np.random.default_rng(3)
    logit = generator.normal(-1, 2, 2_000)
    assert chosen(2 * logit, generator.random(2_000) < 1 / (1 + np.exp(-logit))).way == "sigmoid"
    assert chosen([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1]).way == "sigmoid"


def test_a_calibration_survives_the_manifest_and_an_old_manifest_still_loads() -> None:
    """Plain numbers, no pickle; knots are an addition."""
    found = isotonic(*bent(2_000))
    assert msgspec.json.decode(msgspec.json.encode(found), type=Calibration) == found
    assert msgspec.json.decode(b'{"slope": 0.5, "bias": -1.0}', type=Calibration) == Calibration(0.5, -1.0)


@pytest.mark.parametrize("knots", [((0.0, 1.0),), ((0.0, 1.0), (0.0, 2.0)), ((0.0, 1.0), (1.0, 0.5))])
def test_knots_that_do_not_rise_are_refused(knots: tuple[tuple[float, float], ...]) -> None:
    """Also when a manifest holds them."""
    with pytest.raises(ValueError, match="rising in both"):
        Calibration(1.0, 0.0, knots)
    with pytest.raises(msgspec.ValidationError, match="rising in both"):
        msgspec.convert({"knots": knots}, Calibration)


def test_logits_that_rounding_makes_equal_share_a_knot() -> None:
    """Trees say nearly the same of many events: steps one unit in the last place apart are no error."""
    one = np.nextafter(0.3, 1)
    logit = np.array([0.1] * 50 + [0.3] * 50 + [one] * 50 + [np.nextafter(one, 1)] * 50 + [0.9] * 50)
    target = np.repeat([0.0, 0.2, 0.4, 0.6, 1.0], 50) > np.tile(np.linspace(0, 0.99, 50), 5)
    found = isotonic(logit, target, np.full(250, 1 / 3))
    assert np.isfinite(found.probability(logit)).all() and (np.diff(found.probability(np.sort(logit))) >= 0).all()


@pytest.mark.parametrize("knots", [(), ((-2.0, -3.0), (1.0, 0.5))])
def test_log_odds_are_those_of_the_probability(knots: tuple[tuple[float, float], ...]) -> None:
    """Both ways, within and beyond the knots."""
    made, logit = Calibration(0.8, -0.5, knots), np.linspace(-6, 6, 13)
    share = made.probability(logit)
    assert made.odds(logit) == pytest.approx(np.log(share / (1 - share)))
