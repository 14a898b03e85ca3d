"""Kafka Connect: one distributed worker that carries the Debezium connectors."""

from __future__ import annotations

from pathlib import Path

import httpx

from deploy.stack.java import Program
from deploy.stack.layout import Layout
from deploy.stack.process import Command
from deploy.stack.render import own_folder, put, render
from deploy.stack.secrets import Secrets
from deploy.stack.server import HOST, Server


def server(layout: Layout, secrets: Secrets) -> Server:
    """Return the Connect worker; it needs Kafka for its own topics."""
    port = layout.ports.connect
    return Server(
        name="connect", title="Kafka Connect", ports=(port,), home=layout.home("connect"),
        log=layout.log("connect"), pid_file=layout.pid_file("connect"), needs=("kafka",), start_limit_s=120,
        prepare=lambda: _prepare(layout, secrets), health=lambda: _health(port),
    )


def configuration(layout: Layout) -> str:
    """Return the worker's configuration file."""
    return render("connect.properties", port=layout.ports.connect, kafka_port=layout.ports.kafka,
                  plugins=layout.cache / "debezium", secrets_folder=passwords_file(layout).parent)


def passwords_file(layout: Layout) -> Path:
    """Return the file whose entries connectors name instead of their passwords."""
    return layout.home("connect") / "secrets" / "passwords.properties"


def password_reference(layout: Layout, account: str) -> str:
    """Return what a connector's configuration says where a password belongs."""
    return f"${{file:{passwords_file(layout)}:{account}}}"


def _prepare(layout: Layout, secrets: Secrets) -> Command:
    home = own_folder(layout.home("connect"))
    own_folder(passwords_file(layout).parent)
    put(passwords_file(layout), f"dbz={secrets.mariadb_dbz}\ndbz_postgres={secrets.postgres_dbz}\n")
    put(home / "connect.properties", configuration(layout))
    put(home / "log4j2.properties", render("log4j2.properties"))
    worker = Program(
        "org.apache.kafka.connect.cli.ConnectDistributed", layout.cache / "kafka", layout.memory.connect_heap_mb,
        (f"-Dlog4j2.configurationFile={home}/log4j2.properties",),
    )
    return worker.command(home, str(home / "connect.properties"))


def _health(port: int) -> None:
    httpx.get(f"http://{HOST}:{port}/connectors", timeout=5, trust_env=False).raise_for_status()
