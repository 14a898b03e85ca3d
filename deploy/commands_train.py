"""`ringwatch train`: a model for a bank's own mapping, from its flat files or its graph."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from deploy.sets import one_of, read_files, read_graph

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
    json: Annotated[bool, typer.Option("--json", help="Print the manifest and nothing else.")] = False,
) -> None:
    """Train on all that is known by now. What such a model is worth: `ringwatch evaluate` on the same."""
    from deploy import bootstrap
    from deploy.config import settings
    from scoring.manifest import encoded

    one_of(mapping, live)
    if mapping is None and not live:
        raise typer.BadParameter("train on what? give --mapping FILE --data FOLDER, or --live for the graph in Neo4j")
    asked = _Asked(mapping, data, kind, name, seeds, epochs, most)
    with TemporaryDirectory() as parent:
        folder = out or Path(parent) / name
        manifest = _made(folder, asked, json)
        if out is None:
            bootstrap.registry(settings()).add(folder)
    if json:
        typer.echo(encoded(manifest).decode(), nl=False)
    elif out is None:
        typer.echo(f"{manifest.model} is in the registry; have it score: ringwatch model promote {manifest.model}")
    else:
        typer.echo(f"{manifest.model} in {out}; take it into the registry: ringwatch model add {out}")


@dataclass(frozen=True, slots=True)
class _Asked:
    mapping: Path | None
    data: Path
    kind: Kind
    name: str
    seeds: int
    epochs: int
    most: int

    @property
    def command(self) -> str:
        what = "--live" if self.mapping is None else f"--mapping {self.mapping.name} --data {self.data.name}"
        return (
            f"ringwatch train {what} --kind {self.kind} --seeds {self.seeds} --epochs {self.epochs} --most {self.most}"
        )


def _made(folder: Path, asked: _Asked, plain: bool) -> Manifest:
    from deploy.config import settings
    from deploy.progress import Shown
    from scoring.folds import ExperimentSettings
    from scoring.split import SplitSettings
    from scoring.train_flat import Order, train_flat

    digest = hashlib.sha256((asked.mapping or settings().mapping).read_bytes()).hexdigest()
    chosen = ExperimentSettings(tuple(range(asked.seeds)), epochs=asked.epochs, split=SplitSettings(most=asked.most))
    with Shown(plain=plain) as shown:
        found = read_graph(shown) if asked.mapping is None else read_files(asked.mapping, asked.data, shown)
        return train_flat(folder, found, Order(asked.kind, asked.name, digest, asked.command), chosen, shown.told)
