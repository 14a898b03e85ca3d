"""The demo bank's database: MariaDB with a row binlog that Debezium reads."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pymysql

from deploy.stack.install import program
from deploy.stack.layout import Layout
from deploy.stack.process import Command, run_to_end
from deploy.stack.render import own_folder, put, render, service_user
from deploy.stack.secrets import Secrets
from deploy.stack.server import HOST, Server

DATABASE = "bank"
BANK_USER = "bank"
DEBEZIUM_USER = "dbz"

# Run by the server itself at each start, one statement a line, and kept out of the change stream.
# Names are not resolved, so 127.0.0.1 is the host that a TCP connection comes from. Debezium's snapshot
# reads rows, locks tables and flushes; its stream needs both replication privileges (Debezium's MariaDB
# connector documentation, "Creating a user"). The bank's user sees from the process list who reads the binlog.
ACCOUNTS = """\
SET SESSION sql_log_bin = 0;
DROP USER IF EXISTS ''@'localhost';
CREATE DATABASE IF NOT EXISTS {database} CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS '{bank}'@'127.0.0.1';
ALTER USER '{bank}'@'127.0.0.1' IDENTIFIED BY '{bank_password}';
GRANT ALL PRIVILEGES ON {database}.* TO '{bank}'@'127.0.0.1';
GRANT PROCESS ON *.* TO '{bank}'@'127.0.0.1';
CREATE USER IF NOT EXISTS '{dbz}'@'127.0.0.1';
ALTER USER '{dbz}'@'127.0.0.1' IDENTIFIED BY '{dbz_password}';
GRANT RELOAD, SHOW DATABASES, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO '{dbz}'@'127.0.0.1';
GRANT SELECT, LOCK TABLES ON {database}.* TO '{dbz}'@'127.0.0.1';
"""

FURTHER_DATABASE = """\
CREATE DATABASE IF NOT EXISTS `{name}` CHARACTER SET utf8mb4
GRANT ALL PRIVILEGES ON `{name}`.* TO '{bank}'@'127.0.0.1'
GRANT SELECT, LOCK TABLES ON `{name}`.* TO '{dbz}'@'127.0.0.1'
"""


def server(layout: Layout, secrets: Secrets) -> Server:
    """Return the MariaDB server."""
    home, port = layout.home("mariadb"), layout.ports.mariadb
    return Server(
        name="mariadb", title="MariaDB", ports=(port,), home=home, user=service_user("mysql"),
        log=layout.log("mariadb"), pid_file=layout.pid_file("mariadb"),
        prepare=lambda: _prepare(home, port, secrets), health=lambda: _health(port, secrets),
    )


def configuration(home: Path, port: int) -> str:
    """Return the server's configuration file."""
    return render("mariadb.cnf", datadir=home / "data", port=port, init_file=home / "accounts.sql")


def accounts(secrets: Secrets) -> str:
    """Return the statements that make the database and its users, again and again with the same end."""
    return ACCOUNTS.format(
        database=DATABASE, bank=BANK_USER, bank_password=secrets.mariadb_bank,
        dbz=DEBEZIUM_USER, dbz_password=secrets.mariadb_dbz,
    )


def further_database(layout: Layout, name: str) -> None:
    """Make another database, empty if it is new, for the same two users. Root's socket: for whoever runs the stack."""
    socket = layout.home("mariadb") / "data" / "mariadb.sock"
    user = pwd.getpwuid(os.geteuid()).pw_name
    with pymysql.connect(unix_socket=str(socket), user=user) as connection, connection.cursor() as cursor:
        for statement in FURTHER_DATABASE.format(name=name, bank=BANK_USER, dbz=DEBEZIUM_USER).splitlines():
            cursor.execute(statement)


def _prepare(home: Path, port: int, secrets: Secrets) -> Command:
    user = service_user("mysql")
    own_folder(home, user)
    put(home / "mariadb.cnf", configuration(home, port), user)
    put(home / "accounts.sql", accounts(secrets), user)
    if not (home / "data" / "mysql").exists():
        _install(home, user)
    return Command((program("mariadbd"), f"--defaults-file={home}/mariadb.cnf"), folder=home, user=user)


def _install(home: Path, user: str | None) -> None:
    """Make the system tables; root's account is open to whoever runs us, over the socket, by no password."""
    run_to_end(Command((
        program("mariadb-install-db"), "--no-defaults", f"--datadir={home}/data", "--skip-test-db",
        "--auth-root-authentication-method=socket",
        f"--auth-root-socket-user={pwd.getpwuid(os.geteuid()).pw_name}",
    ), folder=home, user=user))


def _health(port: int, secrets: Secrets) -> None:
    for user, password in ((BANK_USER, secrets.mariadb_bank), (DEBEZIUM_USER, secrets.mariadb_dbz)):
        with pymysql.connect(host=HOST, port=port, user=user, password=password, database=DATABASE,
                             connect_timeout=3, read_timeout=3) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1")
