"""What is written for the servers: no default passwords, this machine only, nothing for others to read."""

from __future__ import annotations

import re
from concurrent.futures import Future
from pathlib import Path
from stat import S_IMODE

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.cimpl import NewTopic

from deploy.stack import connect, kafka, mariadb, mysql, neo4j, postgres, redis, topics
from deploy.stack.connector import Source, mariadb_config
from deploy.stack.endpoints import Capture, MariaDb, endpoints_of
from deploy.stack.errors import StackError
from deploy.stack.layout import Layout, Memory, Ports
from deploy.stack.render import render
from deploy.stack.secrets import Secrets, ensure_secrets
from deploy.stack.topics import create_topics

IP = re.compile(r"\b\d+\.\d+\.\d+\.\d+\b")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "data", tmp_path / "cache", Ports().shifted(1000), Memory(neo4j_heap_mb=321))


@pytest.fixture
def rendered(layout: Layout) -> dict[str, str]:
    secrets = Secrets()
    return {
        "mariadb": mariadb.configuration(layout.home("mariadb"), layout.ports.mariadb),
        "mysql": mysql.configuration(layout),
        "kafka": kafka.configuration(layout),
        "connect": connect.configuration(layout),
        "neo4j": neo4j.configuration(layout),
        "postgres": postgres.configuration(layout.ports.postgres),
        "redis": redis.configuration(layout, secrets),
    }


def test_every_server_binds_this_machine_only(rendered: dict[str, str]) -> None:
    """Each configuration names 127.0.0.1 and no other address."""
    assert {name: set(IP.findall(text)) for name, text in rendered.items()} == {
        name: {"127.0.0.1"} for name in rendered
    }


def test_every_server_listens_on_the_port_of_the_layout(rendered: dict[str, str], layout: Layout) -> None:
    """Ports come from the layout, none from a default."""
    for name, text in rendered.items():
        assert str(getattr(layout.ports, name)) in text, name


def test_the_heap_of_the_layout_reaches_neo4j(rendered: dict[str, str]) -> None:
    """Memory is a setting."""
    assert "server.memory.heap.max_size=321m" in rendered["neo4j"]


def test_a_value_that_a_template_lacks_is_an_error() -> None:
    """No configuration goes out with a hole in it."""
    with pytest.raises(KeyError, match="port"):
        render("postgres.conf")


def test_passwords_differ_between_accounts_and_between_stacks(tmp_path: Path) -> None:
    """Nothing is a default: twelve accounts of two stacks have twelve passwords."""
    stacks = [ensure_secrets(tmp_path / name) for name in ("one.json", "two.json")]
    found = {getattr(each, field) for each in stacks for field in Secrets.__slots__}
    assert len(found) == 2 * len(Secrets.__slots__)
    assert min(map(len, found)) == 32


def test_passwords_are_made_once(tmp_path: Path) -> None:
    """The second start uses those of the first."""
    assert ensure_secrets(tmp_path / "secrets.json") == ensure_secrets(tmp_path / "secrets.json")


def test_the_file_of_passwords_is_for_its_owner_only(tmp_path: Path) -> None:
    """Mode 600."""
    ensure_secrets(tmp_path / "secrets.json")
    assert S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600


def test_a_password_emptied_by_hand_is_refused(tmp_path: Path) -> None:
    """An account never ends up without a password."""
    path = tmp_path / "secrets.json"
    ensure_secrets(path)
    path.write_text(re.sub(r'("redis": )"\w+"', r'\1""', path.read_text()))
    with pytest.raises(StackError, match=r"secrets\.json.*redis"):
        ensure_secrets(path)


def test_no_password_shows_when_an_object_is_printed(layout: Layout) -> None:
    """Neither secrets nor endpoints give one away in a log line or a traceback."""
    secrets = Secrets()
    shown = repr(secrets) + repr(endpoints_of(layout, secrets))
    assert not [name for name in Secrets.__slots__ if getattr(secrets, name) in shown]


def test_the_connector_names_its_password_and_does_not_hold_it(layout: Layout) -> None:
    """What Kafka Connect stores and shows is a reference to its own file."""
    secrets = Secrets()
    config = mariadb_config(endpoints_of(layout, secrets))
    assert config["database.password"] == f"${{file:{connect.passwords_file(layout)}:dbz}}"
    assert secrets.mariadb_dbz not in str(config)


def test_the_connector_stamps_the_epoch_it_is_given(layout: Layout) -> None:
    """The epoch is a setting of the source."""
    config = mariadb_config(endpoints_of(layout, Secrets()), Source(epoch=7))
    assert config["transforms.epoch.header"] == "epoch" and config["transforms.epoch.value.literal"] == "7"


@pytest.mark.parametrize(
    ("host", "mode"),
    [
        ("127.0.0.1", "disable"), ("::1", "disable"), ("localhost", "disable"), ("mariadb", "disable"),
        ("10.0.0.5", "trust"), ("db.bank.example", "trust"), ("mariadb.bank.example", "trust"),
    ],
)  # fmt: skip
def test_the_way_to_a_mariadb_elsewhere_is_encrypted(host: str, mode: str) -> None:
    """Only this machine and Compose's own network do without."""
    bank = MariaDb(host, 3306, "bank", "pw", "bank")
    config = mariadb_config(Capture(bank, "kafka:9092", "http://connect:8083", "dbz", "pw"))
    assert config["database.ssl.mode"] == mode


def test_how_strictly_it_is_encrypted_is_a_setting(layout: Layout) -> None:
    """For any host."""
    config = mariadb_config(endpoints_of(layout, Secrets()), Source(ssl="verify-full"))
    assert config["database.ssl.mode"] == "verify-full"


def test_topics_are_made_by_the_same_kafka_options() -> None:
    """librdkafka sees them: this one it refuses."""
    with pytest.raises(KafkaException, match=r"security\.protocol"):
        create_topics("127.0.0.1:1", extra={"security.protocol": "tls"})


def test_what_each_scorer_reads_whole_has_one_partition(monkeypatch: pytest.MonkeyPatch) -> None:
    """What scorers share has as many as are asked for."""

    class Admin:
        def __init__(self, settings: dict[str, str]) -> None: ...

        def create_topics(self, new: list[NewTopic], **limits: float) -> dict[str, Future[None]]:
            for each in new:
                made[each.topic] = each.num_partitions
            return {}

    made: dict[str, int] = {}
    monkeypatch.setattr(topics, "AdminClient", Admin)
    create_topics("127.0.0.1:1", 5)
    assert made["graph.changes"] == 1 and {made[name] for name in made.keys() - {"graph.changes"}} == {5}


def test_a_relative_data_folder_is_refused(tmp_path: Path) -> None:
    """Servers change their working folder, so only an absolute path means one place."""
    with pytest.raises(ValueError, match=r"data folder.*absolute"):
        Layout(Path("data"), tmp_path)


@pytest.mark.parametrize("name", Ports.__slots__)
def test_no_port_is_a_servers_default(name: str) -> None:
    """A server that Debian starts by itself is not in the way."""
    assert getattr(Ports(), name) not in {3306, 9092, 9093, 8083, 7687, 5432, 6379}
