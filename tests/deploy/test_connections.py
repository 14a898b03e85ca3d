"""Servers are those that are set, or the local stack's: never some of each, and only those that are needed."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from deploy.bankside import capture, mariadb
from deploy.bootstrap import connections
from deploy.config import ConfigError, Settings
from deploy.stack.endpoints import endpoints_of
from deploy.stack.errors import StackError
from deploy.stack.secrets import ensure_secrets

KAFKA = "kafka.bank:9093"


def test_a_process_needs_only_its_own_servers(tmp_path: Path) -> None:
    """Ingest has no password of PostgreSQL or Redis."""
    at = connections(
        Settings(
            state_dir=tmp_path, kafka_bootstrap=KAFKA, neo4j_uri="bolt://graph:7687", neo4j_password=SecretStr("pw")
        )
    )
    assert (at.kafka_bootstrap, at.neo4j_uri, at.neo4j_user, at.neo4j_password) == (
        KAFKA, "bolt://graph:7687", "neo4j", "pw"
    )  # fmt: skip


@pytest.mark.parametrize("name", ["neo4j_uri", "neo4j_user", "neo4j_password", "sql_url", "redis_url"])
def test_a_server_that_is_missing_beside_another_is_named(tmp_path: Path, name: str) -> None:
    """The local stack does not step in."""
    chosen = Settings(state_dir=tmp_path, kafka_bootstrap=KAFKA)
    chosen.stack_layout().secrets_file.parent.mkdir(parents=True)
    ensure_secrets(chosen.stack_layout().secrets_file)
    missing = "NEO4J_URI" if name == "neo4j_user" else name.upper()
    with pytest.raises(ConfigError, match=f"RINGWATCH_{missing} is not set, but RINGWATCH_KAFKA_BOOTSTRAP is"):
        getattr(connections(chosen), name)


def test_where_no_server_is_set_the_local_stack_s_are_used(tmp_path: Path) -> None:
    """All of them."""
    chosen = Settings(state_dir=tmp_path)
    chosen.stack_layout().secrets_file.parent.mkdir(parents=True)
    local = endpoints_of(chosen.stack_layout(), ensure_secrets(chosen.stack_layout().secrets_file))
    at = connections(chosen)
    assert (at.kafka_bootstrap, at.sql_url, at.redis_url) == (
        local.kafka_bootstrap,
        local.postgres_url,
        local.redis_url,
    )
    assert (at.neo4j_uri, at.neo4j_user, at.neo4j_password) == (
        local.neo4j.uri, local.neo4j.user, local.neo4j.password
    )  # fmt: skip
    assert mariadb(chosen) == local.mariadb


def test_without_servers_and_without_a_stack_the_mend_is_named(tmp_path: Path) -> None:
    """Starting one."""
    with pytest.raises(StackError, match="ringwatch stack up"):
        _ = connections(Settings(state_dir=tmp_path)).kafka_bootstrap


@pytest.mark.parametrize("missing", ["MARIADB_HOST", "MARIADB_PASSWORD", "CONNECT_URL", "DEBEZIUM_PASSWORD"])
def test_the_connector_is_given_everything_or_nothing(
    tmp_path: Path, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bank's MariaDB is not read into the local stack's Kafka with the local stack's passwords."""
    whole = {
        "KAFKA_BOOTSTRAP": KAFKA, "MARIADB_HOST": "db.bank", "MARIADB_PASSWORD": "pw",
        "CONNECT_URL": "http://connect:8083/", "DEBEZIUM_PASSWORD": "${env:DBZ}",
    }  # fmt: skip
    for name, value in whole.items():
        monkeypatch.setenv(f"RINGWATCH_{name}", value)
    assert capture(Settings(state_dir=tmp_path)).connect_url == "http://connect:8083"
    monkeypatch.delenv(f"RINGWATCH_{missing}")
    with pytest.raises(ConfigError, match=f"RINGWATCH_{missing} is not set"):
        capture(Settings(state_dir=tmp_path))
