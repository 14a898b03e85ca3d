"""What a scorer reads the graph through: a mirror of its own (the default), or Neo4j itself.

A mirror is quick and holds the whole window in memory. Neo4j needs none of that, and takes some 20 ms an event.
"""

from __future__ import annotations

from deploy.config import PREFIX, ConfigError, Settings
from deploy.signals import patiently
from graph.adjacency import compile_walk
from graph.mirror import Mirror
from graph.neo4j_store import Neo4jStore
from ingest.events import Transient
from scoring.engine import Scorer
from scoring.feed import MirrorFeed
from scoring.follower import Follower
from scoring.watermark_feed import WatermarkFeed

Graph = Mirror | Neo4jStore


def read_through(chosen: Settings, bootstrap: str, store: Neo4jStore, engine: Scorer) -> tuple[Graph, Follower]:
    """What events are scored through as RINGWATCH_READER has it, and the feed that tells how far it is; to be started.

    Raises:
        ConfigError: the model asks for what only a mirror finds.
        Transient: Neo4j gave no answer for minutes.
    """
    if chosen.reader == "mirror":
        mirror = Mirror(store.schema.windowed)
        return mirror, MirrorFeed(bootstrap, store, mirror, chosen.kafka_options)
    if engine.look.by_category:
        raise ConfigError(
            f"{PREFIX}READER=neo4j: {engine.model} knows events by what became of others with the same values of "
            f"categories, which no index of Neo4j finds; set {PREFIX}READER=mirror, or promote a model without them"
        )
    compile_walk()
    patiently(lambda: store.prepare(engine.look))
    return store, WatermarkFeed(bootstrap, chosen.kafka_options)


def started(feed: Follower) -> None:
    """Returns once it is as far as it has to be.

    Raises:
        Transient: it ended before.
    """
    feed.start()
    while not feed.ready.wait(1.0):
        if feed.failed is not None:
            raise Transient(f"the graph could not be followed: {feed.failed}")
