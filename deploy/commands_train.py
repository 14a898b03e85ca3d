"""`ringwatch train`: a model for a bank's own mapping, from its flat files or its graph."""

from __future__ import annotations

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from deploy.sets import IN, ON, Asked, one_of

if TYPE_CHECKING:  # it brings torch and numba: only the command below waits for it
    from scoring.manifest import Manifest

Kind = Literal["hybrid", "network"]


def train(
    mapping: Annotated[Path | None, typer.Option(help="Train on flat files: their mapping.")] = None,
    data: Annotated[Path, typer.Option(help="With --mapping: the folder of the files.")] = Path(),
    live: Annotated[bool, typer.Option("--live", help="Train on the graph in Neo4j.")] = False,
    out: Annotated[Path | None, typer.Option(help="The model folder to write; else it goes into the registry.")] = None,
    name: Annotated[str, typer.Option(help="What the model is called.")] = "fraud",
    kind: Annotated[
        Kind, typer.Option(help="hybrid: network and trees, blended; network: the R-GCN alone.")
    ] = "hybrid",
    seeds: Annotated[int, typer.Option(min=1, max=100, help="Trainings; the one best on the newest slice ships.")] = 1,
    epochs: Annotated[int, typer.Option(min=1, help="Passes of the network.")] = 4,
    most: Annotated[int, typer.Option(min=100, help="Events to train on, at the most.")] = 40_000,
    device: ON = "auto",
    precision: IN = "float32",
    json: Annotated[bool, typer.Option("--json", help="Print the manifest and nothing else.")] = False,
) -> None:
    """Train on all that is known by now. What such a model is worth: `ringwatch evaluate` on the same."""
    from deploy import bootstrap
    from deploy.config import settings
    from scoring.manifest import encoded

    one_of(mapping, live)
    if mapping is None and not live:
        raise typer.BadParameter("train on what? give --mapping FILE --data FOLDER, or --live for the graph in Neo4j")
    asked = Asked(mapping, data, seeds, epochs, most, device, precision)
    with TemporaryDirectory() as parent:
        folder = out or Path(parent) / name
        manifest = _made(folder, asked, kind, name, json)
        if out is None:
            bootstrap.registry(settings()).add(folder)
    if json:
        typer.echo(encoded(manifest).decode(), nl=False)
    elif out is None:
        typer.echo(f"{manifest.model} is in the registry; have it score: ringwatch model promote {manifest.model}")
    else:
        typer.echo(f"{manifest.model} in {out}; take it into the registry: ringwatch model add {out}")


def _made(folder: Path, asked: Asked, kind: Kind, name: str, plain: bool) -> Manifest:
    from deploy.config import settings
    from deploy.progress import Shown
    from scoring.train_flat import Order, material, train_flat

    digest = hashlib.sha256((asked.mapping or settings().mapping).read_bytes()).hexdigest()
    order = Order(kind, name, digest, asked.command("train", f" --kind {kind}"))
    with Shown(plain=plain) as shown:
        recipe = asked.settings(shown.say)
        given = material(asked.read(shown), recipe, shown.told)
        return train_flat(folder, given, order, recipe, shown.told)
