"""`ringwatch evaluate` and `ringwatch compare`: figures of models, as a table, JSON, or one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.sets import IN, ON, Asked, one_of

if TYPE_CHECKING:  # it brings scikit-learn: only the commands below wait for it
    from scoring.measured import Measured

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Html = Annotated[Path | None, typer.Option("--html", help="Write the report with its curves here, one file.")]
SEED = "A demo bank's seed; default: one no model has seen."


def evaluate(
    json: Json = False,
    html: Html = None,
    keep: Annotated[Path | None, typer.Option(help="Keep what each model said here (.npz), for `compare`.")] = None,
    seed: Annotated[int | None, typer.Option(help=SEED)] = None,
    mapping: Annotated[Path | None, typer.Option(help="Train and test on flat files: their mapping.")] = None,
    data: Annotated[Path, typer.Option(help="With --mapping: the folder of the files.")] = Path(),
    live: Annotated[bool, typer.Option("--live", help="Train and test on the graph in Neo4j.")] = False,
    seeds: Annotated[int, typer.Option(min=1, max=100, help="With either: trainings of each model.")] = 5,
    epochs: Annotated[int, typer.Option(min=1, help="With either: passes of the network.")] = 4,
    most: Annotated[int, typer.Option(min=100, help="With either: events to train on, at the most.")] = 40_000,
    device: ON = "auto",
    precision: IN = "float32",
) -> None:
    """The promoted model beside rules and boosting, on a simulated bank with its truth (some minutes); or, with
    --mapping or --live, models trained and tested on a bank's flat files, or on the graph that its changes made, by
    one split in time (minutes to hours).
    """
    one_of(mapping, live)
    if mapping is not None or live:
        _evaluate_set(Asked(mapping, data, seeds, epochs, most, device, precision), json, html, keep)
        return
    from deploy import bootstrap
    from deploy.config import settings
    from deploy.demo.training import SHOWN, Plan, evaluate_demo, report

    (found,) = evaluate_demo(bootstrap.model_folder(settings()), Plan(), seed)
    named = "ringwatch evaluate" + (f" --seed {seed}" if seed is not None else "")
    if keep is not None:
        found.outcome.save(keep)
    _print(found, report([found], Plan(), named) if json else None, SHOWN)
    _write(html, found, "The promoted model beside its baselines", named)


def _evaluate_set(asked: Asked, json: bool, html: Path | None, keep: Path | None) -> None:
    from deploy.progress import Shown
    from scoring.experiment import run
    from scoring.measured import measure

    command = asked.command("evaluate")
    with Shown(plain=json) as shown:
        recipe = asked.settings(shown.say)
        data = asked.read(shown)
        outcome = run(data, recipe, shown.told)
        if keep is not None:
            outcome.save(keep)
        shown.at("drawing the intervals", 1.0)
        found = measure(outcome)
    _print(found, _said("evaluate", command, found) if json else None, found.figures)
    _write(html, found, f"{data.name}: network and hybrid beside boosted trees", command)


def compare(
    first: Annotated[Path, typer.Argument(help="What `evaluate --keep` wrote.", show_default=False)],
    second: Annotated[Path, typer.Argument(help="Another of the same test set.", show_default=False)],
    json: Json = False,
    html: Html = None,
    a_day: Annotated[int, typer.Option(min=1, help="Alerts a day that can be looked at.")] = 100,
    rounds: Annotated[int, typer.Option(min=100, max=100_000, help="Resamples for each interval.")] = 500,
) -> None:
    """Two outcomes on the same events: all their models in one table, differences on the same resamples."""
    from scoring.measured import Settings, measure
    from scoring.outcome import joined, load

    found = measure(joined(load(first), load(second)), Settings(a_day, rounds))
    named = f"ringwatch compare {first} {second}"
    _print(found, _said("compare", named, found) if json else None, found.figures)
    _write(html, found, f"{first.stem} and {second.stem}", named)


def _said(bench: str, command: str, found: Measured) -> dict[str, Any]:
    """The one JSON form, with every figure of every model."""
    from deploy.figures import head
    from scoring.report import figures_of, kinds_of, models_of

    figures, kinds = figures_of([found]), kinds_of([found])
    return head(bench, command) | {"figures": figures, "models": models_of([found]), "kinds": kinds}


def _print(found: Measured, said: dict[str, Any] | None, columns: tuple[str, ...]) -> None:
    from msgspec import json as wire

    from scoring.report import table

    typer.echo(table([found], columns) if said is None else wire.format(wire.encode(said), indent=2).decode())


def _write(path: Path | None, found: Measured, title: str, command: str) -> None:
    if path is None:
        return
    from importlib.metadata import version

    from scoring.report_html import Heading, render

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render([found], Heading(title, command, version("ringwatch"))), encoding="utf-8")
    typer.echo(f"The report with its curves: {path}", err=True)
