"""A bank's database on MySQL, for the tests only: `ringwatch stack up` does not start it."""

from __future__ import annotations

import os

import pymysql

from deploy.stack.endpoints import MariaDb
from deploy.stack.layout import Layout
from deploy.stack.mariadb import BANK_USER, DATABASE, DEBEZIUM_USER, FURTHER_DATABASE
from deploy.stack.mysql_install import command
from deploy.stack.process import Command, run_to_end
from deploy.stack.render import own_folder, put, render
from deploy.stack.secrets import Secrets
from deploy.stack.server import HOST, Server

# As MariaDB's, with the same names and passwords; what a privilege is called differs, and so does who is root.
ACCOUNTS = """\
SET SESSION sql_log_bin = 0;
ALTER USER 'root'@'localhost' IDENTIFIED BY '{bank_password}';
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


def server(layout: Layout, secrets: Secrets) -> Server:
    """Return the MySQL server; it runs as whoever starts it."""
    return Server(
        name="mysql", title="MySQL", ports=(layout.ports.mysql,), home=layout.home("mysql"),
        log=layout.log("mysql"), pid_file=layout.pid_file("mysql"),
        prepare=lambda: _prepare(layout, secrets), health=lambda: _health(bank(layout, secrets)),
    )


def bank(layout: Layout, secrets: Secrets) -> MariaDb:
    """Return where the bank's user finds its database."""
    return MariaDb(HOST, layout.ports.mysql, BANK_USER, secrets.mariadb_bank, DATABASE)


def configuration(layout: Layout) -> str:
    """Return the server's configuration file."""
    home = layout.home("mysql")
    return render("mysql.cnf", usr=layout.cache / "mysql" / "usr", datadir=home / "data", port=layout.ports.mysql,
                  init_file=home / "accounts.sql")


def further_database(layout: Layout, secrets: Secrets, name: str) -> None:
    """Make another database, empty if it is new, for the same two users."""
    socket = layout.home("mysql") / "data" / "mysql.sock"
    with (
        pymysql.connect(unix_socket=str(socket), user="root", password=secrets.mariadb_bank) as connection,
        connection.cursor() as cursor,
    ):
        for statement in FURTHER_DATABASE.format(name=name, bank=BANK_USER, dbz=DEBEZIUM_USER).splitlines():
            cursor.execute(statement)


def _prepare(layout: Layout, secrets: Secrets) -> Command:
    home = own_folder(layout.home("mysql"))
    put(home / "mysql.cnf", configuration(layout))
    put(home / "accounts.sql", ACCOUNTS.format(
        database=DATABASE, bank=BANK_USER, bank_password=secrets.mariadb_bank,
        dbz=DEBEZIUM_USER, dbz_password=secrets.mariadb_dbz,
    ))
    argv = command(layout.cache, f"--defaults-file={home}/mysql.cnf", *(["--user=root"] if os.geteuid() == 0 else []))
    if not (home / "data" / "mysql").exists():
        run_to_end(Command((*argv, "--initialize-insecure"), folder=home))
    return Command(argv, folder=home)


def _health(at: MariaDb) -> None:
    with pymysql.connect(host=at.host, port=at.port, user=at.user, password=at.password, database=at.database,
                         connect_timeout=3, read_timeout=3) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1")
