"""Picks the adapters: the one place that knows which way Ringwatch runs."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import neo4j
import structlog

from deploy.config import KEY_LENGTH, PREFIX, ConfigError, Settings
from deploy.connections import connections as connections
from deploy.logs import logs as logs
from graph.mapping import Mapping
from graph.mapping_file import read_mapping
from graph.neo4j_driver import connect
from graph.neo4j_store import Neo4jStore
from graph.schema import GraphSchema
from ingest.kafka import KafkaPublisher, KafkaSource
from ingest.records import LABELS

if TYPE_CHECKING:  # they bring torch and more, 300 MB that an ingest process has no use for
    from alerts.auth import AuthSettings
    from alerts.policy import Policy
    from scoring.engine import Scorer
    from scoring.model_store import Registry
    from scoring.online.duty import Duty
    from scoring.rules import RuleSet

log = structlog.get_logger("ringwatch")


def mapping(settings: Settings) -> Mapping:
    """The bank's mapping.

    Raises:
        MappingError: file, line, field, what was expected.
    """
    return Mapping.load(settings.mapping, settings.contacts_key())


def schema(settings: Settings) -> GraphSchema:
    """What a store has to know of the mapping. It hashes no contact, so it needs no key of theirs.

    Raises:
        MappingError: file, line, field, what was expected.
    """
    return Mapping(read_mapping(settings.mapping), bytes(KEY_LENGTH)).schema


def engine(settings: Settings) -> Scorer:
    """What scores: the folder of RINGWATCH_MODEL where that is set, else the promoted model, else the demo bank's.

    The rules score where there is none, or where the demo bank's was made for another mapping.

    Raises:
        ModelRefused: there is a model folder, but it is not what its manifest says, or not what was promoted; or
            the promoted one is of another mapping.
        RegistryError: what is promoted can't be read.
        ConfigError: the model that is set was made for another mapping, or the mapping can't be read.
        RulesError, MappingError: as of `rules`.
    """
    from scoring.engine import Engine, RuleEngine

    promoted = None if settings.pinned else registry(settings).current()
    said_by = rules(settings)
    if promoted is not None:
        return Engine.of(promoted, settings.threads, settings.engine, said_by)
    if not (settings.model / "manifest.json").exists():
        log.warning("no model is promoted, the rules score", looked_in=[str(settings.registry), str(settings.model)])
        return RuleEngine(rule_set=said_by)
    network = Engine.load(settings.model, settings.threads, settings.engine, said_by)
    if network.manifest.mapping == _digest(settings.mapping):
        return network
    if settings.pinned:
        raise ConfigError(
            f"{PREFIX}MODEL={settings.model}: {network.model} was trained on another mapping than {settings.mapping}; "
            f"set {PREFIX}MAPPING to the one it was trained on, train anew, or leave {PREFIX}MODEL out for the rules"
        )
    log.warning(
        "the demo bank's model was trained on another mapping, the rules score; train a model on this one and "
        "promote it: ringwatch model promote NAME",
        mapping=str(settings.mapping),
    )
    return RuleEngine(rule_set=said_by)


def rules(settings: Settings) -> RuleSet:
    """The rules that say why, and score where no model does: those of RINGWATCH_RULES, else the shipped ones.

    Shipped rules that name what the mapping has not are silent, and it is said.

    Raises:
        RulesError: the file that is set can't be used with this mapping; file, line, field, what was expected.
        MappingError: the mapping can't be read.
    """
    from scoring.rules import read

    relations = schema(settings).relations
    if settings.own_rules:
        return read(settings.rules, relations).rules
    file = read(settings.rules)
    if lacking := sorted({file.names.relation(word) for word in file.lacking(relations)}):
        log.warning(
            "shipped rules that name relations this mapping has not are silent; copy them, say what yours are called, "
            f"and set {PREFIX}RULES",
            relations=lacking,
        )
    return file.rules


def duty(settings: Settings) -> Duty:
    """Who scores, and who is compared: what is promoted later takes over by itself. Tell it what to read (`read_from`).

    Raises:
        ModelRefused, RegistryError, ConfigError: as `engine`, for whoever is to score now.
    """
    from scoring.engine import Engine
    from scoring.online.duty import Duty, Watched
    from scoring.online.guard import guarded
    from scoring.promotions import Role

    models = registry(settings)
    watches: dict[Role, Watched] = {"shadow": models.watch("shadow")}
    if not settings.pinned:
        watches["main"] = models.watch("main")

    def load(role: Role) -> Scorer | None:
        if role == "main":
            found: Scorer = engine(settings)
        elif (beside := models.current(role)) is None:
            return None
        else:
            found = Engine.of(beside, settings.threads, settings.engine, rules(settings))
        return guarded(found)

    return Duty(load, watches)


def registry(settings: Settings) -> Registry:
    """The models, and which of them is promoted.

    Raises:
        ConfigError: the mapping, which models have to fit, can't be read.
    """
    from scoring.inference.choose import exported
    from scoring.model_store import Registry

    return Registry(settings.registry, _digest(settings.mapping), lambda network: exported(network, log.info))


def model_folder(settings: Settings) -> Path:
    """The folder of the model that `engine` would load.

    Raises:
        RegistryError: what is promoted can't be read.
    """
    models = registry(settings)
    now = None if settings.pinned else models.promoted()
    return settings.model if now is None or now.model is None else models.path(now.model)


def _digest(path: Path) -> str:
    """As a model's manifest names the mapping it was trained on."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ConfigError(f"{PREFIX}MAPPING={path}: can't be read ({error.strerror}); name a mapping file") from error


def policy(settings: Settings) -> Policy:
    """Alerts by threshold: as set, else what each score's own model asks for."""
    from alerts.policy import Policy

    return Policy(settings.threshold)


def auth(settings: Settings, token: str) -> AuthSettings:
    """How analysts sign in."""
    from alerts.auth import AuthSettings

    return AuthSettings(token, secure_cookie=settings.secure_cookie)


def driver(settings: Settings) -> neo4j.Driver:
    """Neo4j."""
    at = connections(settings)
    return connect(at.neo4j_uri, at.neo4j_user, at.neo4j_password)


def store(settings: Settings, bolt: neo4j.Driver) -> Neo4jStore:
    """The graph in Neo4j, as the mapping has it."""
    return Neo4jStore(bolt, schema(settings), settings.neo4j_database)


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
