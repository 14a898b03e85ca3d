"""The demo on real servers, small: started once for a file of tests, stopped behind it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import neo4j
import pytest

from deploy import bootstrap
from deploy.config import Settings
from deploy.observer import Observer
from deploy.onstack import OnStack, StackOptions

sys.path.insert(0, str(Path(__file__).parent))  # the banks beside this file


@pytest.fixture(scope="module")
def on_stack(stack_settings: Settings) -> Iterator[OnStack]:
    """Servers, the demo bank with two days of history, connector, ingest, scorer, alerts."""
    running = OnStack(stack_settings, StackOptions(users=400, history_days=2), print)
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def observer(on_stack: OnStack) -> Iterator[Observer]:
    """Watches every event committed from now on."""
    at = bootstrap.connections(on_stack.settings)
    watching = Observer(at.kafka_bootstrap, bootstrap.mapping(on_stack.settings), on_stack.url, on_stack.token)
    watching.start()
    yield watching
    watching.stop()


@pytest.fixture(scope="module")
def graph(on_stack: OnStack) -> Iterator[neo4j.Driver]:
    """The demo's Neo4j."""
    with bootstrap.driver(on_stack.settings) as driver:
        yield driver
