"""`ringwatch graph verify` and `graph reread`: the servers put together, one run, its outcome."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace

from psycopg.conninfo import make_conninfo

from deploy.bankside import mariadb, postgres
from deploy.config import Settings
from deploy.connections import connections, given
from deploy.figures import Report, figure, report
from deploy.stack.control import endpoints
from deploy.stack.tls import tls
from deploy.verify.connector import CannotVerify, Connect, Connector
from deploy.verify.mariadb import MariaDbSource
from deploy.verify.marks import unmarking
from deploy.verify.postgres import PostgresSource
from deploy.verify.progress import Progress, Topics
from deploy.verify.spool import Spool
from graph.mapping import Mapping
from graph.mapping_file import MappingFile
from graph.neo4j_current import Neo4jCurrent
from graph.neo4j_driver import connect
from graph.neo4j_store import Neo4jStore
from graph.reconcile import Options, Reconciler, Tally
from graph.repair import Repairer
from graph.sink import GraphSink
from ingest.kafka import KafkaPublisher

WORKER = "verify"  # its name among those that write; it sends no watermarks
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for. `tables` empty: all that the mapping names. `patience_s`: one wait for ingest at most."""

    tables: tuple[str, ...] = ()
    repair: bool = False
    group: str = "ingest"
    patience_s: float = 120.0
    chunk: int = 2_000


def _peak_rss_mb() -> float:
    """This process's largest resident memory. Not getrusage's: that one counts whoever started us as well."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))


@dataclass(slots=True)
class Outcome:
    """What came of a run."""

    tallies: list[Tally]
    differences: Spool
    seconds: float = 0.0
    peak_rss_mb: float = field(default_factory=_peak_rss_mb)

    def total(self, name: str) -> int:
        """The sum of a tally's field over the tables."""
        return sum(getattr(tally, name) for tally in self.tallies)

    def report(self, command: str) -> Report:
        """As figures; the bars are that nothing is left, and that every key was compared."""
        rows, seconds = self.total("rows"), max(self.seconds, 1e-9)
        counts = [figure(n, self.total(n), "facts") for n in ("missing", "extra", "differing", "refused")]
        return report(command, [
            figure("left", self.total("left"), "facts", 0),
            *counts,
            figure("mended", self.total("mended"), "facts", better="higher"),
            figure("unsettled", self.total("unsettled"), "keys", 0),
            figure("rows", rows, "rows", better="higher"),
            figure("seconds", seconds, "s"),
            figure("rows_per_s", rows / seconds, "rows/s", better="higher"),
            figure("peak_rss_mb", self.peak_rss_mb, "MB"),
        ])  # fmt: skip


def verify(settings: Settings, request: Request, tell: Tell, on_progress: Callable[[Tally], None]) -> Outcome:
    """Compare, and mend where that is asked for.

    Raises:
        CannotVerify, Transient, StoreError, StackError, ConfigError, MappingError: what stands in the way.
    """
    with opened(settings, request, tell) as (reconciler, mapping):
        tables = request.tables or tuple(mapping.file.tables)
        if unknown := sorted(set(tables) - mapping.file.tables.keys()):
            raise CannotVerify(f"not in the mapping: {', '.join(unknown)}; it has {', '.join(mapping.file.tables)}")
        reconciler.on_progress = on_progress
        return run(reconciler, lambda: reconciler.verify(tables))


def run(reconciler: Reconciler, action: Callable[[], object]) -> Outcome:
    """Carry out one run of a reconciler, keeping what it finds."""
    found, started = Spool(), time.monotonic()
    reconciler.on_difference = found.add
    action()
    return Outcome(list(reconciler.tallies.values()), found, time.monotonic() - started)


@contextmanager
def opened(settings: Settings, request: Request, tell: Tell) -> Iterator[tuple[Reconciler, Mapping]]:
    """Everything a run needs, connected; closed behind it."""
    mapping, at = Mapping.load(settings.mapping, settings.contacts_key()), connections(settings)
    with ExitStack() as stack:
        rest = Connect(connect_url(settings), mapping.file.source)
        connector = rest.connector()
        source = stack.enter_context(closing(source_of(settings, connector, mapping.file)))
        bolt = stack.enter_context(connect(at.neo4j_uri, at.neo4j_user, at.neo4j_password))
        store = Neo4jStore(bolt, mapping.schema, settings.neo4j_database)
        store.check()
        topics = stack.enter_context(closing(Topics(
            at.kafka_bootstrap, connector.name, mapping.file.tables, request.group, settings.kafka_options
        )))  # fmt: skip
        progress = Progress(rest, source, topics, request.patience_s, tell)
        options = Options(chunk=request.chunk)
        reader = Neo4jCurrent(bolt, mapping.schema, settings.neo4j_database)
        reconciler = Reconciler(mapping, source, reader, progress, options)
        if request.repair:
            publisher = KafkaPublisher(at.kafka_bootstrap, settings.kafka_options)
            unmark = unmarking(store, at.kafka_bootstrap, settings.kafka_options, mapping)
            reconciler.mender = Repairer(mapping, source, GraphSink(mapping, store, WORKER), publisher, unmark)
        yield reconciler, mapping


def connect_url(settings: Settings) -> str:
    """Kafka Connect: by the settings, else the local stack's."""
    return (given(settings, "connect_url") or endpoints(settings.stack_layout()).connect_url).rstrip("/")


def source_of(settings: Settings, connector: Connector, mapping: MappingFile) -> MariaDbSource | PostgresSource:
    """The database the connector reads, with credentials of our own.

    Raises:
        ConfigError: they are not set.
    """
    if connector.kind == "postgres":
        return PostgresSource(_conninfo(settings, connector), connector, mapping)
    at, databases = mariadb(settings), _listed(connector, "database.include.list")
    if len(databases) > 1:
        raise CannotVerify(f"connector {connector.name!r} reads {len(databases)} databases; one is expected")
    at = replace(at, database=databases[0] if databases else at.database)
    return MariaDbSource(at, connector, mapping, tls(at.host, settings.mariadb_ssl))


def _conninfo(settings: Settings, connector: Connector) -> str:
    at = postgres(settings)
    database = connector.settings.get("database.dbname", at.database)
    ssl = {"sslmode": settings.postgres_ssl} if settings.postgres_ssl else {}
    return make_conninfo(
        host=at.host, port=at.port, user=at.user, password=at.password, dbname=database, **ssl
    )  # fmt: skip


def _listed(connector: Connector, name: str) -> Sequence[str]:
    return [each.strip() for each in connector.settings.get(name, "").split(",") if each.strip()]
