"""What models are trained and tested on: a bank's flat files by their mapping, or the graph that its changes made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

Device = Literal["auto", "cpu", "cuda"]  # as scoring.core.backend has them, which brings torch
Precision = Literal["float32", "bf16", "fp16"]
ON = Annotated[Device, typer.Option(help="Where networks train and score; auto: a CUDA device where there is one.")]
IN = Annotated[Precision, typer.Option(help="Of a CUDA device's products; what differs from the CPU does not score.")]

if TYPE_CHECKING:  # they bring numba: only a command that reads waits for them
    from deploy.progress import Shown
    from scoring.flat_set import FlatSet
    from scoring.folds import ExperimentSettings

EXAMPLES = 5  # of refused rows, told beside their number


def one_of(mapping: Path | None, live: bool) -> None:
    """Refuse to be asked for both.

    Raises:
        typer.BadParameter: flat files and the graph.
    """
    if mapping is not None and live:
        raise typer.BadParameter("flat files or the graph in Neo4j: give one of --mapping and --live")


@dataclass(frozen=True, slots=True)
class Asked:
    """A set, and how to train on it: flat files by a mapping, or without one the graph in Neo4j.

    Attributes:
        mapping, data: of the flat files.
        seeds, epochs, most: see `ExperimentSettings` and `SplitSettings`.
        device, precision: see `scoring.core.backend.picked`.
    """

    mapping: Path | None
    data: Path
    seeds: int
    epochs: int
    most: int
    device: Device = "auto"
    precision: Precision = "float32"

    def command(self, name: str, options: str = "") -> str:
        """What does the same again; no path of this machine is in it."""
        what = "--live" if self.mapping is None else f"--mapping {self.mapping.name} --data {self.data.name}"
        where = "" if self.device == "auto" else f" --device {self.device}"
        where += "" if self.precision == "float32" else f" --precision {self.precision}"
        return f"ringwatch {name} {what}{options} --seeds {self.seeds} --epochs {self.epochs} --most {self.most}{where}"

    def settings(self, say: Callable[[str], None]) -> ExperimentSettings:
        """For training; `say` is told where it computes.

        Raises:
            BackendMissing: the device is asked for by name and not there.
        """
        from scoring.core.backend import picked
        from scoring.folds import ExperimentSettings
        from scoring.split import SplitSettings

        return ExperimentSettings(
            tuple(range(self.seeds)), epochs=self.epochs, split=SplitSettings(most=self.most),
            backend=picked(self.device, self.precision, say),
        )  # fmt: skip

    def read(self, shown: Shown) -> FlatSet:
        """The set. Errors as of `read_files` and `_read_graph`."""
        return _read_graph(shown) if self.mapping is None else read_files(self.mapping, self.data, shown)


def read_files(mapping: Path, folder: Path, shown: Shown) -> FlatSet:
    """A bank's flat files as a set that is only read; tells how many rows were refused.

    Raises:
        MappingError: the mapping can't be used.
        FlatSetError: a file is missing, or nothing can be learned from them.
    """
    from deploy.config import settings
    from graph.flat import Refused
    from graph.mapping import Mapping
    from scoring.flat_set import read_flat

    refused: list[Refused] = []
    shown.at(f"reading {folder}", 0.0)
    data = read_flat(Mapping.load(mapping, settings().contacts_key()), folder, refused.append, freeze=True)
    examples = "".join(f"\n  {row}" for row in refused[:EXAMPLES])
    shown.say(f"{len(data):,} events; {len(refused):,} rows refused{examples}")
    return data


def _read_graph(shown: Shown) -> FlatSet:
    """The graph in Neo4j, by the mapping in use.

    Raises:
        FlatSetError: no event is open, or no fraud is labelled.
        StoreUnavailable: Neo4j does not answer.
    """
    from deploy import bootstrap
    from deploy.config import settings
    from scoring.live_set import read_live

    mapping = bootstrap.mapping(settings())
    shown.at("reading the graph", 0.0)
    with bootstrap.driver(settings()) as bolt:
        store = bootstrap.store(settings(), bolt)
        store.check()
        data = read_live(mapping, store.dump())
    shown.say(f"{len(data):,} events in the graph")
    return data
