"""Alerts, cases and the audit trail: PostgreSQL."""

from __future__ import annotations

import signal
from pathlib import Path

import psycopg
from psycopg import sql

from deploy.stack.install import program
from deploy.stack.layout import Layout
from deploy.stack.process import Command, run_to_end
from deploy.stack.render import own_folder, put, render, service_user
from deploy.stack.secrets import Secrets
from deploy.stack.server import HOST, Server

ADMIN = "postgres"
USER = "ringwatch"
DATABASE = "ringwatch"


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
    """Make Ringwatch's user and database where they are missing."""
    with _connect(port, ADMIN, secrets.postgres_admin, "postgres") as connection:
        connection.autocommit = True   # CREATE DATABASE refuses a transaction
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (USER,)).fetchone():
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                sql.Identifier(USER), sql.Literal(secrets.postgres_ringwatch)))
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone():
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(
                sql.Identifier(DATABASE), sql.Identifier(USER)))


def _health(port: int, secrets: Secrets) -> None:
    with _connect(port, USER, secrets.postgres_ringwatch, DATABASE) as connection:
        connection.execute("SELECT 1")


def _connect(port: int, user: str, password: str, database: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(host=HOST, port=port, user=user, password=password, dbname=database, connect_timeout=3)
