"""Kafka: one broker that is its own controller."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from uuid import uuid4

from confluent_kafka.admin import AdminClient

from deploy.stack.java import Program
from deploy.stack.layout import Layout
from deploy.stack.process import Command, run_to_end
from deploy.stack.render import own_folder, put, render
from deploy.stack.secrets import Secrets
from deploy.stack.server import HOST, Server


def server(layout: Layout, secrets: Secrets) -> Server:
    """Return the Kafka broker (it has no passwords: it listens on this machine only)."""
    del secrets
    ports = layout.ports
    return Server(
        name="kafka", title="Kafka", ports=(ports.kafka, ports.kafka_controller), home=layout.home("kafka"),
        log=layout.log("kafka"), pid_file=layout.pid_file("kafka"),
        prepare=lambda: _prepare(layout), health=lambda: _health(ports.kafka),
    )


def configuration(layout: Layout) -> str:
    """Return the broker's configuration file."""
    return render("kafka.properties", port=layout.ports.kafka, controller_port=layout.ports.kafka_controller,
                  log_dir=layout.home("kafka") / "data")


def _prepare(layout: Layout) -> Command:
    home = own_folder(layout.home("kafka"))
    settings = home / "kafka.properties"
    put(settings, configuration(layout))
    put(home / "log4j2.properties", render("log4j2.properties"))
    logging = (f"-Dlog4j2.configurationFile={home}/log4j2.properties",)
    jars = layout.cache / "kafka"
    if not (home / "data" / "meta.properties").exists():
        tool = Program("kafka.tools.StorageTool", jars, 128, logging)
        run_to_end(tool.command(home, "format", "--standalone", "-t", cluster_id(), "-c", str(settings)))
    return Program("kafka.Kafka", jars, layout.memory.kafka_heap_mb, logging).command(home, str(settings))


def cluster_id() -> str:
    """Return a new cluster id as Kafka writes one: a random UUID in URL-safe base64, unpadded.

    A leading dash, which the tool would read as an option, can't occur: Kafka draws again, we put a letter.
    """
    return "R" + urlsafe_b64encode(uuid4().bytes).decode().rstrip("=")[1:]


def _health(port: int) -> None:
    # log_level 0: librdkafka would print each refused connection of the wait to the terminal
    AdminClient({"bootstrap.servers": f"{HOST}:{port}", "log_level": 0}).list_topics(timeout=3)
