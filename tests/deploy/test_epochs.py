"""Under which epoch a connector begins that Kafka Connect has forgotten: on the real Kafka and Neo4j, and by itself."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import neo4j
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from histories import demo_mapping
from typer.testing import CliRunner

from deploy.cli import app
from deploy.config import Settings, settings
from deploy.epochs import Traces, first_epoch, traces
from deploy.stack.control import up
from deploy.stack.endpoints import endpoints_of
from deploy.stack.errors import ConnectorFailed
from deploy.stack.secrets import load_secrets
from deploy.stack.tails import LAST, Tail, tail
from graph.model import EdgeUpsert, Floor, Gone, Incomplete, LabelUpsert, NodeUpsert, Upsert
from graph.neo4j_driver import connect
from graph.neo4j_newest import newest
from graph.neo4j_store import Neo4jStore
from ingest.events import Position

SILENT = "the graph could not be looked at"


@pytest.mark.parametrize(("wanted", "begun"), [(None, 1), (1, 1), (4, 4)])
def test_a_bank_that_was_never_read_begins_as_wanted(wanted: int | None, begun: int) -> None:
    """By default under 1, also where no graph is known of; what was in topics and is gone counts for nothing."""
    for left in (Traces(0, 0), Traces(None, 0, SILENT, asked=False), Traces(0, None)):
        assert first_epoch("bank", "mariadb", wanted, left) == begun


@pytest.mark.parametrize("wanted", [None, 1, 2])
@pytest.mark.parametrize("left", [Traces(2, 0), Traces(2, 1), Traces(0, 2), Traces(None, 2, SILENT)])
def test_what_was_read_before_is_told_with_the_command_that_mends_it(wanted: int | None, left: Traces) -> None:
    """Under the same epoch again, changed rows come as a snapshot's and lose to those that were streamed."""
    with pytest.raises(ConnectorFailed, match="read under epoch 2") as refused:
        first_epoch("bank", "mariadb", wanted, left)
    assert str(refused.value).endswith("run: ringwatch connect resnapshot --from mariadb --epoch 3")
    with pytest.raises(ConnectorFailed, match="resnapshot --from postgres --name eu --epoch 3"):
        first_epoch("eu", "postgres", wanted, left)
    assert first_epoch("bank", "mariadb", 3, left) == 3


@pytest.mark.parametrize("left", [Traces(None, 0, SILENT), Traces(None, None, SILENT, asked=False)])
def test_where_nobody_can_tell_the_epoch_has_to_be_given(left: Traces) -> None:
    """A graph that does not answer; topics whose records are gone, and no graph."""
    with pytest.raises(ConnectorFailed, match=r"could not be looked at.*--epoch"):
        first_epoch("bank", "mariadb", None, left)
    assert first_epoch("bank", "mariadb", 1, left) == 1


# -- on the real servers ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def beside(stack_settings: Settings) -> Settings:
    """Only Kafka and Neo4j, with the demo's constraints."""
    layout = stack_settings.stack_layout()
    up(layout, ["kafka", "neo4j"])
    ends = endpoints_of(layout, load_secrets(layout.secrets_file))
    with connect(ends.neo4j.uri, ends.neo4j.user, ends.neo4j.password) as bolt:
        Neo4jStore(bolt, demo_mapping().schema).init()
    return Settings(
        kafka_bootstrap=ends.kafka_bootstrap, neo4j_uri=ends.neo4j.uri, neo4j_user=ends.neo4j.user,
        neo4j_password=ends.neo4j.password, state_dir=stack_settings.state_dir,
    )  # fmt: skip


@pytest.fixture
def bolt(beside: Settings) -> Iterator[neo4j.Driver]:
    """Empty."""
    assert beside.neo4j_uri and beside.neo4j_user and beside.neo4j_password
    with connect(beside.neo4j_uri, beside.neo4j_user, beside.neo4j_password.get_secret_value()) as driver:
        driver.execute_query("MATCH (n) DETACH DELETE n")
        yield driver
        driver.execute_query("MATCH (n) DETACH DELETE n")


@pytest.fixture
def bank(beside: Settings) -> str:
    """A source with a table's topic, empty."""
    name = f"e{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": beside.kafka_bootstrap})
    admin.create_topics([NewTopic(f"{name}.bank.users", 2, 1)])[f"{name}.bank.users"].result(20)
    return name


def send(at: Settings, name: str, *stamps: bytes | None) -> None:
    """Records of the table as the connector makes them, or a tombstone without a header."""
    producer = Producer({"bootstrap.servers": at.kafka_bootstrap})
    for stamp in stamps:
        producer.produce(f"{name}.bank.users", b"{}", b"k", 0, headers=[] if stamp is None else [("epoch", stamp)])
    assert producer.flush(20) == 0


def pos(epoch: int, source: str) -> str:
    return Position(source, epoch, True, 1, 5).token


