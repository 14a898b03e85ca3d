"""What the connectors are told, for each database."""

from __future__ import annotations

import ssl
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from deploy.bankside import postgres_capture
from deploy.config import ConfigError, Settings
from deploy.stack import connect
from deploy.stack.connector import unsunk
from deploy.stack.connector_mariadb import mariadb_config, mysql_config
from deploy.stack.connector_postgres import postgres_config
from deploy.stack.connector_settings import EPOCH, Source, kind_of
from deploy.stack.endpoints import Capture, Endpoints, MariaDb, Postgres, PostgresCapture, endpoints_of
from deploy.stack.layout import Layout, Ports
from deploy.stack.publication import slot_name
from deploy.stack.secrets import Secrets, ensure_secrets
from deploy.stack.tls import tls
from deploy.verify.connector import Connector as Connected
from deploy.verify.mariadb import MariaDbSource
from graph.mapping_file import MappingFile, TableRule

SOURCE = Source(name="bank", epoch=3, tables=("users", "a.b"))


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "data", tmp_path / "cache", Ports().shifted(1000))


@pytest.fixture
def ends(layout: Layout) -> Endpoints:
    return endpoints_of(layout, Secrets())


@pytest.fixture
def configs(ends: Endpoints) -> dict[str, dict[str, str]]:
    return {
        "mariadb": mariadb_config(ends, SOURCE),
        "mysql": mysql_config(ends, SOURCE),
        "postgres": postgres_config(ends.postgres_capture, SOURCE),
    }


def test_every_database_s_changes_read_the_same(configs: dict[str, dict[str, str]]) -> None:
    """Exact decimals, one unit of time, TRUNCATE and tombstones, the epoch in a header."""
    wanted = {
        "decimal.handling.mode": "string", "time.precision.mode": "adaptive_time_microseconds",
        "skipped.operations": "none", "tombstones.on.delete": "true", "transforms.epoch.value.literal": "3",
        "heartbeat.interval.ms": "2000", "read.only": "true", "signal.enabled.channels": "kafka",
    }  # fmt: skip
    assert all(config.items() >= wanted.items() for config in configs.values())


def test_registering_again_keeps_the_epoch_that_a_resnapshot_has_raised(configs: dict[str, dict[str, str]]) -> None:
    """Compose registers at each start, under 1 by default: all that comes would count as older than the snapshot."""
    planned = configs["mariadb"]
    assert unsunk(planned, planned | {EPOCH: "4"}) == planned | {EPOCH: "4"}
    assert unsunk(planned, planned | {EPOCH: "2"}) == unsunk(planned, None) == planned


def test_the_way_to_mariadb_is_encrypted_for_us_as_for_the_connector() -> None:
    """Not on this machine, with any certificate elsewhere, or as the settings say."""
    assert tls("127.0.0.1", None) is None is tls("mariadb", None) is tls("db.bank", "disable")
    for wanted, checked in ((None, False), ("trust", False), ("verify-ca", True), ("verify-full", True)):
        context = tls("db.bank", wanted)
        assert context is not None and (context.verify_mode is ssl.CERT_REQUIRED) is checked
        assert context.check_hostname is (wanted == "verify-full")


