"""`ringwatch mapping`: against a real MariaDB and PostgreSQL, and against files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pymysql
import pytest
from psycopg import sql
from typer.testing import CliRunner

from deploy import cli
from deploy.config import Settings, settings
from deploy.demo import berka
from deploy.mapping import mariadb, postgres
from deploy.mapping.report import against_database
from deploy.stack.control import up
from deploy.stack.endpoints import Endpoints
from deploy.stack.mariadb import further_database
from deploy.stack.postgres import ADMIN
from deploy.stack.secrets import load_secrets
from graph.mapping_draft import draft
from graph.mapping_file import MappingError, read_mapping
from graph.mapping_schema import SHIPPED

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "deploy" / "demo"
SCRATCH = "mapping_scratch"
POSTGRES = """
CREATE TABLE users (id bigint PRIMARY KEY, name text, phone varchar(32), birth date);
CREATE TABLE accounts (id uuid PRIMARY KEY, user_id bigint NOT NULL REFERENCES users, opened timestamptz NOT NULL);
CREATE TABLE transfers (id bigint PRIMARY KEY, src uuid NOT NULL REFERENCES accounts,
  dst uuid NOT NULL REFERENCES accounts, amount numeric(12,2) NOT NULL, at timestamp(3) NOT NULL,
  cents bigint GENERATED ALWAYS AS ((amount * 100)::bigint) STORED);
CREATE TABLE reports (id bigint PRIMARY KEY, transfer_id bigint NOT NULL REFERENCES transfers,
  is_fraud boolean NOT NULL, told timestamp NOT NULL);
"""


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Settings of its own, read anew."""
    monkeypatch.setenv("RINGWATCH_STATE_DIR", str(tmp_path / "state"))
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture(scope="module")
def databases(stack_settings: Settings) -> Endpoints:
    """MariaDB and PostgreSQL are enough here."""
    return up(stack_settings.stack_layout(), ["mariadb", "postgres"])


@pytest.fixture
def scratch(databases: Endpoints, stack_settings: Settings) -> Iterator[pymysql.Connection]:
    """An empty database in MariaDB."""
    further_database(stack_settings.stack_layout(), SCRATCH)
    at = databases.mariadb
    with pymysql.connect(host=at.host, port=at.port, user=at.user, password=at.password, database=SCRATCH) as bank:
        yield bank
        with bank.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {SCRATCH}")


@pytest.fixture
def scratch_postgres(databases: Endpoints, stack_settings: Settings) -> Iterator[psycopg.Connection]:
    """An empty schema in PostgreSQL, gone with the connection."""
    layout = stack_settings.stack_layout()
    password = load_secrets(layout.secrets_file).postgres_admin
    with psycopg.connect(
        host="127.0.0.1", port=layout.ports.postgres, user=ADMIN, password=password, dbname="postgres"
    ) as bank:
        bank.execute(sql.SQL("CREATE SCHEMA {0}; SET search_path TO {0}").format(sql.Identifier(SCRATCH)))
        yield bank
        bank.rollback()


def run_script(bank: pymysql.Connection, script: Path) -> None:
    with bank.cursor() as cursor:
        for statement in script.read_text(encoding="utf-8").split(";\n"):
            if statement.strip():
                cursor.execute(statement)


@pytest.mark.stack
@pytest.mark.parametrize("script", ["schema.sql", "berka.sql"])
def test_a_draft_of_mariadb_s_tables_passes_its_check(scratch: pymysql.Connection, tmp_path: Path, script: str) -> None:
    """The demo bank's tables, which declare nothing, and the Czech bank's."""
    run_script(scratch, DEMO / script)
    known = mariadb.tables(scratch)
    path = tmp_path / "draft.toml"
    path.write_text(draft(known))
    assert against_database(path, read_mapping(path), known) == []


@pytest.mark.stack
def test_the_shipped_mappings_fit_their_databases(scratch: pymysql.Connection) -> None:
    """No problem and no hint."""
    run_script(scratch, DEMO / "schema.sql")
    demo = DEMO / "mapping.toml"
    assert against_database(demo, read_mapping(demo), mariadb.tables(scratch)) == []


@pytest.mark.stack
def test_the_czech_bank_s_mapping_fits_its_database(scratch: pymysql.Connection) -> None:
    """The one file reads its tables and its flat files."""
    run_script(scratch, berka.SCHEMA)
    path = SHIPPED.parent / "berka-1999-partial.toml"
    assert against_database(path, read_mapping(path), mariadb.tables(scratch)) == []


