"""`ringwatch model list|show|add|promote|rollback|shadow|compare`: the registry, and which of its models scores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:  # they bring torch, which a help text has no use for
    from deploy.config import Settings
    from scoring.model_store import Note

model_app = typer.Typer(no_args_is_help=True, help="Models: which there are, which one scores, and the way back.")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Model = Annotated[str, typer.Argument(help="NAME@VERSION, the beginning of it, or NAME where there is one of it.")]
By = Annotated[str | None, typer.Option(help="Who wants it, for the history.")]
Reason = Annotated[str | None, typer.Option(help="Why, for the history.")]


@model_app.command("list")
def list_(json: Json = False) -> None:
    """Every model of the registry with its PR-AUC; * marks the promoted one. Broken ones are listed with the reason."""
    from deploy import bootstrap, model_text
    from deploy.config import settings

    models = bootstrap.registry(settings())
    entries, now = models.list(), models.promoted()
    if json:
        _print({"folder": str(models.folder), "promoted": now and now.model,
                "models": [model_text.entry_fields(entry) for entry in entries]})  # fmt: skip
        return
    for line in model_text.table(entries, models.mapping):
        typer.echo(line)
    typer.echo(model_text.promoted(now) if now else _unpromoted(settings()))
    _hint(settings())


@model_app.command()
def show(model: Model, json: Json = False) -> None:
    """Everything about one: data, figures, thresholds, files, and when it was promoted."""
    from deploy import bootstrap, model_text
    from deploy.config import settings
    from scoring.registry import ModelRefused

    models = bootstrap.registry(settings())
    entry = models.show(model)
    if entry.manifest is None:
        raise ModelRefused(entry.folder, entry.refused or "")
    steps = [step for step in models.history() if step.model == entry.model]
    if json:
        _print({**model_text.entry_fields(entry), "manifest": entry.manifest, "history": steps})
        return
    for line in model_text.whole(entry.manifest, entry, steps):
        typer.echo(line)


@model_app.command()
def add(
    folder: Annotated[
        Path, typer.Argument(help="A model folder, as training writes it.", exists=True, file_okay=False)
    ],
    json: Json = False,
) -> None:
    """Check a model folder and copy it into the registry."""
    from deploy import bootstrap
    from deploy.config import settings

    models = bootstrap.registry(settings())
    manifest = models.add(folder)
    if json:
        _print({"added": manifest.model, "folder": str(models.path(manifest.model))})
        return
    typer.echo(f"added {manifest.model}; to let it score: ringwatch model promote {manifest.model}")


@model_app.command()
def promote(model: Model, by: By = None, reason: Reason = None, json: Json = False) -> None:
    """Check a model and let it score. A running scorer takes it up within seconds, between two batches."""
    from deploy import bootstrap, model_text
    from deploy.config import settings

    bootstrap.logs(settings())
    models = bootstrap.registry(settings())
    before = models.promoted()
    step = models.promote(model, _note(by, reason))
    if json:
        _print({"promoted": step.model, "before": before and before.model, "exports": sorted(step.exports)})
        return
    typer.echo(model_text.promoted(step))
    if step.exports:
        typer.echo(f"exported, and as the network says, for: {', '.join(sorted(step.exports))}")
    _hint(settings())


@model_app.command()
def rollback(by: By = None, reason: Reason = None, json: Json = False) -> None:
    """Go back to the model that was promoted before; again, and it goes one further back."""
    from deploy import bootstrap
    from deploy.config import settings

    models = bootstrap.registry(settings())
    before = models.promoted()
    step = models.rollback(_note(by, reason))
    if json:
        _print({"promoted": step.model, "before": before and before.model})
        return
    left = f"gave up {before.model}; " if before else ""
    typer.echo(left + (f"promoted: {step.model}, as before" if step.model else _unpromoted(settings())))
    _hint(settings())


@model_app.command()
def shadow(
    model: Annotated[str | None, typer.Argument(help="As of promote; leave it out with --off.")] = None,
    off: Annotated[bool, typer.Option("--off", help="Compare none any more.")] = False,
    by: By = None,
    reason: Reason = None,
    json: Json = False,
) -> None:
    """Have a second model score the same events without raising alerts, to be compared: `model compare --live`."""
    from deploy import bootstrap
    from deploy.config import settings

    if off == (model is not None):
        raise typer.BadParameter("name a model, or give --off")
    bootstrap.logs(settings())
    models = bootstrap.registry(settings())
    if model is not None:
        beside = models.promote(model, _note(by, reason), "shadow").model
    else:
        beside = None
        while models.promoted("shadow") is not None:
            models.rollback(_note(by, reason), "shadow")
    if json:
        _print({"shadow": beside})
        return
    typer.echo(f"beside the promoted model scores {beside}" if beside else "no model is compared any more")


@model_app.command()
def compare(
    live: Annotated[bool, typer.Option("--live", help="The promoted model and the shadow, on what came lately.")],
    minutes: Annotated[float, typer.Option(min=0.1, help="How far back.")] = 60.0,
    json: Json = False,
) -> None:
    """What the promoted model and the shadow said of the same live events. Of flat files: `ringwatch compare`."""
    from deploy import model_text
    from deploy.config import settings
    from deploy.shadowing import compared

    if not live:
        raise typer.BadParameter("of flat files: `ringwatch compare FIRST SECOND`", param_hint="--live")
    found = compared(settings(), minutes)
    if json:
        _print({"minutes": minutes, "comparison": found})
        return
    for line in model_text.comparison(found, minutes):
        typer.echo(line)


def _note(by: str | None, reason: str | None) -> Note:
    """For the history, where it is printed again: nothing that steers a terminal."""
    from deploy.letter_text import printable
    from scoring.model_store import Note

    return Note(by and printable(by), reason and printable(reason))


def _unpromoted(chosen: Settings) -> str:
    return f"nothing is promoted: {chosen.model} scores where it fits the mapping, else the rules"


def _hint(chosen: Settings) -> None:
    """On standard error, so that the answer stays what it is."""
    if chosen.pinned:
        typer.echo(f"RINGWATCH_MODEL is set: with it {chosen.model} scores, whatever is promoted", err=True)


def _print(found: dict[str, Any]) -> None:
    from msgspec import json as wire

    typer.echo(wire.format(wire.encode(found), indent=2).decode())
