"""Models as people read them in a terminal. What a manifest says came from outside, so it is printed as text only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from deploy.letter_text import REASON_WIDTH, cut, printable, when
from scoring.manifest import Manifest
from scoring.model_store import Entry
from scoring.online.comparison import Comparison
from scoring.promotions import Step

HEAD = ("", "model", "PR-AUC", "trained on", "events", "alert from", "mapping")


def table(entries: Sequence[Entry], mapping: str | None = None) -> Iterator[str]:
    """A row for each: whether it is promoted, its figures, or why it is refused. `mapping` is the one in use."""
    rows = [_row(entry, mapping) for entry in entries]
    if not rows:
        return
    whole = [row for row in [HEAD, *rows] if len(row) == len(HEAD)]
    widths = [max(len(row[n]) for row in (HEAD, *rows)) for n in range(2)]
    widths += [max(len(row[n]) for row in whole) for n in range(2, len(HEAD))]
    for row in (HEAD, *rows):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip()


def comparison(found: Comparison, minutes: float) -> Iterator[str]:
    """Two models side by side, and where they agree."""
    yield f"{found.events:,} events of the last {minutes:g} min by both, {found.only_main:,} by the promoted one alone"
    yield f"{found.labelled:,} have a label by now, {found.frauds:,} are reported as fraud; the others count as none"
    rows: list[tuple[str, ...]] = [("", "promoted", "shadow")]
    sides = (found.main, found.shadow)
    rows.append(("model", *(printable(side.model) for side in sides)))
    rows.append(("alerts", *(f"{side.alerts:,}" for side in sides)))
    rows.append(("reported frauds among them", *(f"{side.caught:,}" for side in sides)))
    rows.append(("frauds expected", *(f"{side.expected:,.1f}" for side in sides)))
    rows.append(("PR-AUC", *("-" if side.pr_auc is None else share(side.pr_auc) for side in sides)))
    widths = [max(len(row[n]) for row in rows) for n in range(3)]
    yield from ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    yield f"alerts of both: {found.both:,}; probabilities lie {found.apart:.4f} apart on average"
    rank = "-" if found.rank is None else f"{found.rank:.3f}"
    yield f"rank correlation {rank}; PSI of the shadow's scores against the promoted one's: {found.psi:.3f}"


def _row(entry: Entry, mapping: str | None) -> tuple[str, ...]:
    begin = ("*" if "main" in entry.roles else "", printable(entry.model))
    manifest = entry.manifest
    if manifest is None:
        return (*begin, cut(f"broken: {printable(entry.refused or '')}", REASON_WIDTH))
    return (
        *begin,
        ", ".join(f"{share(value)} {printable(name)}" for name, value in manifest.pr_auc.items()) or "-",
        cut(printable(manifest.data.source), 30),
        f"{manifest.data.events:,}",
        share(manifest.thresholds.alert),
        "in use" if mapping == manifest.mapping else "another",
    )


def share(value: float) -> str:
    """A figure from 0 to 1."""
    return f"{value:.3f}"


def promoted(step: Step) -> str:
    """Which model is promoted, since when, by whom and why."""
    by = f" by {step.by}" if step.by else ""
    why = f": {step.reason}" if step.reason else ""
    return printable(f"promoted: {step.model} since {when(step.at_ms)} UTC{by}{why}")


def entry_fields(entry: Entry) -> dict[str, Any]:
    """A row of the list for programs; `broken` is the reason, or null."""
    fields: dict[str, Any] = {
        "model": entry.model, "folder": str(entry.folder), "promoted": "main" in entry.roles, "roles": entry.roles,
        "broken": entry.refused,
    }  # fmt: skip
    if entry.manifest is not None:
        fields |= {"kind": entry.manifest.kind, "pr_auc": entry.manifest.pr_auc, "mapping": entry.manifest.mapping}
    return fields


def whole(manifest: Manifest, entry: Entry, steps: Sequence[Step]) -> Iterator[str]:
    """Everything about a model, a field a line."""
    data = manifest.data
    fields = {
        "model": manifest.model,
        "kind": manifest.kind,
        "folder": str(entry.folder),
        "trained on": f"{data.source}, {data.events:,} events, {data.positives:,} of them reported as fraud",
        "event times": f"{when(data.from_ms)} to {when(data.to_ms)} UTC",
        "labels by": f"{when(data.labels_by_ms)} UTC",
        "mapping": manifest.mapping,
        "features": f"{manifest.schema_hash}: {len(manifest.features.nodes)} of a node, "
        f"{len(manifest.features.edges)} of an edge, {len(manifest.features.event)} of the event",
        "caps": ", ".join(f"{most} edges at hop {hop}" for hop, most in enumerate(manifest.caps.per_hop, 1)),
        "thresholds": f"alert {share(manifest.thresholds.alert)}, near miss {share(manifest.thresholds.attach)}",
        "made by": manifest.command,
    }
    for name, value in fields.items():
        yield f"{name:12}{printable(value)}"
    yield from _figures(manifest.metrics)
    for name, digest in manifest.files.items():
        yield f"{'file':12}{name} {digest[:12]}…"
    for step in steps:
        yield f"{'history':12}{'promoted' if step.action == 'promote' else 'rolled back to'} {_when_and_why(step)}"


def _figures(metrics: Mapping[str, float]) -> Iterator[str]:
    width = max((len(name) for name in metrics), default=0)
    for name, value in metrics.items():
        yield f"{'figure':12}{printable(name).ljust(width)}  {value:.5g}"


def _when_and_why(step: Step) -> str:
    said = " ".join(part for part in (step.by and f"by {step.by}", step.reason and f"({step.reason})") if part)
    return printable(f"{when(step.at_ms)} UTC {said}".rstrip())
