"""The faults: what breaks, for how long, and how it is mended."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from random import Random

from neo4j.exceptions import DriverError, Neo4jError

from deploy.faults.ground import SERVERS, Ground
from deploy.faults.proxy import Mode
from deploy.processes import ServiceFailed
from deploy.stack.errors import StackError

KILLED_S, PAUSED_S, NETWORK_S, FULL_S = 2.0, 30.0, 20.0, 8.0
OPEN_S = 0.3  # a transaction of ingest's takes some 15 ms; one this old belongs to a process that stands still
TRIES = 300
CHANGED = "UPDATE transfers SET amount = amount + 0.01 ORDER BY id DESC LIMIT 50"
HEARD_S = (0.01, 0.1)
OPEN_TRANSACTIONS = (
    "SHOW TRANSACTIONS YIELD transactionId, elapsedTime, currentQuery WHERE elapsedTime.milliseconds >= $ms "
    "AND NOT coalesce(currentQuery, '') STARTS WITH 'SHOW TRANSACTIONS' RETURN transactionId"
)

Do = Callable[[Ground, Random], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to break it.

    Attributes:
        name: in the table and in the ledger.
        what: one line for people.
        hold_s: seconds from the fault to its mending.
        inject: breaks it; with random draws where there is a choice.
        heal: what an operator would do, or what passes by itself.
        server: whose state `ringwatch stack status` has to tell meanwhile; "" for none.
        workers: how many ingest processes there are.
    """

    name: str
    what: str
    hold_s: float
    inject: Do
    heal: Do
    server: str = ""
    workers: int = 1


def _kill_server(server: str, ground: Ground, draw: Random) -> None:
    os.kill(_pid(ground, server), signal.SIGKILL)


def _up(ground: Ground, draw: Random) -> None:
    ground.up()


def _kill_ingest(ground: Ground, draw: Random) -> None:
    ground.workers[0].kill()


def _start_ingest(ground: Ground, draw: Random) -> None:
    ground.workers[0].start()


def _signal_server(server: str, how: signal.Signals, ground: Ground, draw: Random) -> None:
    os.kill(_pid(ground, server), how)


def _signal_ingest(how: signal.Signals, ground: Ground, draw: Random) -> None:
    os.kill(ground.workers[0].pid, how)


def _pause_in_transaction(ground: Ground, draw: Random) -> None:
    """Stop the first of two workers while its transaction in Neo4j is open, so that it holds its locks.

    New rows are one statement, which Neo4j ends by itself. Of rows that changed the worker has to read first, so some
    are changed, and it is stopped about when it hears of them.
    """
    with ground.bank() as connection:
        for _ in range(TRIES):
            with connection.cursor() as cursor:
                cursor.execute(CHANGED)
            connection.commit()
            time.sleep(draw.uniform(*HEARD_S))
            _signal_ingest(signal.SIGSTOP, ground, draw)
            time.sleep(OPEN_S)
            if ground.graph.execute_query(OPEN_TRANSACTIONS, ms=OPEN_S * 900).records:
                return
            _signal_ingest(signal.SIGCONT, ground, draw)
            time.sleep(draw.uniform(0.05, 0.3))
    raise ServiceFailed(f"{ground.workers[0].name} was never met with an open transaction in {TRIES} tries")


def _fill(server: str, ground: Ground, draw: Random) -> None:
    ground.disks[server].fill(_pid(ground, server))
    if server == "neo4j":  # else it writes to its log's reserve, and its memory, until the next checkpoint (15 min)
        with suppress(DriverError, Neo4jError):
            ground.graph.execute_query("CALL db.checkpoint()")


def _free(server: str, ground: Ground, draw: Random) -> None:
    """Room again; a server that gave up is stopped if it has not ended by itself, and all are started."""
    ground.disks[server].free(ground.pid(server))
    if ground.pid(server) is None or (ground.state(server) == "up" and _writes(server, ground)):
        ground.up()
    else:
        ground.restart(server)


def _writes(server: str, ground: Ground) -> bool:
    """Whether a server that answers takes writes too: Neo4j goes on answering when its log could not be written."""
    if server != "neo4j":
        return True
    try:
        ground.graph.execute_query("CREATE (n:_Probe) DELETE n")
    except (DriverError, Neo4jError):
        return False
    return True


def _network(mode: Mode, ground: Ground, draw: Random) -> None:
    ground.network.set(mode)


def _pid(ground: Ground, server: str) -> int:
    pid = ground.pid(server)
    if pid is None:
        raise StackError(f"{server} is down before its fault; look at: ringwatch stack logs {server}")
    return pid


def _killed(server: str) -> Fault:
    return Fault(f"{server}-killed", f"kill -9 of {server}", KILLED_S, partial(_kill_server, server), _up, server)


def _full(server: str) -> Fault:
    what = f"no room on {server}'s disk"
    return Fault(f"{server}-disk-full", what, FULL_S, partial(_fill, server), partial(_free, server), server)


def _between(mode: Mode, what: str) -> Fault:
    name = f"network-{mode}"
    return Fault(name, what, NETWORK_S, partial(_network, mode), partial(_network, "open"))


FAULTS: tuple[Fault, ...] = (
    Fault("ingest-killed", "kill -9 of ingest", KILLED_S, _kill_ingest, _start_ingest),
    *(_killed(server) for server in SERVERS),
    _full("kafka"),
    _full("neo4j"),
    Fault("ingest-paused", "SIGSTOP of ingest", PAUSED_S, partial(_signal_ingest, signal.SIGSTOP),
          partial(_signal_ingest, signal.SIGCONT)),
    Fault("neo4j-paused", "SIGSTOP of neo4j", PAUSED_S, partial(_signal_server, "neo4j", signal.SIGSTOP),
          partial(_signal_server, "neo4j", signal.SIGCONT), "neo4j"),
    Fault("one-of-two-paused", "SIGSTOP of one of two ingests, in a transaction", PAUSED_S, _pause_in_transaction,
          partial(_signal_ingest, signal.SIGCONT), workers=2),
    _between("cut", "connections to neo4j end, new ones are refused"),
    _between("silent", "nothing passes to neo4j and nobody is told"),
    _between("slow", "200 ms and 82 kB/s to neo4j"),
)  # fmt: skip


def chosen(names: str) -> tuple[Fault, ...]:
    """The faults of these names, comma-separated, in the order of FAULTS; all of them where none is named.

    Raises:
        ValueError: there is none of that name; the message lists them.
    """
    wanted = {name.strip() for name in names.split(",")} - {""}
    known = {fault.name for fault in FAULTS}
    if unknown := sorted(wanted - known):
        raise ValueError(f"there is no fault called {unknown[0]!r}; the faults are {', '.join(sorted(known))}")
    return tuple(fault for fault in FAULTS if not wanted or fault.name in wanted)
