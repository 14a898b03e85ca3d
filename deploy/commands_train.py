"""`ringwatch train`: a model for a bank's own mapping, from its flat files, into a folder or the registry."""

from __future__ import annotations

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

import typer

Kind = Literal["hybrid", "network"]


def train(
    mapping: Annotated[Path, typer.Option(help="The mapping of the files.")],
    data: Annotated[Path, typer.Option(help="The folder of the files.")],
    out: Annotated[Path | None, typer.Option(help="The model folder to write; else it goes into the registry.")] = None,
    name: Annotated[str, typer.Option(help="What the model is called.")] = "fraud",
    kind: Annotated[
        Kind, typer.Option(help="hybrid: trees that read the network; network: the R-GCN alone.")
    ] = "hybrid",
    seeds: Annotated[int, typer.Option(min=1, max=100, help="Trainings; the one best on the newest slice ships.")] = 1,
    epochs: Annotated[int, typer.Option(min=1, help="Passes of the network.")] = 4,
    most: Annotated[int, typer.Option(min=100, help="Events to train on, at the most.")] = 120_000,
    json: Annotated[bool, typer.Option("--json", help="Print the manifest and nothing else.")] = False,
) -> None:
    """Train on all that is known by now. What such a model is worth: `ringwatch evaluate` on the same files."""
    from deploy import bootstrap
    from deploy.config import settings
    from graph.flat import Refused
    from graph.mapping import Mapping
    from scoring.flat_set import read_flat
    from scoring.folds import ExperimentSettings
    from scoring.manifest import encoded
    from scoring.split import SplitSettings
    from scoring.train_flat import Order, train_flat

    refused: list[Refused] = []
    found = read_flat(Mapping.load(mapping, settings().contacts_key()), data, refused.append, freeze=True)
    typer.echo(f"{len(found):,} events; {len(refused):,} rows refused", err=True)
    command = f"ringwatch train --mapping {mapping.name} --data {data.name} --kind {kind} --seeds {seeds}"
    command += f" --epochs {epochs} --most {most}"
    order = Order(kind, name, hashlib.sha256(mapping.read_bytes()).hexdigest(), command)
    chosen = ExperimentSettings(tuple(range(seeds)), epochs=epochs, split=SplitSettings(most=most))
    with TemporaryDirectory() as parent:
        folder = out or Path(parent) / name
        manifest = train_flat(folder, found, order, chosen, lambda line: typer.echo(line, err=True))
        if out is None:
            bootstrap.registry(settings()).add(folder)
    if json:
        typer.echo(encoded(manifest).decode(), nl=False)
    elif out is None:
        typer.echo(f"{manifest.model} is in the registry; have it score: ringwatch model promote {manifest.model}")
    else:
        typer.echo(f"{manifest.model} in {out}; take it into the registry: ringwatch model add {out}")
