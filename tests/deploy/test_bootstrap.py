"""Which scorer and which threshold the settings come to."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy import bootstrap
from deploy.config import ROOT, ConfigError, Settings
from scoring.rules import RulesError

SHIPPED = ROOT.parent / "scoring/models/demo"


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A bank's own mapping."""
    path = tmp_path / "mapping.toml"
    path.write_text((ROOT / "demo/mapping.toml").read_text().replace("TRANSFER", "PAYMENT"))
    return path


def test_the_shipped_model_was_trained_on_the_demo_mapping(tmp_path: Path) -> None:
    """Or the demo would be scored by rules."""
    assert bootstrap.engine(Settings(state_dir=tmp_path)).model.startswith("demo@")


def test_a_model_that_is_set_and_fits_scores(tmp_path: Path) -> None:
    """Named or not, it is the same folder."""
    assert bootstrap.engine(Settings(state_dir=tmp_path, model=SHIPPED)).model.startswith("demo@")


def test_another_mapping_is_scored_by_rules(tmp_path: Path, other: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The demo's network knows nothing of it; one warning says so."""
    chosen = Settings(state_dir=tmp_path, mapping=other)
    bootstrap.logs(chosen)
    assert bootstrap.engine(chosen).model == "rules"
    assert capsys.readouterr().err.count("trained on another mapping") == 1


def test_a_model_that_is_set_for_another_mapping_is_refused(
    tmp_path: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sets one means it."""
    monkeypatch.setenv("RINGWATCH_MODEL", str(SHIPPED))
    with pytest.raises(ConfigError, match=r"RINGWATCH_MODEL=.*another mapping.*mapping\.toml"):
        bootstrap.engine(Settings(state_dir=tmp_path, mapping=other))


def test_a_mapping_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """With the variable."""
    with pytest.raises(ConfigError, match=r"RINGWATCH_MAPPING=.*none\.toml"):
        bootstrap.engine(Settings(state_dir=tmp_path, mapping=tmp_path / "none.toml"))


def test_a_store_needs_no_contact_key(tmp_path: Path) -> None:
    """The scorer hashes no contact, so it makes no key and is given none."""
    assert "Contact" in bootstrap.schema(Settings(state_dir=tmp_path)).labels
    assert list(tmp_path.iterdir()) == []


RULE = '[[rule]]\nname = "mine"\nkind = "velocity"\nrelation = "PAYMENT"\nwithin = "1h"\nat_least = 5\nstrength = 0.4\n'


def test_the_rules_that_are_set_say_why_beside_the_model_and_alone(tmp_path: Path, other: Path) -> None:
    """Of the demo bank's network, and of the rules where there is no model for the mapping."""
    path = tmp_path / "rules.toml"
    path.write_text(RULE)
    alone = bootstrap.engine(Settings(state_dir=tmp_path, rules=path, mapping=other))
    path.write_text(RULE.replace("PAYMENT", "TRANSFER"))
    beside = bootstrap.engine(Settings(state_dir=tmp_path, rules=path))
    assert (alone.model, beside.model[:5]) == ("rules", "demo@")
    assert [[rule.name for rule in each.rules.rules] for each in (alone, beside)] == [["mine"], ["mine"]]


def test_rules_that_are_set_have_to_fit_the_mapping(tmp_path: Path) -> None:
    """At start, by their line."""
    path = tmp_path / "rules.toml"
    path.write_text(RULE)
    with pytest.raises(RulesError, match=r"rules\.toml:4: rule\.0\.relation is 'PAYMENT', which the mapping has not"):
        bootstrap.engine(Settings(state_dir=tmp_path, rules=path))


def test_shipped_rules_that_do_not_fit_are_silent_and_it_is_said(
    tmp_path: Path, other: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bank has not chosen them; those that fit stay."""
    chosen = Settings(state_dir=tmp_path, mapping=other)
    bootstrap.logs(chosen)
    assert len(bootstrap.rules(chosen).rules) == 6
    said = capsys.readouterr().err
    assert "RINGWATCH_RULES" in said and "TRANSFER" in said and "LOGIN" not in said
