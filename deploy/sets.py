"""What models are trained and tested on: a bank's flat files by their mapping, or the graph that its changes made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:  # they bring numba: only a command that reads waits for them
    from deploy.progress import Shown
    from scoring.flat_set import FlatSet

EXAMPLES = 5  # of refused rows, told beside their number


def one_of(mapping: Path | None, live: bool) -> None:
    """Refuse to be asked for both.

    Raises:
        typer.BadParameter: flat files and the graph.
    """
    if mapping is not None and live:
        raise typer.BadParameter("flat files or the graph in Neo4j: give one of --mapping and --live")


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


def read_graph(shown: Shown) -> FlatSet:
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
