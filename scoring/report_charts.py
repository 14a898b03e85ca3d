"""The charts of one test set: what the models found, at what cost, whether p means p, and how it changes by week.

Shapes: B events, S seeds.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np

from scoring.charts import Axis, Chart, Dot, Line, Series, across, decades, path, shares, stairs, up
from scoring.columns import Floats, Ints
from scoring.core.curves import Bin, log_roc, pr_curve, reliability
from scoring.core.metrics import DAY_MS, FALSE_POSITIVE_RATES, pr_auc
from scoring.dataset import Flags
from scoring.measured import Measured

WEEK_DAYS = 7
LEAST_WEEKS = 3  # with fewer, days are shown
RELIABILITY_BINS = 20
HISTOGRAM_BINS = 36
SMALLEST = 1e-6  # probability that a logarithmic axis still shows


def charts(result: Measured) -> list[Chart]:
    """All charts of a test set."""
    runs = {model: _median_run(result, model) for model in result.means}
    return [_pr(result, runs), _roc(result, runs), _reliability(result, runs), _histogram(result, runs), _drift(result)]


def _median_run(result: Measured, model: str) -> Floats:
    """The seed in the middle by PR-AUC [B]: a curve is one run's, a mean of curves would be nobody's."""
    outcome = result.outcome
    found = [pr_auc(outcome.target, score) for score in outcome.said[model]]
    run: Floats = outcome.said[model][int(np.argsort(found)[len(found) // 2])]
    return run


def _series(result: Measured) -> tuple[Series, ...]:
    outcome = result.outcome
    return tuple(
        Series(number, outcome.title(model), model in result.shown) for number, model in enumerate(outcome.said)
    )


def _name(result: Measured, chart: str) -> str:
    return f"{chart}-{''.join(c if c.isalnum() else '-' for c in result.outcome.name)}"


def _pr(result: Measured, runs: dict[str, Floats]) -> Chart:
    x, y = shares("recall"), shares("precision")
    lines = [Line(place, path(x, y, pr_curve(result.outcome.target, run).points)) for place, run in _numbered(runs)]
    said = "Precision over recall of each model, its seed of median PR-AUC. Higher is better."
    return Chart(_name(result, "pr"), "Precision and recall", said, x, y, _series(result), tuple(lines))


def _numbered(runs: dict[str, Floats]) -> Iterator[tuple[int, Floats]]:
    return enumerate(runs.values())


def _roc(result: Measured, runs: dict[str, Floats]) -> Chart:
    target = result.outcome.target
    low = int(np.clip(np.floor(-np.log10((~target).sum())), -5, -3))
    x, y = decades("false positive rate (logarithmic)", low), shares("recall")
    lines = [Line(place, path(x, y, log_roc(target, run, 10.0**low).points)) for place, run in _numbered(runs)]
    marks = tuple((across(x, np.log10(rate)), f"{rate * 100:g}") for rate in FALSE_POSITIVE_RATES)
    dots = [
        Dot(place, across(x, np.log10(rate)), up(y, value), f"{title}: recall {value:.3f} at {rate * 100:g} % FPR")
        for place, model in enumerate(result.means)
        for rate in FALSE_POSITIVE_RATES
        for value, title in [(result.value(model, f"recall_at_fpr_{rate:g}"), result.outcome.title(model))]
    ]
    said = (
        "Recall over the false positive rate of each model, its seed of median PR-AUC; dots at 0.1, 1, 2.3 and 5.1 % "
        "are means over seeds. Higher is better."
    )
    return Chart(_name(result, "roc"), "ROC", said, x, y, _series(result), tuple(lines), tuple(dots), marks)


def compared(result: Measured) -> list[str]:
    """The models whose probabilities are looked at: the strongest of those shown, and its rival."""
    return [model for model in dict.fromkeys([result.strongest(result.shown), result.rival]) if model is not None]


def bins(result: Measured, model: str) -> list[Bin]:
    """Reliability of a model's seed of median PR-AUC."""
    return reliability(result.outcome.target, _median_run(result, model), RELIABILITY_BINS)


def _reliability(result: Measured, runs: dict[str, Floats]) -> Chart:
    models = compared(result)
    found = {model: reliability(result.outcome.target, runs[model], RELIABILITY_BINS) for model in models}
    least = min(each.said for each in next(iter(found.values())))
    low = int(np.floor(np.log10(np.clip(least, SMALLEST, 0.01))))
    x, y = decades("probability said (logarithmic)", low), decades("share that came", low)
    places = {model: number for number, model in enumerate(result.means)}
    dots = [_whisker(x, y, places[model], each) for model in models for each in found[model]]
    series = tuple(each for each in _series(result) if each.number in {places[model] for model in models})
    said = (
        f"What came over what was said, {RELIABILITY_BINS} bins of equally many events, with 95 % bounds. On the "
        "diagonal a probability means what it says; a hollow dot at the foot is a bin in which nothing came."
    )
    diagonal = path(x, y, [(low, low), (0.0, 0.0)])
    return Chart(_name(result, "reliability"), "Reliability", said, x, y, series, (), tuple(dots), (), diagonal)


