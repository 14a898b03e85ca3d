"""Dead letters on the real Kafka: a worker with a broken mapping refuses, it is mended, the records are sent again."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from envelopes import body, record, transfer
from histories import KEY, MAPPING, canonical, demo_mapping
from typer.testing import CliRunner

from deploy.cli import app
from deploy.config import Settings, settings
from deploy.stack.control import up
from deploy.stack.topics import create_topics
from graph.mapping import Mapping
from graph.mirror import Mirror
from graph.model import EdgeUpsert, Incomplete
from graph.sink import GraphSink
from ingest.deadletter import DeadLetter
from ingest.kafka import KafkaLetters, KafkaPublisher, KafkaSource
from ingest.letterbox import Letterbox
from ingest.letterindex import Wanted
from ingest.records import Message
from ingest.worker import Worker

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def kafka(stack_settings: Settings) -> str:
    """Only Kafka, with Ringwatch's topics."""
    at = up(stack_settings.stack_layout(), ["kafka"]).kafka_bootstrap
    create_topics(at)
    return at


@pytest.fixture
def topic(kafka: str) -> str:
    """A table's topic of a bank of its own."""
    name = f"b{uuid.uuid4().hex[:8]}.bank.transfers"
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.create_topics([NewTopic(name, 3, 1, config={"max.message.bytes": "10485760"})])[name].result(20)
    return name


Ringwatch = Callable[..., str]


@pytest.fixture
def ringwatch(kafka: str, monkeypatch: pytest.MonkeyPatch, stack_settings: Settings) -> Iterator[Ringwatch]:
    """`ringwatch deadletter` on this Kafka: what it prints, or the message it ends with."""
    monkeypatch.setenv("RINGWATCH_KAFKA_BOOTSTRAP", kafka)
    monkeypatch.setenv("RINGWATCH_STATE_DIR", str(stack_settings.state_dir))
    settings.cache_clear()

    def run(*arguments: str) -> str:
        answer = CliRunner().invoke(app, ["deadletter", *arguments])
        structlog.reset_defaults()  # it logs to the runner's stderr, which is closed now
        return answer.stdout if answer.exit_code == 0 else f"refused: {answer.exception}"

    yield run
    settings.cache_clear()


def send(kafka: str, topic: str, op: str, before: object, after: dict[str, object], pos: int) -> None:
    made = record(body(op, before, after, pos=pos, name=topic.partition(".")[0]), {"id": after["id"]})
    KafkaPublisher(kafka).publish([Message(topic, made.key, made.value, made.headers)])


def work(kafka: str, topic: str, mapping: Mapping, mirror: Mirror, records: int) -> None:
    """A worker until it has dealt with that many records."""
    source = KafkaSource(kafka, f"g-{topic}", [topic])
    worker = Worker(source, GraphSink(mapping, mirror, "w"), KafkaPublisher(kafka))
    while worker.counters.records < records:
        worker.step()
    source.close()


@pytest.fixture
def broken(tmp_path: Path) -> Mapping:
    """It takes the currency for a number."""
    right, wrong = 'currency = "currency"', 'currency = { column = "currency", type = "integer" }'
    path = tmp_path / "mapping.toml"
    path.write_text(MAPPING.read_text(encoding="utf-8").replace(right, wrong), encoding="utf-8")
    return Mapping.load(path, KEY)


def test_refused_records_are_replayed_once_the_mapping_is_mended(
    kafka: str, topic: str, ringwatch: Ringwatch, broken: Mapping
) -> None:
    """The graph holds them as if nothing had been; a newer row that got in meanwhile stays the newer one."""
    one, two = transfer(1), transfer(2)
    send(kafka, topic, "c", None, one, 10)
    send(kafka, topic, "c", None, two, 20)
    mirror, smooth = Mirror(), Mirror()
    work(kafka, topic, broken, mirror, 2)
    assert mirror.owners == 0
    later = transfer(1, amount="99.00")
    send(kafka, topic, "u", one, later, 30)
    work(kafka, topic, demo_mapping(), mirror, 1)
    listed = ringwatch("list", "--topic", topic)
    assert "2 dead letters, 2 shown" in listed and "12.50" not in listed
    refused = ringwatch("replay", "--all", "--topic", topic)
    assert "--yes" in refused and Letterbox(KafkaLetters(kafka)).count(Wanted(topic)) == 2
    done = ringwatch("replay", "--all", "--topic", topic, "--yes")
    assert "sent 2 again" in done
    work(kafka, topic, demo_mapping(), mirror, 2)
    for op, before, after, pos in (("c", None, one, 10), ("c", None, two, 20), ("u", one, later, 30)):
        send(kafka, topic, op, before, after, pos)
    work(kafka, topic, demo_mapping(), smooth, 3)
    assert not any(upsert.marked for upsert in mirror.dump() if isinstance(upsert, Incomplete))
    held, meant = ([u for u in each.dump() if not isinstance(u, Incomplete)] for each in (mirror, smooth))
    assert canonical(held) == canonical(meant)
    newest = max((u for u in mirror.dump() if isinstance(u, EdgeUpsert) and ":1:" in u.owner), key=lambda u: u.pos)
    assert newest.attributes["amount"] == 9_900 and Letterbox(KafkaLetters(kafka)).count(Wanted(topic)) == 0


def test_a_replayed_record_goes_to_the_partition_it_came_from(kafka: str, topic: str, ringwatch: Ringwatch) -> None:
    """Debezium's partitioner is not ours; the rows of one key stay together."""
    for part in range(3):
        made = record(b"{", {"id": 7})
        KafkaPublisher(kafka).publish([Message(topic, made.key, made.value, made.headers, partition=part)])
    work(kafka, topic, demo_mapping(), Mirror(), 3)
    assert "sent 1 again" in ringwatch("replay", f"{topic}[2]@0")
    work(kafka, topic, demo_mapping(), Mirror(), 1)
    still = {line.place for line in Letterbox(KafkaLetters(kafka)).index.lines(Wanted(topic), 9)}
    assert still == {f"{topic}[0]@0", f"{topic}[1]@0", f"{topic}[2]@1"}


def test_a_letter_of_ten_megabytes_is_kept_shown_and_replayed(kafka: str, topic: str, ringwatch: Ringwatch) -> None:
    """The largest record a bank's topic takes, in base64."""
    largest = DeadLetter(topic, 1, 0, "", "too large to map", b"k", b"\x00" * 10_400_000, 1, (("epoch", b"1"),))
    KafkaPublisher(kafka).publish([largest.message()])
    assert Letterbox(KafkaLetters(kafka)).letter(largest.place) == largest
    assert "sent 1 again" in ringwatch("replay", largest.place)


def test_dropping_says_what_it_leaves_behind(kafka: str, topic: str, ringwatch: Ringwatch) -> None:
    """The row stays incomplete."""
    KafkaPublisher(kafka).publish([Message(topic, b'{"id":1}', b"{", partition=0)])
    work(kafka, topic, demo_mapping(), Mirror(), 1)
    shown = ringwatch("show", f"{topic}[0]@0")
    assert "not JSON" in shown and '"id": 1' in shown and "00000000  7b" in shown
    done = ringwatch("drop", f"{topic}[0]@0")
    assert "incomplete" in done and "verify --repair" in done
    assert "was dropped already" in ringwatch("show", f"{topic}[0]@0")
