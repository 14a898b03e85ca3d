"""The process of `ringwatch decide` that scores: its mirror, the model on duty, and the thread that asks it."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable

import structlog

from deploy import bootstrap
from deploy.config import Settings, settings
from deploy.deciding import settle
from deploy.reading import started
from deploy.signals import patiently
from graph.mapping_file import read_mapping
from graph.mirror import Mirror
from graph.model import Event
from scoring.deciding.backroom import Backroom
from scoring.deciding.decider import GraphState
from scoring.deciding.decision import Policy
from scoring.deciding.judge import EventJudge, Judge, Models, warm
from scoring.deciding.scoreable import Scoreable
from scoring.deciding.scoring_thread import ScoringThread
from scoring.engine import Scorer
from scoring.feed import MirrorFeed
from scoring.online.duty import DutyWatch
from scoring.online.guard import guarded
from scoring.scorer import EventScorer

log = structlog.get_logger("ringwatch")

SWITCH_S = 0.0005  # how long Python code of one thread may keep another waiting; the default is 5 ms


def follow_bank(taken: socket.socket, decline_from: float | None) -> None:
    """Keep a mirror of the graph, and score what is asked over `taken` until it is closed."""
    chosen = settings()
    bootstrap.logs(chosen)
    graph = _Followed(chosen)
    room = Backroom(taken, graph.state)

    def fill() -> None:
        try:
            graph.begin(lambda judge: begin_scoring(room, judge, decline_from))
        except BaseException as error:
            graph.failed = error
        while graph.failed is None:
            threading.Event().wait(1.0)
            graph.failed = graph.feed.failed if graph.feed else None
        room.fail(repr(graph.failed)[:300])

    serve_room(room, fill)


def serve_room(room: Backroom, fill: Callable[[], None]) -> None:
    """Answer asks in this process, `fill` the graph beside; ends the process with its connection."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that answers, which ends us in order
    sys.setswitchinterval(SWITCH_S)
    threading.Thread(target=fill, name="graph", daemon=True).start()
    room.serve()
    os._exit(0)  # librdkafka's threads and the driver's need no farewell: nothing is written here


def begin_scoring(room: Backroom, judge: Judge, decline_from: float | None) -> None:
    """Warm everything up, then let asks be scored."""
    warm(judge, sample(settings()))
    settle()
    thread = ScoringThread(judge, Policy(decline_from=decline_from).wants_reasons, batched=room.batched)
    thread.start()
    room.thread = thread


def sample(chosen: Settings) -> Event:
    """An event to warm up with: the first that the mapping knows, between nodes that nobody has."""
    shape = Scoreable(read_mapping(chosen.mapping), None).shapes[0]
    ends = f"{shape.source.label}:0", f"{shape.target.label}:0"
    return Event("warm:0:up", "new", "", 1, shape.relation, *ends, 1, {})


def judge_of(chosen: Settings, mirror: Mirror, on_duty: Callable[[], Scorer]) -> EventJudge:
    """Asks the model on duty about this mirror."""
    tables = bootstrap.schema(chosen).tables

    def scorer(engine: Scorer) -> EventScorer:
        return EventScorer(engine, mirror, tables, chosen.threshold)

    return EventJudge(mirror, Models(on_duty, lambda: guarded(bootstrap.engine(chosen)), scorer))


class _Followed:
    """The bank's graph, as `graph.changes` brings it."""

    def __init__(self, chosen: Settings) -> None:
        self._chosen = chosen
        self._mirror = Mirror(bootstrap.schema(chosen).windowed)
        self.feed: MirrorFeed | None = None
        self.failed: BaseException | None = None

    def state(self) -> GraphState:
        """How it stands."""
        feed = self.feed
        if feed is None or not feed.ready.is_set():
            return GraphState("the graph is being read")
        return GraphState(None, feed.through, feed.silent_s, self._mirror.horizon("retention"))

    def begin(self, ready: Callable[[Judge], None]) -> None:
        """Read the graph, load the model, and hand what asks it to `ready`."""
        chosen = self._chosen
        with bootstrap.driver(chosen) as bolt:
            store = bootstrap.store(chosen, bolt)
            patiently(store.check)
            at = bootstrap.connections(chosen)
            self.feed = MirrorFeed(at.kafka_bootstrap, store, self._mirror, chosen.kafka_options)
            started(self.feed)
        duty = bootstrap.duty(chosen)
        duty.read_from(self._mirror)
        ready(judge_of(chosen, self._mirror, lambda: duty.take()[0]))
        DutyWatch(duty).start()
        log.info("deciding", model=duty.take()[0].model, mirror=self._mirror.owners)