def test_a_comparison_reads_mariadb_over_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rows are about people, and its password is a secret."""
    given, context = dict[str, object](), tls("db.bank", None)
    monkeypatch.setattr("pymysql.connect", lambda **options: given.update(options))
    file = MappingFile(source="bank", tables={"t": TableRule(key=["id"])})
    at = MariaDb("db.bank", 3306, "u", "p", "d")
    MariaDbSource(at, Connected("bank", "mariadb", 1, {}), file, context)._connect()
    assert given["ssl"] is context is not None


def test_a_connector_s_settings_say_which_database_it_reads(configs: dict[str, dict[str, str]]) -> None:
    """`resnapshot` goes by it."""
    assert {name: kind_of(config) for name, config in configs.items()} == {name: name for name in configs}
    assert kind_of({"connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector"}) is None


def test_postgres_is_read_by_pgoutput_from_a_publication_of_the_mapped_tables(
    configs: dict[str, dict[str, str]],
) -> None:
    """Debezium makes no publication: it would have to own the tables."""
    config = configs["postgres"]
    assert (config["plugin.name"], config["publication.autocreate.mode"]) == ("pgoutput", "disabled")
    assert config["slot.name"] == config["publication.name"] == "ringwatch_bank"
    assert config["table.include.list"] == r"public\.a\.b,public\.users"
    assert config["offset.mismatch.strategy"] == "trust_offset"


def test_a_slot_is_named_as_postgres_takes_it() -> None:
    """Small letters, digits, underscores; 63 at most."""
    assert slot_name("Bank.EU-1") == "ringwatch_bank_eu_1" and len(slot_name("x" * 100)) == 63


def test_no_password_of_postgres_is_in_the_settings(layout: Layout) -> None:
    """What Kafka Connect stores is a reference to its own file."""
    secrets = Secrets()
    config = postgres_config(endpoints_of(layout, secrets).postgres_capture, SOURCE)
    assert config["database.password"] == f"${{file:{connect.passwords_file(layout)}:dbz_postgres}}"
    assert secrets.postgres_dbz not in str(config)


@pytest.mark.parametrize(("host", "mode"), [("127.0.0.1", "disable"), ("10.0.0.5", "require"), ("db.bank", "require")])
def test_the_way_to_a_postgres_elsewhere_is_encrypted(host: str, mode: str) -> None:
    """How strictly is a setting."""
    at = PostgresCapture(Postgres(host, 5432, "bank", "pw", "bank"), "kafka:9092", "http://connect:8083", "dbz", "pw")
    assert postgres_config(at, SOURCE)["database.sslmode"] == mode
    assert postgres_config(at, Source(ssl="verify-full"))["database.sslmode"] == "verify-full"


@pytest.mark.parametrize(
    ("host", "wanted", "mode"),
    [
        ("db.bank", None, "required"), ("db.bank", "disable", "disabled"), ("db.bank", "trust", "required"),
        ("db.bank", "verify-ca", "verify_ca"), ("db.bank", "verify-full", "verify_identity"),
        ("127.0.0.1", None, "preferred"), ("127.0.0.1", "disable", "disabled"),
    ],
)  # fmt: skip
def test_mysql_s_own_words_are_used(host: str, wanted: str | None, mode: str) -> None:
    """One setting for both databases; on this machine it is encrypted too, or MySQL's accounts refuse the password."""
    at = Capture(MariaDb(host, 3306, "bank", "pw", "bank"), "kafka:9092", "http://connect:8083", "dbz", "pw")
    config = mysql_config(at, replace(SOURCE, ssl=wanted))
    assert config["connector.class"] == "io.debezium.connector.mysql.MySqlConnector"
    assert config["database.ssl.mode"] == mode


def test_a_new_account_gets_its_password_once(tmp_path: Path) -> None:
    """A stack that is older than the account: its other passwords stay."""
    path = tmp_path / "secrets.json"
    old = msgspec.json.decode(msgspec.json.encode(Secrets()), type=dict[str, str])
    path.write_bytes(msgspec.json.encode({k: v for k, v in old.items() if not k.startswith("postgres_dbz")}))
    first = ensure_secrets(path)
    assert first.neo4j == old["neo4j"] and ensure_secrets(path) == first


@pytest.mark.parametrize("missing", ["POSTGRES_HOST", "POSTGRES_PASSWORD", "CONNECT_URL", "DEBEZIUM_PASSWORD"])
def test_a_bank_on_postgres_is_given_whole_or_not_at_all(
    tmp_path: Path, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never a server of the bank's with one of the local stack's."""
    whole = {
        "KAFKA_BOOTSTRAP": "kafka:9093", "POSTGRES_HOST": "db.bank", "POSTGRES_PASSWORD": "pw",
        "CONNECT_URL": "http://connect:8083/", "DEBEZIUM_PASSWORD": "${env:DBZ}",
    }  # fmt: skip
    for name, value in whole.items():
        monkeypatch.setenv(f"RINGWATCH_{name}", value)
    assert postgres_capture(Settings(state_dir=tmp_path)).postgres.host == "db.bank"
    monkeypatch.delenv(f"RINGWATCH_{missing}")
    with pytest.raises(ConfigError, match=f"RINGWATCH_{missing} is not set"):
        postgres_capture(Settings(state_dir=tmp_path))
