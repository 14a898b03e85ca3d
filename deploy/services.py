"""The alert service, and the graph's constraints. Ingest and scorer have files of their own."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import suppress

import structlog

from alerts.api import create_app
from alerts.consumer import ConsumerSettings, DeadScore, ExplanationConsumer, ScoreConsumer
from alerts.outbox import Publish
from alerts.services import AlertsSettings, open_services
from deploy import bootstrap
from deploy.config import ConfigError, Settings, settings
from deploy.ports import listen
from deploy.web import Web
from ingest.deadletter import DeadLetter
from ingest.kafka import KafkaPublisher
from ingest.records import EXPLANATIONS, Message, Record
from ingest.tuning import tune

log = structlog.get_logger("ringwatch")

LOOK_S = 1.0  # how often the alert service looks whether its consumer lives


def init_graph(chosen: Settings) -> str:
    """Make the graph's constraints and indexes; returns what to tell."""
    with bootstrap.driver(chosen) as bolt:
        store = bootstrap.store(chosen, bolt)
        store.init()
        store.check()
    return f"The graph has the constraints and indexes of {chosen.mapping.name}"


def run_alerts() -> None:
    """The alert service: intake, page and API.

    Raises:
        ConfigError: there is no analyst token. A made-up one would have to be told, and logs are kept.
        SystemExit: its consumer died; the status (70) has a supervisor start it again.
    """
    chosen = settings()
    bootstrap.logs(chosen)
    if not chosen.analyst_token:
        raise ConfigError("RINGWATCH_ANALYST_TOKEN is not set; make one with: openssl rand -hex 24")
    if not asyncio.run(_alerts(chosen)):
        raise SystemExit(os.EX_SOFTWARE)


async def _alerts(chosen: Settings) -> bool:
    """Until told to stop (True), or until the consumer has died (False)."""
    at = bootstrap.connections(chosen)
    taken = listen(chosen.host, chosen.port)
    publisher = bootstrap.publisher(chosen)
    services = await open_services(
        AlertsSettings(
            url=at.sql_url,
            redis_url=at.redis_url,
            policy=bootstrap.policy(chosen),
            auth=bootstrap.auth(chosen, chosen.token()),
            tenant=chosen.tenant,
            publish=_to_kafka(publisher),
            status=lambda: {"mode": "stack"},
            ready=lambda: all(consumer.alive for consumer in consumers),
        )
    )
    loop, extra = asyncio.get_running_loop(), chosen.kafka_options
    explained = ConsumerSettings(at.kafka_bootstrap, EXPLANATIONS, "alerts-explanations", extra=extra)

    def dead(letter: DeadScore) -> None:
        publisher.publish([_letter(letter)])

    consumers = [
        ScoreConsumer(ConsumerSettings(at.kafka_bootstrap, extra=extra), services.intake, loop, dead),
        ExplanationConsumer(explained, services.explanations, loop, dead),
    ]
    for consumer in consumers:
        consumer.start()
    web = Web(create_app(services), taken)
    serving = web.start()
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    log.info("the page is up", url=web.url)
    tune()
    told = await _told_to_stop(stop, consumers)
    for consumer in consumers:
        await consumer.stop()
    services.tail.close()  # open streams would hold the server up
    web.stop()
    await serving
    await services.close()
    return told


async def _told_to_stop(stop: asyncio.Event, consumers: Sequence[ScoreConsumer]) -> bool:
    """Wait for the word to stop; False when a consumer died before: a page without intake would miss fraud."""
    while all(consumer.alive for consumer in consumers) and not stop.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), LOOK_S)
    if not stop.is_set():
        for dead in (consumer for consumer in consumers if not consumer.alive):
            said = f"{dead.what}s are no longer read, the service ends"
            log.error(said, reason=repr(dead.failure), status=os.EX_SOFTWARE)
    return stop.is_set()


def _to_kafka(publisher: KafkaPublisher) -> Publish:
    async def publish(topic: str, key: str, value: bytes) -> None:
        await asyncio.to_thread(publisher.publish, [Message(topic, key.encode(), value)])

    return publish


def _letter(dead: DeadScore) -> Message:
    record = Record(dead.topic, dead.partition, dead.offset, dead.key, dead.value, dead.headers)
    return DeadLetter.of(record, "", dead.reason).message()
