"""The graph: Neo4j's community server, reached over bolt."""

from __future__ import annotations

from typing import LiteralString

from neo4j import GraphDatabase
from neo4j.exceptions import AuthError

from deploy.stack.java import Program
from deploy.stack.layout import Layout
from deploy.stack.process import Command
from deploy.stack.render import own_folder, put, render
from deploy.stack.secrets import Secrets
from deploy.stack.server import HOST, Server

USER = "neo4j"
FACTORY_PASSWORD = "neo4j"  # an empty store's; good for one thing only, which is to change it

OPTIONS = (
    "-XX:-OmitStackTraceInFastThrow", "-XX:+UnlockExperimentalVMOptions", "-XX:+TrustFinalNonStaticFields",
    "-XX:+DisableExplicitGC", "-Djdk.nio.maxCachedBufferSize=1024",
    "-Dio.netty.tryReflectionSetAccessible=true", "-Dlog4j2.disable.jmx=true",
    # what Neo4j's own start script opens of the Java runtime
    "--add-opens=java.base/java.nio=ALL-UNNAMED", "--add-opens=java.base/java.io=ALL-UNNAMED",
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
)


def server(layout: Layout, secrets: Secrets) -> Server:
    """Return the Neo4j server."""
    return Server(
        name="neo4j", title="Neo4j", ports=(layout.ports.neo4j,), home=layout.home("neo4j"),
        log=layout.log("neo4j"), pid_file=layout.pid_file("neo4j"), start_limit_s=120, stop_limit_s=60,
        prepare=lambda: _prepare(layout), settle=lambda: _settle(layout, secrets),
        health=lambda: _health(layout, secrets),
    )


def uri(layout: Layout) -> str:
    """Return where bolt answers."""
    return f"bolt://{HOST}:{layout.ports.neo4j}"


def configuration(layout: Layout) -> str:
    """Return the server's configuration file."""
    return render("neo4j.conf", port=layout.ports.neo4j, home=layout.home("neo4j"),
                  heap_mb=layout.memory.neo4j_heap_mb, pagecache_mb=layout.memory.neo4j_pagecache_mb)


def _prepare(layout: Layout) -> Command:
    home = own_folder(layout.home("neo4j"))
    put(home / "conf" / "neo4j.conf", configuration(layout))
    put(home / "conf" / "user-logs.xml", render("neo4j-user-logs.xml"))
    server_program = Program(
        "org.neo4j.server.CommunityEntryPoint", layout.cache / "neo4j", layout.memory.neo4j_heap_mb, OPTIONS
    )
    return server_program.command(home, f"--home-dir={home}", f"--config-dir={home}/conf", "--console-mode")


def _settle(layout: Layout, secrets: Secrets) -> None:
    """Change the empty store's password, once; the marker spares a login that Neo4j would count as failed."""
    marker = layout.home("neo4j") / "password-changed"
    if marker.exists():
        return
    try:
        _run(layout, FACTORY_PASSWORD, "system", "ALTER CURRENT USER SET PASSWORD FROM $old TO $new",
             old=FACTORY_PASSWORD, new=secrets.neo4j)
    except AuthError:                   # it was changed, and we were stopped before the marker stood
        _health(layout, secrets)
    marker.touch()


def _health(layout: Layout, secrets: Secrets) -> None:
    _run(layout, secrets.neo4j, "neo4j", "RETURN 1")


def _run(layout: Layout, password: str, database: str, statement: LiteralString, **parameters: str) -> None:
    """Run one statement, once: a managed transaction would retry, with a warning line for each try."""
    driver = GraphDatabase.driver(
        uri(layout), auth=(USER, password), connection_timeout=3,
        connection_acquisition_timeout=5,  # the handshake too: a server that stands still accepts connections
    )
    with driver, driver.session(database=database) as session:
        session.run(statement, parameters).consume()
