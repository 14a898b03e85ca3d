"""`ringwatch rules check|try`: what a rules file asks, and how it does on a simulated bank."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

rules_app = typer.Typer(no_args_is_help=True, help="The rules beside the model: check a file, try it on the demo bank.")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
File = Annotated[Path | None, typer.Argument(help="A rules file; default: RINGWATCH_RULES, else the shipped one.")]


@rules_app.command("check")
def check(
    file: File = None,
    mapping: Annotated[
        Path | None, typer.Option(help="What the rules are for; default: RINGWATCH_MAPPING, else the demo bank's.")
    ] = None,
) -> None:
    """Validate rules against a mapping; each rule in a sentence, or every problem with its line (status 2)."""
    from deploy.config import settings
    from deploy.rule_text import hints, sentence, summary
    from graph.mapping import Mapping
    from scoring.rules import read

    path, chosen = file or settings().rules, mapping or settings().mapping
    bank = Mapping.load(chosen, settings().contacts_key())
    found = read(path, bank.relations)
    for rule in found.rules.rules:
        typer.echo(sentence(rule, found.names))
    for hint in hints(found.rules, bank):
        typer.echo(f"hint: {hint}")
    typer.echo(summary(path.name, found))


@rules_app.command("try")
def try_(
    file: File = None,
    days: Annotated[int, typer.Option(min=1, max=365, help="How many days the rules are asked.")] = 7,
    seed: Annotated[int, typer.Option(help="Which bank is simulated.")] = 111,
    users: Annotated[int, typer.Option(min=50, max=100_000, help="How many customers it has.")] = 1_000,
    json: Json = False,
) -> None:
    """How often each rule fires on a simulated bank, and how often it is right (half a minute by default)."""
    from deploy.config import settings
    from deploy.rule_text import table, trial_json
    from deploy.rule_trial import Bank, tried

    path = file or settings().rules
    bank = Bank(seed, users, days)
    found = tried(path, bank)
    if json:
        typer.echo(trial_json(found, f"ringwatch rules try {path.name} --days {days} --seed {seed} --users {users}"))
        return
    for line in table(found):
        typer.echo(line)
