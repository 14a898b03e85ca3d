"""The report as a file: whole in itself, named for those who can't see it, and true to the figures."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from outcomes import DAY_MS, Model, outcome_of

from scoring.charts import Axis, decades, path, shares
from scoring.measured import Settings, measure
from scoring.report_charts import by_span, charts, compared, spans
from scoring.report_html import Heading, render

FEW = Settings(a_day=5, rounds=30)
HEADING = Heading("Made up <b>", "ringwatch evaluate", "0")


@pytest.fixture(scope="module")
def page() -> str:
    """A report on one test set."""
    return render([measure(outcome_of(), FEW)], HEADING)


def test_nothing_is_loaded_from_elsewhere_and_nothing_runs(page: str) -> None:
    """No script, no link, no address."""
    assert not re.search(r"<script|<link|<img|https?:|url\(|@import| on\w+=", page)
    assert "Made up &lt;b&gt;" in page


def test_probabilities_are_looked_at_of_the_strongest_of_ours_and_of_its_rival() -> None:
    """Whatever stands first."""
    made = outcome_of(ours=("rules", "network"))
    assert compared(measure(made, FEW)) == ["network", "trees"]


def test_every_chart_has_a_title_and_says_what_it_shows(page: str) -> None:
    """Ids are unique on the page."""
    drawn = re.findall(r'<svg viewBox="[^"]*" role="img" aria-labelledby="(\S+) (\S+)">', page)
    assert len(drawn) == 5
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert {name for pair in drawn for name in pair} == set(ids)


def test_every_drawing_is_well_formed_and_inside_its_frame(page: str) -> None:
    """No point is off the chart, none is no number."""
    for svg in re.findall(r'<svg viewBox="0 0 460.*?</svg>', page, re.S):
        root = ET.fromstring(svg)
        for line in root.iter("path"):
            points = [tuple(map(float, p.split(","))) for p in re.split("[ML]", line.attrib["d"]) if p]
            assert points
            assert all(0 <= x <= 460 and 0 <= y <= 320 for x, y in points)


def test_the_page_shows_the_figures_with_their_intervals_and_the_notes(page: str) -> None:
    """The same as the table's."""
    measured = measure(outcome_of(), FEW)
    found = measured.figure("network", "pr_auc")
    assert f"<td>{found.value:.3f}<small>{found.low:.3f}–{found.high:.3f}</small></td>" in page
    for part in ("3,000 events", "of them fraud", "Split: by time.", "2026-02-02 to", "1 seed<", "5 seeds<"):
        assert part in page


def test_any_outcome_can_be_drawn() -> None:
    """One model, no baseline; one event a class in a day; probabilities of exactly 0 and 1."""
    alone = outcome_of({"network": Model(2.0, 1)}, (), 300)
    said = np.where(alone.target, 1.0, 0.0)[None, :]
    for outcome in (
        alone,
        replace(alone, said={"network": said}),
        replace(alone, time_ms=alone.time_ms[:1].repeat(300)),
    ):
        assert "</html>" in render([measure(outcome, FEW)], HEADING)


def test_drift_is_by_week_and_by_day_where_there_are_too_few_weeks() -> None:
    """From the first day of the test range on."""
    days = np.arange(30) * DAY_MS + 20_000 * DAY_MS
    assert spans(days)[0] == "week" and spans(days)[1][[0, 6, 7, 29]].tolist() == [0, 0, 1, 4]
    assert spans(days[:20])[0] == "day" and spans(days[:20])[1].tolist() == list(range(20))


def test_each_week_is_measured_by_itself() -> None:
    """All found in the first, the wrong way round in the second, no fraud in the third."""
    target = np.array([1, 0, 1, 0, 0, 0], bool)
    said = np.array([[0.9, 0.1, 0.1, 0.9, 0.5, 0.5]])
    assert by_span(target, said, np.array([0, 0, 1, 1, 2, 2])) == [1.0, 0.5, 0.0]


def test_the_roc_marks_the_rates_of_the_table() -> None:
    """A mark each, and a dot of each model on it."""
    roc = charts(measure(outcome_of(), FEW))[1]
    assert [text for _, text in roc.marks] == ["0.1", "1", "2.3", "5.1"]
    assert len(roc.dots) == 4 * 3
    assert {dot.x for dot in roc.dots} == {x for x, _ in roc.marks}


def test_axes_hold_their_values_and_their_ticks() -> None:
    """What lies beyond is at the end."""
    assert [text for _, text in shares("x", 0.13).ticks] == ["0", "0.05", "0.1", "0.15"]
    assert [text for _, text in decades("x", -3).ticks] == ["100 %", "10 %", "1 %", "0.1 %"]
    axis = Axis(0.0, 1.0, "", ())
    assert path(axis, axis, [(-5.0, 0.0), (0.5, 0.5)]) == path(axis, axis, [(0.0, -1.0), (0.5, 0.5)])
