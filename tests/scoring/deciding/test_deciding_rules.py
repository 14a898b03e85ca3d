"""A rule that is an alert by itself has its say in a decision too, whatever the model thinks."""

from __future__ import annotations

from pathlib import Path

from rulefiles import VELOCITY, rules_of
from test_rules_time import edges_of, event_of, history_of

from graph.mirror import Mirror
from scoring.deciding.decision import Policy
from scoring.deciding.judge import EventJudge, Models
from scoring.engine import RuleEngine
from scoring.scorer import EventScorer


def test_a_rule_that_asks_for_an_alert_makes_a_review(tmp_path: Path) -> None:
    """The same events as in the stream's scores, though no evidence is gathered with the probability."""
    rules = rules_of(tmp_path, VELOCITY.replace("[[rule]]", "[[rule]]\nalert = true"))
    fired = 0
    for seed in range(25):
        mirror, engine = Mirror(), RuleEngine(rule_set=rules)
        mirror.apply(history := history_of(seed))
        scorer = EventScorer(engine, mirror, threshold=1.0)
        judge = EventJudge(mirror, Models(lambda: engine, lambda: engine, lambda _: scorer))  # noqa: B023  # asked in this turn
        events = [event_of(edge) for edge in edges_of(history)]
        found = judge.scores(events)
        assert [score.alert_by for score in found] == [score.alert_by for score in scorer.score(events)]
        asked = [score for score in found if score.alert_by is not None]
        assert all(Policy().verdict(score) == "review" for score in asked)
        fired += len(asked)
    assert fired
