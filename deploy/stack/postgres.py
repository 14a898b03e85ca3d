"""Alerts, cases and the audit trail: PostgreSQL. Beside them a database for a bank that Debezium follows."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql

from deploy.stack.install import program
from deploy.stack.layout import Layout
from deploy.stack.process import Command, run_to_end
from deploy.stack.render import own_folder, put, render, service_user
from deploy.stack.secrets import Secrets
from deploy.stack.server import HOST, Server

Session = psycopg.Connection[tuple[object, ...]]

ADMIN = "postgres"
USER = "ringwatch"
DATABASE = "ringwatch"
BANK_USER = "bank"
BANK_DATABASE = "bank"
DEBEZIUM_USER = "dbz"

# Debezium replicates and reads, and owns nothing. The bank's user owns its tables; REPLICATION lets it drop the
# connector's slot, which `ringwatch connect resnapshot` has to.
BANK_GRANTS = """\
GRANT pg_monitor TO {bank}
GRANT USAGE ON SCHEMA public TO {dbz}
GRANT SELECT ON ALL TABLES IN SCHEMA public TO {dbz}
ALTER DEFAULT PRIVILEGES FOR ROLE {bank} GRANT SELECT ON TABLES TO {dbz}
ALTER DEFAULT PRIVILEGES FOR ROLE {bank} GRANT USAGE ON SCHEMAS TO {dbz}
"""


def server(layout: Layout, secrets: Secrets) -> Server:
    """Return the PostgreSQL server."""
    home, port = layout.home("postgres"), layout.ports.postgres
    return Server(
        name="postgres", title="PostgreSQL", ports=(port,), home=home, user=service_user("postgres"),
        log=layout.log("postgres"), pid_file=layout.pid_file("postgres"),
        stop_signal=signal.SIGINT,     # fast shutdown; SIGTERM would wait for every client to leave
        prepare=lambda: _prepare(home, port, secrets), settle=lambda: _settle(port, secrets),
        health=lambda: _health(port, secrets),
    )


def configuration(port: int) -> str:
    """Return the server's configuration file."""
    return render("postgres.conf", port=port)


def _prepare(home: Path, port: int, secrets: Secrets) -> Command:
    user = service_user("postgres")
    own_folder(home, user)
    if not (home / "data" / "PG_VERSION").exists():
        _initdb(home, user, secrets)
    put(home / "postgres.conf", configuration(port), user)
    argv = (program("postgres"), "-D", str(home / "data"), "-c", f"config_file={home}/postgres.conf")
    return Command(argv, folder=home, user=user)


def _initdb(home: Path, user: str | None, secrets: Secrets) -> None:
    """Make an empty cluster in which every login takes a password."""
    password = home / "password"
    put(password, secrets.postgres_admin, user)
    try:
        run_to_end(Command((
            program("initdb"), "-D", str(home / "data"), "-U", ADMIN, f"--pwfile={password}", "--no-instructions",
            "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8",
        ), folder=home, user=user))
    finally:
        password.unlink()


def _settle(port: int, secrets: Secrets) -> None:
    """Make Ringwatch's and the bank's users and databases where they are missing."""
    with _connect(port, ADMIN, secrets.postgres_admin, "postgres") as connection:
        connection.autocommit = True   # CREATE DATABASE refuses a transaction
        _role(connection, USER, secrets.postgres_ringwatch, "")
        _role(connection, BANK_USER, secrets.postgres_bank, "REPLICATION")
        _role(connection, DEBEZIUM_USER, secrets.postgres_dbz, "REPLICATION")
        _database(connection, DATABASE, USER)
    further_database(port, secrets, BANK_DATABASE)


def further_database(port: int, secrets: Secrets, name: str) -> None:
    """Make another bank's database, empty if it is new, for the same two users."""
    with _connect(port, ADMIN, secrets.postgres_admin, "postgres") as connection:
        connection.autocommit = True
        _database(connection, name, BANK_USER)
    with _connect(port, ADMIN, secrets.postgres_admin, name) as connection:
        roles = {"bank": sql.Identifier(BANK_USER), "dbz": sql.Identifier(DEBEZIUM_USER)}
        for statement in BANK_GRANTS.splitlines():
            connection.execute(sql.SQL(statement).format(**roles))


def _role(connection: Session, name: str, password: str, attributes: LiteralString) -> None:
    if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).fetchone():
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} " + attributes).format(
            sql.Identifier(name), sql.Literal(password)))


def _database(connection: Session, name: str, owner: str) -> None:
    if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(owner)))


def _health(port: int, secrets: Secrets) -> None:
    for user, password, database in (
        (USER, secrets.postgres_ringwatch, DATABASE),
        (BANK_USER, secrets.postgres_bank, BANK_DATABASE),
        (DEBEZIUM_USER, secrets.postgres_dbz, BANK_DATABASE),
    ):
        with _connect(port, user, password, database) as connection:
            connection.execute("SELECT 1")


def _connect(port: int, user: str, password: str, database: str) -> Session:
    return psycopg.connect(host=HOST, port=port, user=user, password=password, dbname=database, connect_timeout=3)
