"""Where faults are played: a stack of its own with a bank at work, a network and disks that can be broken."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import neo4j
import pymysql
from confluent_kafka import ConsumerGroupState
from confluent_kafka.admin import AdminClient

from deploy import bootstrap
from deploy.config import Settings
from deploy.connections import SERVERS as ELSEWHERE
from deploy.demo.bank import Bank
from deploy.demo.settings import DAY_MS, BankSettings
from deploy.demo.sql import Writer
from deploy.demo.sql import connect as connect_bank
from deploy.demo.tables import Tables, history
from deploy.demo.teller import transactions
from deploy.faults.disk import Disk
from deploy.faults.load import Load
from deploy.faults.proxy import Proxy
from deploy.onstack import holds
from deploy.processes import Service
from deploy.services import init_graph
from deploy.stack import control
from deploy.stack.connector import register_mariadb
from deploy.stack.endpoints import Endpoints
from deploy.stack.errors import StartFailed
from deploy.stack.process import recall
from deploy.stack.server import HOST
from deploy.stack.topics import create_topics

Echo = Callable[[str], None]

SERVERS = ("mariadb", "kafka", "connect", "neo4j")
DISKS_MB = {"kafka": 512, "neo4j": 1024}  # on a tmpfs, so memory: as much as is written, all of it while full
BANK = BankSettings(seed=7, users=300)
HISTORY_MS = 2 * DAY_MS
PORTS_APART = 500  # from the stack of the same settings, which may be up
READY_S = 180.0
PATIENCE = 2  # more calls of `stack up`, each of which waits on for what is starting, or starts what died
GROUP = "ingest"


def apart(settings: Settings) -> Settings:
    """Settings of a stack that is nobody else's: its own folder and ports, the demo bank's mapping."""
    own: dict[str, object] = dict.fromkeys(ELSEWHERE)
    own |= {"kafka_options": {}, "mapping": Settings.model_fields["mapping"].default}
    own |= {"state_dir": settings.state_dir / "faults", "stack_port_shift": settings.stack_port_shift + PORTS_APART}
    return settings.model_copy(update=own)


class Ground:
    """The servers of the path from a commit to the graph, and one `ringwatch ingest` behind a proxy to Neo4j."""

    def __init__(self, settings: Settings, per_s: float, echo: Echo) -> None:
        """`settings` name a stack that may be deleted (`apart`); `per_s` changes are committed each second."""
        self.settings, self.per_s, self.echo = settings, per_s, echo
        self.layout = settings.stack_layout()
        self.disks = {name: Disk(self.layout.home(name) / "data", mb) for name, mb in DISKS_MB.items()}
        self.mapping = bootstrap.mapping(settings)
        self.workers: list[Service] = []
        self._undo: list[Callable[[], None]] = []

    def start(self) -> Ground:
        """Servers, the bank's history, the connector, the graph of it.

        Raises:
            StackError, ServiceFailed, StoreError: what did not start, with its log's last lines.
        """
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def _start(self) -> None:
        self._undo.append(self._delete)
        self._delete()
        for disk in self.disks.values():
            disk.mount()
        self.ends = self._servers(self.echo)
        create_topics(self.ends.kafka_bootstrap)
        tables = self._bank()
        init_graph(self.settings)
        register_mariadb(self.ends)
        at = self.ends.neo4j
        self.network = Proxy(HOST, self.layout.ports.neo4j).start()
        self._undo.append(self.network.stop)
        self.graph = neo4j.GraphDatabase.driver(at.uri, auth=(at.user, at.password), notifications_min_severity="OFF")
        self._undo.append(self.graph.close)
        first = self.work("1")
        wanted = {"TRANSFER": len(tables.rows["transfers"]), "LOGIN": len(tables.rows["logins"])}
        first.wait_until(lambda: holds(self.graph, wanted), READY_S, "the history in the graph")
        self.echo("the graph holds the bank's history")

    def _bank(self) -> Tables:
        tables, rest = history(Bank(BANK), BANK.start_ms + HISTORY_MS)
        with self.bank() as connection:
            writer = Writer(connection)
            writer.create()
            writer.load(tables)
        self.load = Load(self.bank, transactions(rest), self.mapping, self.per_s)
        self._undo.append(self.load.pause)
        return tables

    def bank(self) -> pymysql.Connection:
        """A connection to the bank's database."""
        at = self.ends.mariadb
        return connect_bank(at.host, at.port, at.user, at.password, at.database)

    # -- ingest -------------------------------------------------------------------------------

    def work(self, name: str) -> Service:
        """One more ingest process, which reaches Neo4j through the proxy only."""
        log = self._services / f"ingest-{name}.log"
        log.unlink(missing_ok=True)
        arguments = ["ingest", "--worker", f"faults-{name}", "--group", GROUP]
        worker = Service(f"ingest-{name}", arguments, log, self._environment(self.ends)).start()
        self._undo.append(worker.stop)
        self.workers.append(worker)
        return worker

    def dismiss(self, worker: Service) -> None:
        """One less."""
        worker.stop()
        self.workers.remove(worker)

    def watch(self) -> None:
        """Ingest has to live through everything.

        Raises:
            ServiceFailed: it ended by itself.
        """
        for worker in self.workers:
            worker.watch()

    def shared(self) -> bool:
        """Whether each worker has its share of the partitions."""
        admin = AdminClient({"bootstrap.servers": self.ends.kafka_bootstrap, "log_level": 0})
        found = admin.describe_consumer_groups([GROUP], request_timeout=10)[GROUP].result()
        return found.state == ConsumerGroupState.STABLE and len(found.members) == len(self.workers)

    def _environment(self, ends: Endpoints) -> dict[str, str]:
        chosen = {
            "state_dir": self.settings.state_dir, "cache_dir": self.settings.cache_dir,
            "stack_port_shift": self.settings.stack_port_shift, "mapping": self.settings.mapping,
            "ingest_port": 0, "kafka_bootstrap": ends.kafka_bootstrap, "kafka_options": "{}",
            "neo4j_uri": f"bolt://{HOST}:{self.network.port}", "neo4j_user": ends.neo4j.user,
            "neo4j_password": ends.neo4j.password,
        }  # fmt: skip
        return {f"RINGWATCH_{name.upper()}": str(value) for name, value in chosen.items()}

    # -- servers ------------------------------------------------------------------------------

    def pid(self, server: str) -> int | None:
        """The server's process id while it runs."""
        found = recall(self.layout.pid_file(server))
        return found.pid if found else None

    def state(self, server: str) -> str:
        """What `ringwatch stack status` says of it: up, down or sick."""
        return next(each.state for each in control.status(self.layout) if each.name == server)

    def up(self) -> None:
        """`ringwatch stack up`: start what is not there, wait until all answer.

        Raises:
            StackError: what did not come back.
        """
        self._servers(lambda _: None)

    def _servers(self, echo: Echo) -> Endpoints:
        """On a machine that is busy with other things a server may take longer than it is given: it is waited for."""
        for _ in range(PATIENCE):
            with suppress(StartFailed):
                return control.up(self.layout, SERVERS, echo)
        return control.up(self.layout, SERVERS, echo)

    def restart(self, server: str) -> None:
        """Stop it and what needs it, start them again."""
        control.down(self.layout, [server], lambda _: None)
        self.up()

    def keep_logs(self, name: str) -> Path:
        """Put all logs where the next ground leaves them, for whoever wants to know what happened."""
        kept = self.settings.state_dir / "kept" / name
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(self.layout.data / "logs", kept / "servers")
        shutil.copytree(self.layout.home("neo4j") / "logs", kept / "neo4j")
        shutil.copytree(self._services, kept / "services")
        return kept

    @property
    def _services(self) -> Path:
        return self.settings.state_dir / "services"

    # -- the end ------------------------------------------------------------------------------

    def stop(self) -> None:
        """End all that was started; data and mounts go, what was downloaded stays."""
        for undo in reversed(self._undo):
            try:
                undo()
            except Exception as error:  # the rest has to be undone all the same
                self.echo(f"not undone: {getattr(undo, '__qualname__', undo)}: {error}")
        self._undo.clear()
        self.workers.clear()

    def _delete(self) -> None:
        if self.layout.secrets_file.exists():
            control.down(self.layout, echo=lambda _: None)
        for disk in self.disks.values():
            disk.unmount()
        if self.layout.secrets_file.exists():
            control.delete(self.layout, lambda _: None)
