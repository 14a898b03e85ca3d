"""`ringwatch mapping`: check one, draft one, see what rows become, print the format's schema."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

mapping_app = typer.Typer(no_args_is_help=True, help="The mapping from a bank's tables and files to the graph.")

Database = Annotated[
    Literal["mariadb", "postgres"] | None,
    typer.Option(help="The bank's live database, as RINGWATCH_ settings name it."),
]
Files = Annotated[Path | None, typer.Option(help="A folder of flat files.", exists=True, file_okay=False)]
File = Annotated[Path | None, typer.Argument(help="A mapping; default: RINGWATCH_MAPPING, else the demo bank's.")]


@mapping_app.command("check")
def check(file: File = None, database: Database = None, files: Files = None) -> None:
    """Validate a mapping, against a database's tables or flat files too; every problem with its line and mend."""
    from deploy.config import settings
    from deploy.mapping.database import tables_of
    from deploy.mapping.report import against_database, against_files, summary
    from graph.mapping import Mapping

    _one(database, files)
    path = file or settings().mapping
    mapping = Mapping.load(path, settings().contacts_key())
    hints: list[str] = []
    if database is not None:
        hints = against_database(path, mapping.file, tables_of(settings(), database))
    if files is not None:
        hints = against_files(path, mapping, files)
    for hint in hints:
        typer.echo(f"hint: {hint}")
    typer.echo(summary(path, mapping))


@mapping_app.command("draft")
def draft(
    database: Database = None,
    files: Files = None,
    source: Annotated[str, typer.Option(help="The connector's name.")] = "bank",
) -> None:
    """Propose a mapping from tables and foreign keys, or from files; comments say what was guessed."""
    from deploy.config import settings
    from deploy.mapping.database import tables_of
    from graph.flat_sample import tables_of as tables_in
    from graph.mapping_draft import draft as drafted

    _one(database, files, needed=True)
    if database is not None:
        typer.echo(drafted(tables_of(settings(), database), source), nl=False)
    if files is not None:
        tables, left = tables_in(files)
        for reason in left:
            typer.echo(f"passed over: {reason}", err=True)
        typer.echo(drafted(tables, source), nl=False)


@mapping_app.command("preview")
def preview(
    files: Annotated[Path, typer.Option(help="A folder of flat files.", exists=True, file_okay=False)],
    file: File = None,
    rows: Annotated[int, typer.Option(min=1, max=10_000, help="How many rows of each table.")] = 3,
) -> None:
    """What the first rows of each file become."""
    from deploy.config import settings
    from deploy.mapping.report import previewed
    from graph.mapping import Mapping

    mapping = Mapping.load(file or settings().mapping, settings().contacts_key())
    for line in previewed(mapping, files, rows):
        typer.echo(line)


@mapping_app.command("schema")
def schema() -> None:
    """The format's JSON Schema (it ships as graph/mappings/mapping.schema.json)."""
    from graph.mapping_schema import schema_text

    typer.echo(schema_text(), nl=False)


def _one(database: object, files: object, needed: bool = False) -> None:
    if (database is not None and files is not None) or (needed and database is None and files is None):
        raise typer.BadParameter("give --database or --files, one of them", param_hint="--database / --files")