def upserts(pos: str) -> list[Upsert]:
    """One of each that has a place in the log."""
    return [
        NodeUpsert("Account", "a", "accounts", pos, 5, {"kind": "current"}),
        EdgeUpsert("transfers:1:transfer", pos, 5, "TRANSFER", "Account:a", "Account:b", 4, {"amount": 1}),
        LabelUpsert("fraud_reports:1:label", pos, 9, "transfers:1:transfer", True),
        Gone("transfers:2:transfer", pos, 9, "TRANSFER"),
        Floor("transfers", pos, 9),
        Incomplete("users:1", 3, True, pos),
    ]


@pytest.mark.stack
@pytest.mark.parametrize("kind", range(6))
def test_the_graph_knows_the_newest_place_of_a_source(bolt: neo4j.Driver, kind: int) -> None:
    """Whatever it is that stands there; another source's is not taken for it, and nothing is nothing."""
    store = Neo4jStore(bolt, demo_mapping().schema)
    assert newest(bolt, "bank") is None
    for source, epoch in (("bank.eu", 0x2A), ("ban", 0x3A), ("bank", 1), ("bank", 0x1A)):
        store.apply([upserts(pos(epoch, source))[kind]])
    found = newest(bolt, "bank")
    assert found is not None and (found.source, found.epoch) == ("bank", 0x1A)


@pytest.mark.stack
def test_a_graph_without_constraints_was_never_read_into(bolt: neo4j.Driver, beside: Settings) -> None:
    """`graph init` may come after `connect register`."""
    made = [row["name"] for row in bolt.execute_query("SHOW CONSTRAINTS YIELD name").records]
    for name in made:
        bolt.execute_query(f"DROP CONSTRAINT {name}")  # type: ignore[arg-type]  # Neo4j's own names
    assert newest(bolt, "bank") is None
    Neo4jStore(bolt, demo_mapping().schema).init()


@pytest.mark.stack
def test_the_topics_know_the_highest_epoch_among_their_last_records(beside: Settings, bank: str) -> None:
    """A dead letter that was sent again comes last, under its own; records without one are no news."""
    at = str(beside.kafka_bootstrap)
    assert tail(at, bank) == Tail(None, used=False) == tail(at, "nobody")
    send(beside, bank, b'"1"', None)
    assert tail(at, bank) == Tail(1, used=True) and tail(at, bank[:-1]) == Tail(None, used=False)
    send(beside, bank, *[b"2"] * (2 * LAST), b"3", b"1", None)
    assert tail(at, bank) == Tail(3, used=True)


@pytest.mark.stack
def test_both_are_asked(beside: Settings, bank: str, bolt: neo4j.Driver) -> None:
    """And a graph that does not answer is no empty graph."""
    assert traces(beside, bank) == Traces(0, 0)
    send(beside, bank, b"2")
    Neo4jStore(bolt, demo_mapping().schema).apply(upserts(pos(3, bank)))
    assert traces(beside, bank) == Traces(3, 2)
    away = traces(beside.model_copy(update={"neo4j_uri": "bolt://127.0.0.1:1"}), bank)
    assert (away.graph, away.topics, away.asked) == (None, 2, True) and "bolt://127.0.0.1:1" in away.silent
    unset = traces(beside.model_copy(update={"neo4j_uri": None}), bank)
    assert unset == Traces(None, 2, "the graph was not looked at, RINGWATCH_NEO4J_URI is not set", asked=False)


class _Forgetful(BaseHTTPRequestHandler):
    """A Kafka Connect that knows no connector."""

    def do_GET(self) -> None:
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def forgetful() -> Iterator[str]:
    made = HTTPServer(("127.0.0.1", 0), _Forgetful)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    thread.join(10)
    made.server_close()


@pytest.mark.stack
@pytest.mark.parametrize("command", ["register", "resnapshot"])
def test_a_bank_that_was_read_does_not_begin_anew_under_its_old_epoch(
    beside: Settings, bank: str, bolt: neo4j.Driver, forgetful: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kafka's volume is lost, or Connect's, or a resnapshot failed half-way: status 2, and nothing is registered."""
    assert beside.neo4j_password
    for name, value in {
        "STATE_DIR": str(beside.state_dir), "KAFKA_BOOTSTRAP": beside.kafka_bootstrap, "NEO4J_URI": beside.neo4j_uri,
        "NEO4J_USER": beside.neo4j_user, "NEO4J_PASSWORD": beside.neo4j_password.get_secret_value(),
        "CONNECT_URL": forgetful, "DEBEZIUM_PASSWORD": "pw", "MARIADB_HOST": "127.0.0.1", "MARIADB_PASSWORD": "pw",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"RINGWATCH_{name}", str(value))
    settings.cache_clear()
    Neo4jStore(bolt, demo_mapping().schema).apply(upserts(pos(2, bank)))
    with pytest.raises(ConnectorFailed, match=f"resnapshot --from mariadb --name {bank} --epoch 3"):
        CliRunner().invoke(app, ["connect", command, "--from", "mariadb", "--name", bank], catch_exceptions=False)
    settings.cache_clear()
