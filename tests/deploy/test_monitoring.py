"""The Prometheus rules and the Grafana dashboards: whole, and about metrics there are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from alerts.metrics import Metrics as AlertsMetrics
from deploy.config import SHIPPED
from ingest.metrics import Metrics
from scoring.engine import Engine
from scoring.online.desk import Desk, DeskSettings
from scoring.online.drift import Shift
from scoring.online.duty import Duty
from scoring.online.guard import Guard
from scoring.online.metrics import ScorerMetrics
from scoring.online.monitor import Monitor

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy/prometheus"
SCRAPE: dict[str, Any] = yaml.safe_load((PROMETHEUS / "ringwatch.yml").read_text())
GROUPS: list[dict[str, Any]] = yaml.safe_load((PROMETHEUS / "rules.yml").read_text())["groups"]
RULES: list[dict[str, Any]] = [rule for group in GROUPS for rule in group["rules"]]
BOARDS: list[dict[str, Any]] = [json.loads(file.read_text()) for file in sorted((ROOT / "deploy/grafana").iterdir())]
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
ENDS = {
    "counter": ("_total",),
    "gauge": ("",),
    "histogram": ("_bucket", "_sum", "_count"),
    "summary": ("_sum", "_count"),
}


def names() -> set[str]:
    """Every series' name the services can show."""
    families = [*Metrics().registry.collect(), *AlertsMetrics().registry.collect(), *scorer().collect()]
    return {family.name + end for family in families for end in ENDS.get(family.type, ("",))}


def scorer() -> CollectorRegistry:
    """All that a scorer shows once it has a desk and its model has drifted."""
    guard = Guard(Engine.load(SHIPPED))
    monitor, duty = Monitor(0.0), Duty(lambda role: guard if role == "main" else None)
    monitor.shift = Shift({"amount": 1.0}, 1.0, 1_000)
    monitor.feedback._pairs.extend([(0.5, True), (0.5, False)] * 500)
    metrics = ScorerMetrics(CollectorRegistry(), duty, monitor, lambda: 0)
    metrics.desk = Desk(DeskSettings(), lambda engine: None, duty, (None, None), None)  # type: ignore[arg-type, return-value]
    return metrics.registry


def asked(expression: str) -> list[str]:
    """In the order in which they are named."""
    return list(dict.fromkeys(re.findall(r"\b(?:ringwatch|process)_\w+", expression)))


def expressions() -> list[str]:
    panels = [target["expr"] for board in BOARDS for panel in board["panels"] for target in panel["targets"]]
    chosen = [each["query"] for board in BOARDS for each in board["templating"]["list"] if each["type"] == "query"]
    return [*panels, *chosen, *(rule["expr"] for rule in RULES)]


def test_every_expression_asks_for_metrics_there_are() -> None:
    """A renamed one would show nothing and alarm never."""
    assert len(expressions()) > 25
    assert [e for e in expressions() if not names().issuperset(asked(e))] == []
    assert [e for e in expressions() if not asked(e) and "up{" not in e] == []


def labelled() -> dict[str, set[str]]:
    """Every series' labels: those it is given, and those that scraping adds."""
    found: dict[str, set[str]] = {}
    for registry in (Metrics().registry, AlertsMetrics().registry, scorer()):
        # the client has no public way to ask a metric without samples for its labels
        own = {name: getattr(each, "_labelnames", ()) for name, each in registry._names_to_collectors.items()}
        for family in registry.collect():
            for end in ENDS.get(family.type, ("",)):
                given = own.get(family.name) or getattr(family, "_labelnames", ())
                found[family.name + end] = {*given, "instance", "job", *(["le"] if end == "_bucket" else [])}
    return found


def used(expression: str) -> set[str]:
    """The labels an expression selects, groups or joins by."""
    selected = re.findall(r"(\w+)=~?\"", expression)
    grouped = re.findall(r"\b(?:by|on) \(([^)]*)\)", expression)
    return {*selected, *(name.strip() for group in grouped for name in group.split(","))}


def test_every_expression_asks_for_labels_there_are() -> None:
    """Grouped by one that is not there, an alert names nothing; selected by one, a panel stays empty."""
    known = labelled()
    assert known["ringwatch_ingest_dead_letters_total"] == {"topic", "partition", "kind", "instance", "job"}
    one = [(e, next(iter(asked(e)))) for e in expressions() if len(asked(e)) == 1]
    assert [e for e, name in one if not used(e) <= known[name]] == []


def test_an_alert_s_words_name_labels_its_expression_leaves() -> None:
    """One that is summed away would read as nothing."""
    known = labelled()
    for rule in RULES:
        grouped = re.match(r"sum by \(([^)]*)\)", rule["expr"])
        names = next((known[name] for name in asked(rule["expr"])), {"instance", "job"})  # `and` keeps the first's
        left = {name.strip() for name in grouped[1].split(",")} if grouped else names
        told = set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())))
        assert told <= left, rule["alert"]


def test_every_alert_says_what_to_do() -> None:
    """And how much of a hurry there is."""
    for rule in RULES:
        assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]
        assert rule["annotations"]["summary"] and rule["annotations"]["action"], rule["alert"]
    assert {"IngestStuck", "IngestBehind", "DeadLetters"} <= {rule["alert"] for rule in RULES}


def test_prometheus_reads_the_compose_file_s_services() -> None:
    """Each target is a service that listens there, beyond itself."""
    targets = [target for job in SCRAPE["scrape_configs"] for target in job["static_configs"][0]["targets"]]
    for target in targets:
        service, port = target.split(":")
        given = SERVICES[service]["environment"]
        place = {"ingest": "INGEST_", "scorer": "SCORER_", "decide": "DECIDE_"}.get(service, "")
        assert (given[f"RINGWATCH_{place}HOST"], given[f"RINGWATCH_{place}PORT"]) == ("0.0.0.0", port)
    assert SCRAPE["rule_files"] == ["rules.yml"]


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: str(board["uid"]))
def test_each_panel_has_its_own_place(board: dict[str, Any]) -> None:
    """No two on one spot, none outside Grafana's 24 columns."""
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken and max(x for x, _ in cells) < 24, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_the_alerts_go_off_when_they_should() -> None:
    """By Prometheus's own tool, where it is installed (Debian's package prometheus)."""
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("promtool is not here")
    for command in (["check", "config", "ringwatch.yml"], ["test", "rules", "rules_test.yml"]):
        answer = subprocess.run([tool, *command], cwd=PROMETHEUS, capture_output=True, text=True)
        assert answer.returncode == 0, answer.stdout + answer.stderr
