"""The command's answers to what it can't do."""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Iterator

import click
import pytest
from rich.text import Text
from typer.main import get_command
from typer.testing import CliRunner

from deploy import cli, ingest_process, ports
from deploy.config import settings
from deploy.ports import PortTaken, listen


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Settings are read once in a process."""
    settings.cache_clear()
    yield
    settings.cache_clear()


def test_ingest_is_named_after_its_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two machines' watermarks are not taken for one's."""
    named: list[str] = []
    monkeypatch.setattr(ingest_process, "run_ingest", lambda worker, group: named.append(worker))
    assert CliRunner().invoke(cli.app, ["ingest"]).exit_code == 0
    assert CliRunner().invoke(cli.app, ["ingest", "--worker", "second"]).exit_code == 0
    assert named == [socket.gethostname(), "second"]


def commands(one: click.Command) -> Iterator[click.Command]:
    yield one
    for each in getattr(one, "commands", {}).values():
        yield from commands(each)


def test_every_help_text_is_shown_as_it_was_written() -> None:
    """Rich takes `[partition]` for markup and leaves it out, unless it is escaped."""
    for command in commands(get_command(cli.app)):
        helps = [getattr(param, "help", None) for param in command.params]
        for text in (command.help, *helps):
            assert Text.from_markup(text or "").plain == (text or "").replace("\\[", "["), (command.name, text)


@pytest.mark.parametrize("command", ["show", "replay", "drop"])
def test_a_dead_letter_s_place_is_named_whole(command: str) -> None:
    """As the list shows it."""
    said = CliRunner().invoke(cli.app, ["deadletter", command, "--help"], env={"COLUMNS": "200"}).stdout
    assert "topic[partition]@offset" in said


def test_an_incremental_snapshot_s_help_says_what_reads_the_keys() -> None:
    """It only names them."""
    said = CliRunner().invoke(cli.app, ["connect", "snapshot", "--help"], env={"COLUMNS": "200"}).stdout
    assert "ringwatch graph reread" in said


@pytest.mark.parametrize("rates", ["abc", "100,", "0", "-5", "nan", "inf"])
def test_rates_that_are_none_are_refused(rates: str) -> None:
    """Before anything is started."""
    answer = CliRunner().invoke(cli.app, ["bench", "latency", "--rates", rates])
    assert answer.exit_code == 2 and "--rates" in answer.stderr and "Traceback" not in answer.stderr


def test_a_bad_kafka_option_ends_in_one_readable_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: object
) -> None:
    """librdkafka's own words, and the variables to look at."""
    for name, value in {
        "STATE_DIR": str(tmp_path), "MARIADB_HOST": "127.0.0.1", "MARIADB_PASSWORD": "pw", "KAFKA_BOOTSTRAP": "a:1",
        "CONNECT_URL": "http://127.0.0.1:1", "DEBEZIUM_PASSWORD": "pw", "KAFKA_OPTIONS": '{"no.such.option": "1"}',
    }.items():  # fmt: skip
        monkeypatch.setenv(f"RINGWATCH_{name}", value)
    monkeypatch.setattr(sys, "argv", ["ringwatch", "connect", "register"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert said == (
        'ringwatch: Kafka: No such configuration property: "no.such.option"; '
        "look at RINGWATCH_KAFKA_BOOTSTRAP and RINGWATCH_KAFKA_OPTIONS\n"
    )


def test_a_port_in_use_names_who_has_it() -> None:
    """This very process."""
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=rf"port {port} on 127\.0\.0\.1 is in use by .*{os.getpid()}"):
            listen("127.0.0.1", port)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "192.0.2.1"])
def test_a_host_that_is_not_this_machine_is_said_to_be_so(host: str) -> None:
    """A name nobody knows, an address of documentation."""
    with pytest.raises(PortTaken, match=f"RINGWATCH_HOST={host} is no address of this machine"):
        listen(host, 18_999)


def test_a_port_of_the_system_s_is_not_said_to_be_in_use() -> None:
    """Below 1024 for others than root (who may, so the answer is asked for directly)."""
    said = ports._why_not("127.0.0.1", 80, PermissionError(errno.EACCES, "Permission denied"))
    assert "in use" not in said and "RINGWATCH_PORT" in said
