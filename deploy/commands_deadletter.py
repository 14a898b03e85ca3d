"""`ringwatch deadletter list|show|replay|drop`: the records that could not be used."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Annotated

import typer

from deploy.durations import seconds
from ingest.events import Transient
from ingest.letterbox import Letterbox, LetterError, place_of
from ingest.letterindex import Spot, Wanted
from ingest.records import Publisher

deadletter_app = typer.Typer(
    no_args_is_help=True, help="Records that could not be used: look at them, send them again, give them up."
)

KINDS_SHOWN = 20
AS_LISTED = r"topic\[partition]@offset, as the list shows it."  # escaped: a help text is rich's markup
Places = Annotated[list[str] | None, typer.Argument(help=AS_LISTED, metavar="PLACE…")]
All = Annotated[bool, typer.Option("--all", help="All of them, or all that --topic, --reason, --since leave.")]
Topic = Annotated[str | None, typer.Option(help="Only of this topic, or of this table (a topic's last part).")]
Reason = Annotated[str | None, typer.Option(help="Only with this text in the reason, in upper or lower case.")]
Since = Annotated[str | None, typer.Option(help="Only refused since then: 90s, 30m, 2h, 7d ago.", metavar="TIME")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask. Needed for more than one where nobody can answer.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


@deadletter_app.command("list")
def list_(
    topic: Topic = None,
    reason: Reason = None,
    since: Since = None,
    limit: Annotated[int, typer.Option(min=0, max=100_000, help="How many are shown, newest first.")] = 50,
    json: Json = False,
) -> None:
    """Which records were refused, newest first, and how many for which reason. Shows keys, but no row's values."""
    from deploy import letter_text

    index, wanted = _box().index, _wanted(topic, reason, since)
    count, lines = index.count(wanted), list(index.lines(wanted, limit))
    kinds = index.kinds(wanted, KINDS_SHOWN)
    if json:
        sys.stdout.write(letter_text.as_json(lines, kinds, count, index.unreadable).decode() + "\n")
        return
    if lines:
        typer.echo("\n".join(letter_text.table(lines)) + "\n")
    typer.echo(f"{count:,} dead letter{'' if count == 1 else 's'}" + (f", {len(lines):,} shown" if count else ""))
    for kind, n in kinds:
        typer.echo(f"{n:>9,}  {letter_text.printable(kind)}")
    if index.unreadable:
        typer.echo(f"{index.unreadable:,} records of the topic are no dead letters; something else writes to it")


@deadletter_app.command()
def show(place: Annotated[str, typer.Argument(help=AS_LISTED)]) -> None:
    """Everything about one. Prints the row as it came, personal data included: mind where the output goes."""
    from deploy import letter_text

    place_of(place)
    for line in letter_text.whole(_box().letter(place)):
        typer.echo(line)


@deadletter_app.command()
def replay(
    places: Places = None,
    all_: All = False,
    topic: Topic = None,
    reason: Reason = None,
    since: Since = None,
    yes: Yes = False,
) -> None:
    """Send records again to the topic they came from, once what refused them is mended.

    They go the way of any record, and a newer row stays newer. What is bad still becomes a new dead letter.
    """
    box, chosen = _picked(places, all_, topic, reason, since)
    _make_sure(box.count(chosen), "sent again", yes)
    done = _carried_out(lambda publisher: box.replay(chosen, publisher))
    typer.echo(f"sent {done:,} again; what is refused again is a new dead letter: ringwatch deadletter list")


@deadletter_app.command()
def drop(
    places: Places = None,
    all_: All = False,
    topic: Topic = None,
    reason: Reason = None,
    since: Since = None,
    yes: Yes = False,
) -> None:
    """Give records up. Their rows stay marked incomplete until a good row of the key comes."""
    box, chosen = _picked(places, all_, topic, reason, since)
    _make_sure(box.count(chosen), "given up", yes)
    done = _carried_out(lambda publisher: box.drop(chosen, publisher))
    typer.echo(
        f"gave up {done:,}; their rows stay marked incomplete, and scores near them say so, until a good row of "
        "the same key comes or `ringwatch graph verify --repair` reads it again"
    )


def _picked(
    places: list[str] | None, all_: bool, topic: str | None, reason: str | None, since: str | None
) -> tuple[Letterbox, list[Spot] | Wanted]:
    if not all_ and (topic or reason or since):
        raise LetterError("--topic, --reason and --since narrow --all; give it too")
    asked = [place_of(place) for place in places or []]
    if bool(asked) == all_:
        raise LetterError("name places, or give --all (with --topic, --reason, --since to narrow it): one of both")
    box = _box()
    return box, box.named(asked) if asked else _wanted(topic, reason, since)


def _box() -> Letterbox:
    from deploy.config import settings
    from deploy.connections import connections
    from deploy.logs import logs
    from ingest.kafka import KafkaLetters

    logs(settings())
    return Letterbox(KafkaLetters(connections(settings()).kafka_bootstrap, settings().kafka_options))


def _wanted(topic: str | None, reason: str | None, since: str | None) -> Wanted:
    ago_s = seconds(since)
    return Wanted(topic, reason, int((time.time() - ago_s) * 1000) if ago_s else 0)


def _make_sure(count: int, done: str, yes: bool) -> None:
    if count < 2 or yes:
        return
    asked = f"{count:,} records would be {done}"
    if not sys.stdin.isatty():
        raise LetterError(f"{asked}; give --yes to go ahead (nobody is at a terminal to be asked)")
    typer.confirm(f"{asked}. Go ahead?", abort=True)


def _carried_out(action: Callable[[Publisher], int]) -> int:
    from deploy.config import settings
    from deploy.connections import connections
    from ingest.kafka import KafkaPublisher

    try:
        return action(KafkaPublisher(connections(settings()).kafka_bootstrap, settings().kafka_options))
    except Transient as error:
        raise LetterError(f"{error}; what was not confirmed is still open, run the same command again") from error