def _whisker(x: Axis, y: Axis, series: int, each: Bin) -> Dot:
    said, came, low, high = (float(np.log10(max(v, SMALLEST))) for v in (each.said, each.came, each.low, each.high))
    tip = f"said {each.said:.4f}, came {each.came:.4f} ({each.hits:,} of {each.events:,})"
    return Dot(series, across(x, said), up(y, came), tip, each.hits == 0, up(y, low), up(y, high))


def _histogram(result: Measured, runs: dict[str, Floats]) -> Chart:
    outcome, model = result.outcome, result.shown[0]
    odds = _log_odds(runs[model])
    edges = np.linspace(odds.min(), max(odds.max(), odds.min() + 1), HISTOGRAM_BINS + 1)
    parts = [np.histogram(odds[outcome.target == fraud], edges)[0] for fraud in (False, True)]
    heights = [part / max(part.sum(), 1) for part in parts]
    x = _odds_axis(float(edges[0]), float(edges[-1]))
    y = shares("share of the class", float(max(height.max() for height in heights)))
    count = int(outcome.target.sum())
    titles = (f"not fraud ({len(outcome) - count:,})", f"fraud ({count:,})")
    series = tuple(Series(number, title, number == 1) for number, title in enumerate(titles))
    lines = [Line(n, stairs(x, y, edges.tolist(), height.tolist()), True) for n, height in enumerate(heights)]
    said = f"What {outcome.title(model)} said of events that were fraud and of those that were not, as shares of each."
    return Chart(_name(result, "scores"), "Scores by class", said, x, y, series, tuple(lines))


def _odds_axis(low: float, high: float) -> Axis:
    """Log-odds with ticks in per cent, not closer than their texts are wide."""
    ticks: list[tuple[float, str]] = []
    for share in (1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999):
        place = _odds(share)
        if low <= place <= high and (not ticks or place - ticks[-1][0] >= (high - low) / 6.5):
            ticks.append((place, f"{100 * share:g} %"))
    return Axis(low, high, "probability said (log-odds)", tuple(ticks))


def _log_odds(probability: Floats) -> Floats:
    clipped = np.clip(probability, SMALLEST, 1 - SMALLEST)
    return np.asarray(np.log(clipped) - np.log1p(-clipped))


def _odds(probability: float) -> float:
    return float(_log_odds(np.array(probability)))


def _drift(result: Measured) -> Chart:
    outcome = result.outcome
    step, span = spans(outcome.time_ms)
    fraud = np.bincount(span, outcome.target).astype(int)
    names = _dates(outcome.time_ms, step, len(fraud))
    every = -(-len(fraud) // 7)
    ticks = tuple((float(n), f"{names[n]}\n{fraud[n]:,}") for n in range(0, len(fraud), every))
    x, y = Axis(-0.3, len(fraud) - 0.7, f"{step} from, and how many fraud", ticks), shares("PR-AUC")
    lines: list[Line] = []
    dots: list[Dot] = []
    for place, model in enumerate(outcome.said):
        values = by_span(outcome.target, outcome.said[model], span)
        points = [(float(n), value) for n, value in enumerate(values) if fraud[n]]
        lines.append(Line(place, path(x, y, points)))
        title = outcome.title(model)
        dots += [Dot(place, across(x, n), up(y, v), f"{title}, {names[int(n)]}: {v:.3f}") for n, v in points]
    said = f"PR-AUC of each model by {step} of the test range, mean over seeds, with how many events were fraud."
    name, title = _name(result, "drift"), f"PR-AUC by {step}"
    return Chart(name, title, said, x, y, _series(result), tuple(lines), tuple(dots))


def _dates(time_ms: Ints, step: str, count: int) -> list[str]:
    """On which UTC day each span begins."""
    first, days = int(time_ms.min()) // DAY_MS, WEEK_DAYS if step == "week" else 1
    starts = ((first + number * days) * DAY_MS / 1000 for number in range(count))
    return [datetime.fromtimestamp(start, UTC).strftime("%d %b") for start in starts]


def spans(time_ms: Ints) -> tuple[str, Ints]:
    """Week of each event [B] from the first UTC day on, or day where there are too few weeks; and which of the two."""
    day = np.asarray(time_ms) // DAY_MS
    day = day - day.min()
    return ("week", day // WEEK_DAYS) if day.max() + 1 >= LEAST_WEEKS * WEEK_DAYS else ("day", day)


def by_span(target: Flags, said: Floats, span: Ints) -> list[float]:
    """PR-AUC in each span, mean over seeds: target [B], said [S, B], span [B]."""
    parts = [span == number for number in range(int(span.max()) + 1)]
    return [float(np.mean([pr_auc(target[part], score[part]) for score in said])) for part in parts]
