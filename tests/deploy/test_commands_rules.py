"""`ringwatch rules`: what a file asks, what is wrong with it, and how it does on a simulated bank."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy import cli
from deploy.config import settings

RULE = (
    '[[rule]]\nname = "many"\nkind = "velocity"\nrelation = "transfer"\nwithin = "1h"\nat_least = 5\nstrength = 0.4\n'
)
LOUD = RULE + 'alert = true\nsays = "{events} of {node}"\n'


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Settings of its own, read anew."""
    monkeypatch.setenv("RINGWATCH_STATE_DIR", str(tmp_path / "state"))
    settings.cache_clear()
    yield
    settings.cache_clear()


def test_each_rule_is_told_in_a_sentence(tmp_path: Path) -> None:
    """With what comes of it."""
    path = tmp_path / "mine.toml"
    path.write_text(LOUD)
    answer = CliRunner().invoke(cli.app, ["rules", "check", str(path)])
    assert answer.exit_code == 0
    assert answer.stdout.splitlines() == [
        "many (velocity, strength 0.4; an alert by itself): of transfers: its source has at least 5 transfers within "
        "1 hour",
        "mine.toml: 1 rule, 1 of them an alert by itself; it fits the mapping",
    ]


def test_a_rule_that_is_never_asked_is_told(tmp_path: Path) -> None:
    """The demo bank scores no connections; it stops nothing."""
    path = tmp_path / "mine.toml"
    path.write_text(RULE.replace('"transfer"', '"connect"'))
    answer = CliRunner().invoke(cli.app, ["rules", "check", str(path)])
    assert answer.exit_code == 0
    assert answer.stdout.splitlines()[1] == (
        "hint: many is asked of CONNECT alone, which the mapping does not score (event = true: LOGIN, MODIFY, "
        "TRANSFER), so it never fires"
    )


def test_the_shipped_rules_are_checked_where_none_are_named() -> None:
    """All six."""
    answer = CliRunner().invoke(cli.app, ["rules", "check"])
    assert answer.exit_code == 0
    assert answer.stdout.splitlines()[-1] == (
        "default.toml: 6 rules, none of them an alert by itself; it fits the mapping"
    )


def test_what_is_wrong_ends_in_its_line_and_status_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a file, and of a file and a mapping."""
    path, other = tmp_path / "mine.toml", tmp_path / "mapping.toml"
    path.write_text(RULE.replace('"1h"', '"soon"'))
    monkeypatch.setattr(sys, "argv", ["ringwatch", "rules", "check", str(path)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr().err
    assert ended.value.code == 2 and said.startswith(f"ringwatch: {path}:5: rule.0.within is 'soon': expected a number")
    path.write_text(RULE)
    other.write_text(settings().mapping.read_text().replace("TRANSFER", "PAYMENT"))
    monkeypatch.setattr(sys, "argv", ["ringwatch", "rules", "check", str(path), "--mapping", str(other)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert said.startswith(f"ringwatch: {path}:4: rule.0.relation is 'transfer' (TRANSFER), which the mapping has not")


TRY = ["--days", "2", "--seed", "7", "--users", "60"]


def test_a_trial_counts_what_fired_and_what_was_right(tmp_path: Path) -> None:
    """The names are the demo bank's, whatever the file's own bank calls its relations."""
    path = tmp_path / "mine.toml"
    path.write_text('[names]\ntransfer = "PAYMENT"\n' + LOUD.replace("at_least = 5", "at_least = 1"))
    answer = CliRunner().invoke(cli.app, ["rules", "try", str(path), *TRY, "--json"])
    assert answer.exit_code == 0, answer.exception
    found = json.loads(answer.stdout)
    figures = {each["name"]: each["value"] for each in found["figures"]}
    many, *together = found["rules"]
    assert found["command"] == "ringwatch rules try mine.toml --days 2 --seed 7 --users 60"
    assert (many["name"], many["alert"]) == ("many", True)
    assert 0 < many["fired"] < figures["events"] and many["precision"] == many["right"] / many["fired"]
    assert figures["us_per_event_alerting@1"] > 0 and figures["us_per_event_alerting@64"] > 0
    assert figures["fired@many"] == many["fired"] and "transfer of account" in many["example"]
    assert [each["name"] for each in together] == ["any of them", "together from 0.6", "alerts"]
    assert together[0]["fired"] == together[2]["fired"] == many["fired"] and together[1]["fired"] == 0


def test_a_trial_is_the_same_each_time() -> None:
    """But for what it took."""
    both = (CliRunner().invoke(cli.app, ["rules", "try", *TRY]).stdout.splitlines() for _ in range(2))
    first, second = ([line for line in lines if "µs an event" not in line] for lines in both)
    assert first == second and first[0].startswith("bank 7: 60 customers, 2 days behind 21 to warm up: ")


def test_a_relation_the_demo_bank_has_not_can_t_be_tried(tmp_path: Path) -> None:
    """Told by its line."""
    path = tmp_path / "mine.toml"
    path.write_text(RULE.replace('"transfer"', '"SWIFT"'))
    answer = CliRunner().invoke(cli.app, ["rules", "try", str(path), *TRY])
    assert str(answer.exception).startswith(f"{path}:4: rule.0.relation is 'SWIFT', which the mapping has not")
