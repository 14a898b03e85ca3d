"""`ringwatch ablate`: each technique of the network on and off, on a fixed subsample of a bank's flat files."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.durations import seconds

if TYPE_CHECKING:  # they bring torch and numba: only the command below waits for them
    from deploy.progress import Shown
    from scoring.ablation_ledger import Ledger
    from scoring.ablation_run import AblationSettings
    from scoring.ablation_variants import Variant

INTERRUPTED = 130
FOR_TABLE = 0.05  # share of the time that is left for the intervals

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def ablate(
    mapping: Annotated[Path, typer.Option(help="The mapping of the files.")],
    data: Annotated[Path, typer.Option(help="The folder of the files.")] = Path(),
    limit: Annotated[str, typer.Option(help="Begin no variant that would not end by then.", metavar="TIME")] = "60m",
    most: Annotated[int, typer.Option(min=100, help="Events to train on; twice as many are tested.")] = 5_000,
    seeds: Annotated[int, typer.Option(min=1, max=100, help="Trainings of each variant.")] = 5,
    only: Annotated[str, typer.Option(help="Techniques by name, comma-separated; default: all.")] = "",
    ledger: Annotated[Path | None, typer.Option(help="What is finished; default: in the state folder.")] = None,
    json: Json = False,
    markdown: Annotated[Path | None, typer.Option(help="Write the table here too.")] = None,
) -> None:
    """Each technique of the network on and off, with the difference, its interval, its cost and the verdict; then the
    same network on shuffled edges. What was interrupted, or ran out of time, goes on with the same command.
    """
    from deploy.config import settings
    from deploy.progress import Shown
    from scoring.ablation_result import markdown as text
    from scoring.ablation_result import result_of
    from scoring.ablation_run import AblationSettings

    asked = _Asked(mapping, data, seconds(limit) or 0.0, _chosen(only), ledger or _kept(settings().state_dir, mapping))
    with Shown(plain=json) as shown:
        found, left = _run(asked, AblationSettings(tuple(range(seeds)), most), shown)
        shown.at("drawing the intervals", 1.0)
        result = result_of(found, asked.variants)
    if left:
        shown.say(f"{len(left)} variants were left out for want of time; the same command goes on with them")
    command = f"ringwatch ablate --mapping {mapping.name} --data {data.name} --most {most} --seeds {seeds}"
    command += f" --limit {limit}" + (f" --only {only}" if only else "")
    if markdown is not None:
        markdown.parent.mkdir(parents=True, exist_ok=True)
        markdown.write_text(f"`{command}`\n\n{text(result)}", encoding="utf-8")
    if not json:
        typer.echo(text(result))
        return
    from msgspec import json as wire

    from deploy.figures import head
    from scoring.ablation_result import figures

    said = head("ablate", command) | {"figures": figures(result), "left_out": left, "notes": result.notes}
    typer.echo(wire.format(wire.encode(said), indent=2).decode())


@dataclass(frozen=True, slots=True)
class _Asked:
    mapping: Path
    folder: Path
    limit_s: float
    variants: tuple[Variant, ...]
    ledger: Path


def _chosen(only: str) -> tuple[Variant, ...]:
    from scoring.ablation_variants import NAMES, VARIANTS

    names = [name.strip() for name in only.split(",") if name.strip()]
    if unknown := sorted(set(names) - set(NAMES)):
        raise typer.BadParameter(f"{', '.join(unknown)}: no technique, take of {', '.join(NAMES)}", param_hint="--only")
    return tuple(variant for variant in VARIANTS if not names or variant.name in names)


def _kept(state: Path, mapping: Path) -> Path:
    return state / "ablation" / f"{mapping.stem}.jsonl"


def _run(asked: _Asked, chosen: AblationSettings, shown: Shown) -> tuple[Ledger, list[str]]:
    """Run what is not finished, as far as the time goes; which variants were left out."""
    from deploy.sets import read_files
    from scoring.ablation_inputs import sample
    from scoring.ablation_ledger import Ledger, Limits
    from scoring.ablation_recipe import recipe
    from scoring.ablation_run import Bench, run_all

    began_s = time.monotonic()
    data = read_files(asked.mapping, asked.folder, shown)
    kept = Ledger(asked.ledger, recipe(asked.mapping, asked.folder, chosen))
    try:
        bench = Bench(sample(data, chosen.most, chosen.caps, shown.told), chosen, shown.told)
        limit_s = asked.limit_s * (1 - FOR_TABLE) - (time.monotonic() - began_s)
        return kept, run_all(bench, asked.variants, kept, Limits(limit_s))
    except KeyboardInterrupt:
        shown.say(f"Interrupted. {len(kept.finished)} variants are finished in {kept.path}; the same command goes on.")
        raise typer.Exit(INTERRUPTED) from None
