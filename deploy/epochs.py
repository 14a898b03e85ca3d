"""Under which epoch a connector begins that Kafka Connect does not know: the graph and the bank's topics remember."""

from __future__ import annotations

from dataclasses import dataclass

from deploy.bootstrap import driver
from deploy.config import PREFIX, ConfigError, Settings
from deploy.connections import connections
from deploy.stack.connector_settings import Kind
from deploy.stack.errors import ConnectorFailed
from deploy.stack.tails import tail
from graph.neo4j_newest import newest
from graph.store import StoreError


@dataclass(frozen=True, slots=True)
class Traces:
    """The highest epoch that a source was read under, as the graph and as its topics tell it.

    0: it was never read; None: that one can't tell, and `silent` says why. `asked` is whether there is a graph to ask.
    """

    graph: int | None
    topics: int | None
    silent: str = ""
    asked: bool = True


def traces(settings: Settings, name: str) -> Traces:
    """Look at the last records of the topics `NAME.*`, and at the graph where it is known where it is.

    Raises:
        StackError: Kafka does not answer.
        ConfigError: Neo4j's address is set, but not its password.
    """
    at = connections(settings)
    found = tail(at.kafka_bootstrap, name, settings.kafka_options)
    topics = found.epoch if found.epoch is not None or found.used else 0
    try:
        uri = at.neo4j_uri
    except ConfigError:
        return Traces(None, topics, f"the graph was not looked at, {PREFIX}NEO4J_URI is not set", asked=False)
    try:
        with driver(settings) as bolt:
            reached = newest(bolt, name, settings.neo4j_database)
    except StoreError as error:
        return Traces(None, topics, f"the graph at {uri} could not be looked at ({' '.join(str(error).split())})")
    return Traces(reached.epoch if reached else 0, topics)


def first_epoch(name: str, kind: Kind, wanted: int | None, left: Traces) -> int:
    """The epoch to begin with: as wanted, else 1, if nothing can be there that would count as newer.

    Raises:
        ConnectorFailed: there is, or nobody can tell; with the command to run.
    """
    named = f"--from {kind}" if name == "bank" else f"--from {kind} --name {name}"
    if reached := max(left.graph or 0, left.topics or 0):
        if wanted is not None and wanted > reached:
            return wanted
        where = "the graph holds" if left.graph == reached else f"the topics {name}.* hold"
        raise ConnectorFailed(
            name,
            f"Kafka Connect does not know it, but {where} what was read under epoch {reached}. Read again under epoch "
            f"{wanted or 1}, the bank would count as older and have no effect; run: "
            f"ringwatch connect resnapshot {named} --epoch {reached + 1}",
        )
    if wanted is None and left.graph is None and (left.asked or left.topics is None):
        raise ConnectorFailed(
            name,
            f"Kafka Connect does not know it, and whether it was read before can't be told: {left.silent}. Mend that "
            f"and try again; or say --epoch: 1 if it was never read, else one more than the last, and run: "
            f"ringwatch connect resnapshot {named} --epoch N",
        )
    return wanted or 1