@pytest.mark.stack
def test_a_changed_database_is_told_by_the_mapping_s_lines(scratch: pymysql.Connection) -> None:
    """A finer time, a renamed column, a computed one."""
    run_script(scratch, DEMO / "schema.sql")
    with scratch.cursor() as cursor:
        cursor.execute("ALTER TABLE transfers MODIFY at DATETIME(6) NOT NULL, CHANGE currency ccy CHAR(3) NOT NULL")
        cursor.execute("ALTER TABLE logins DROP ip, ADD ip VARCHAR(45) AS ('::1') VIRTUAL")
    demo = DEMO / "mapping.toml"
    with pytest.raises(MappingError) as error:
        against_database(demo, read_mapping(demo), mariadb.tables(scratch))
    lines = demo.read_text().splitlines()
    told = {said.split(": ", 2)[1].split()[0]: int(said.split(":")[1]) for said in str(error.value).splitlines()}
    assert sorted(told) == [
        "tables.logins.edges.1.target.id", "tables.transfers.edges.0.attributes.currency",
        "tables.transfers.edges.0.time",
    ]  # fmt: skip
    assert lines[told["tables.transfers.edges.0.attributes.currency"] - 1] == 'currency = "currency"'


@pytest.mark.stack
def test_a_draft_of_postgres_s_tables_passes_its_check(scratch_postgres: psycopg.Connection, tmp_path: Path) -> None:
    """By its foreign keys: owners, transfers, and reports on them. Whole rows have to be logged."""
    scratch_postgres.execute(POSTGRES.encode())
    path = tmp_path / "draft.toml"
    path.write_text(draft(postgres.tables(scratch_postgres, SCRATCH)))
    mapping = read_mapping(path)
    with pytest.raises(MappingError, match="ALTER TABLE transfers REPLICA IDENTITY FULL"):
        against_database(path, mapping, postgres.tables(scratch_postgres, SCRATCH))
    for table in ("users", "accounts", "transfers", "reports"):
        scratch_postgres.execute(sql.SQL("ALTER TABLE {} REPLICA IDENTITY FULL").format(sql.Identifier(table)))
    assert against_database(path, mapping, postgres.tables(scratch_postgres, SCRATCH)) == []
    edge = mapping.tables["transfers"].edges[0]
    assert (edge.source.label, edge.target.label, edge.event, sorted(edge.attributes)) == (
        "Account", "Account", True, ["amount"],
    )  # fmt: skip
    report = mapping.tables["reports"].labels[0]
    assert report.event is not None and report.event.roles == {"transfers": edge.role}
    assert report.reported is not None and report.reported.unit == "us"


CSV = "order_id,customer_id,ip,email,at,amount,is_fraud\n1,7,::1,a@b.c,2024-01-02T00:00:00Z,1.50,0\n" + (
    "2,8,::2,a@b.c,2024-01-03T00:00:00Z,2.50,1\n"
)


@pytest.mark.usefixtures("state")
def test_a_draft_of_files_passes_its_check_and_previews(tmp_path: Path) -> None:
    """Header and sampled rows: key, ends, contact, time, amount, label."""
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "orders.csv").write_text(CSV)
    made = CliRunner().invoke(cli.app, ["mapping", "draft", "--files", str(folder)])
    path = tmp_path / "draft.toml"
    path.write_text(made.stdout)
    checked = CliRunner().invoke(cli.app, ["mapping", "check", str(path), "--files", str(folder)])
    assert (made.exit_code, checked.exit_code) == (0, 0), f"{made.exception} {checked.exception}"
    rule = read_mapping(path).tables["orders"]
    assert rule.key == ["order_id"] and rule.edges[0].time.unit == "iso" and rule.edges[0].event
    assert {edge.target.hash for edge in rule.edges} == {None, "email"} and rule.labels[0].of == rule.edges[0].role
    shown = CliRunner().invoke(cli.app, ["mapping", "preview", str(path), "--files", str(folder)]).stdout
    assert "edge  Customer:7" in shown and "label orders:1:" in shown and "a@b.c" not in shown


@pytest.mark.usefixtures("state")
def test_a_column_the_file_lacks_is_told_by_the_mapping_s_line(tmp_path: Path) -> None:
    """With the one that is meant."""
    (tmp_path / "s.csv").write_text("Time,Source,Target\n")
    path = tmp_path / "m.toml"
    path.write_text('source = "s"\n[tables.t]\nfile = { path = "s.csv" }\n[[tables.t.edges]]\nrole = "p"\n'
                    'relation = "P"\nsource = { label = "A", id = "Sources" }\n'
                    'target = { label = "A", id = "Target" }\n'
                    'time = { column = "Time", unit = "order" }\n')  # fmt: skip
    answer = CliRunner().invoke(cli.app, ["mapping", "check", str(path), "--files", str(tmp_path)])
    assert isinstance(answer.exception, MappingError)
    assert f"{path}:7: tables.t.edges.0.source.id names column 'Sources'" in str(answer.exception)
    assert "is 'Source' meant?" in str(answer.exception)


def test_the_schema_is_printed() -> None:
    """JSON, and nothing else."""
    answer = CliRunner().invoke(cli.app, ["mapping", "schema"])
    assert json.loads(answer.stdout)["title"] == "Ringwatch mapping"


@pytest.mark.parametrize("options", [["draft"], ["check", "--database", "mariadb", "--files", "."]])
def test_one_of_database_and_files(options: list[str]) -> None:
    """Not both, and a draft needs one."""
    assert CliRunner().invoke(cli.app, ["mapping", *options]).exit_code == 2
