"""Picks the adapters: the one place that knows which way Ringwatch runs."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from pathlib import Path

import neo4j
import structlog

from alerts.auth import AuthSettings
from alerts.policy import Policy
from deploy.config import Settings
from deploy.stack.control import endpoints
from graph.mapping import Mapping
from graph.neo4j_store import Neo4jStore, connect
from ingest.kafka import KafkaPublisher, KafkaSource
from ingest.records import LABELS
from scoring.engine import Engine, RuleEngine, Scorer

log = structlog.get_logger("ringwatch")


@dataclass(frozen=True, slots=True)
class Connections:
    """Where the servers are, by the settings, else the local stack's."""

    kafka_bootstrap: str
    neo4j_uri: str
    neo4j_user: str
    neo4j_password: str
    sql_url: str
    redis_url: str


def connections(settings: Settings) -> Connections:
    """Resolve every server.

    Raises:
        StackError: something is left to the local stack, and there is none.
    """
    given = (
        settings.kafka_bootstrap, settings.neo4j_uri, settings.neo4j_user,
        settings.neo4j_password and settings.neo4j_password.get_secret_value(),
        settings.sql_url and settings.sql_url.get_secret_value(),
        settings.redis_url and settings.redis_url.get_secret_value(),
    )  # fmt: skip
    if all(given):
        return Connections(*(str(value) for value in given))
    local = endpoints(settings.stack_layout())
    fallback = (
        local.kafka_bootstrap, local.neo4j.uri, local.neo4j.user, local.neo4j.password,
        local.postgres_url, local.redis_url,
    )  # fmt: skip
    return Connections(*(str(value or other) for value, other in zip(given, fallback, strict=True)))


def logs(settings: Settings) -> None:
    """Log lines to standard error, for people or as JSON."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, settings.log_level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def mapping(settings: Settings) -> Mapping:
    """The bank's mapping.

    Raises:
        MappingError: file, line, field, what was expected.
    """
    return Mapping.load(settings.mapping, settings.contacts_key())


def engine(settings: Settings) -> Scorer:
    """The promoted network; the rules where there is none.

    Raises:
        ModelRefused: there is a model folder, but it is not what its manifest says.
    """
    if (settings.model / "manifest.json").exists():
        return Engine.load(settings.model, threads=settings.threads)
    log.warning("no model is promoted, the rules score", looked_in=str(settings.model))
    return RuleEngine()


def policy(settings: Settings, scorer: Scorer) -> Policy:
    """Alerts by threshold: as set, else the model's own.

    Raises:
        BadSettings: the threshold is below what the model attaches evidence from.
    """
    threshold = settings.threshold or scorer.thresholds.alert
    return Policy(threshold, min(scorer.thresholds.attach, threshold))


def auth(settings: Settings, token: str) -> AuthSettings:
    """How analysts sign in."""
    return AuthSettings(token, secure_cookie=settings.secure_cookie)


def driver(settings: Settings) -> neo4j.Driver:
    """Neo4j."""
    at = connections(settings)
    return connect(at.neo4j_uri, at.neo4j_user, at.neo4j_password)


def store(settings: Settings, bolt: neo4j.Driver) -> Neo4jStore:
    """The graph in Neo4j, as the mapping has it."""
    return Neo4jStore(bolt, mapping(settings).schema, settings.neo4j_database)


def source(settings: Settings, bank: str, group: str) -> KafkaSource:
    """The bank's topics and the analysts' decisions."""
    topics = [f"^{bank}\\..+\\..+", LABELS]
    return KafkaSource(connections(settings).kafka_bootstrap, group, topics, settings.kafka_options)


def publisher(settings: Settings) -> KafkaPublisher:
    """Ringwatch's topics."""
    return KafkaPublisher(connections(settings).kafka_bootstrap, settings.kafka_options)


def demo_folder(settings: Settings) -> Path:
    """Where the embedded demo keeps its tables and dead letters; new at each start, one for each port."""
    return settings.state_dir / "demo" / str(settings.port)
