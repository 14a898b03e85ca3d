"""docker-compose.yml and the image: pinned, closed to the outside, without secrets, and in the right order."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from typer.testing import CliRunner

from deploy.cli import app
from deploy.config import PREFIX, Settings
from deploy.stack import mariadb

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
SERVERS = {name: service for name, service in SERVICES.items() if name not in OURS}
JOBS = {name for name, service in OURS.items() if service["restart"] == "no"}
DOCKERFILE = (ROOT / "deploy/docker/Dockerfile").read_text()
TEMPLATES = ROOT / "deploy/stack/templates"
ASKED = re.compile(r"\$\{[A-Z0-9_]+:\?[^}]*make compose-env[^}]*\}")


# -- the file, as Compose reads it --------------------------------------------------------------


@pytest.fixture(scope="module")
def compose() -> list[str]:
    """Compose v2 where Docker has it, else Debian's docker-compose."""
    plugin = ["docker", "compose"]
    if shutil.which("docker") and subprocess.run([*plugin, "version"], capture_output=True).returncode == 0:
        return plugin
    if found := shutil.which("docker-compose"):
        return [found]
    pytest.skip("neither `docker compose` nor docker-compose is here; make test installs the latter")


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A folder with what make-env needs, and what it wrote."""
    (tmp_path / "deploy/docker").mkdir(parents=True)
    for name in (".env.example", "deploy/docker/make-env"):
        shutil.copy(ROOT / name, tmp_path / name)
    subprocess.run([tmp_path / "deploy/docker/make-env"], check=True, capture_output=True)
    return tmp_path


def entries(env: Path) -> dict[str, str]:
    lines = [line for line in env.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def config(compose: list[str], env: Path) -> subprocess.CompletedProcess[str]:
    command = [*compose, "--file", str(FILE), "--env-file", str(env), "config"]
    return subprocess.run(command, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin:/usr/local/bin"})


def test_compose_accepts_the_file(compose: list[str], made: Path) -> None:
    """With the .env that make-env writes, and without a warning."""
    answer = config(compose, made / ".env")
    assert answer.returncode == 0, answer.stderr
    assert set(yaml.safe_load(answer.stdout)["services"]) == set(SERVICES)
    assert "warn" not in answer.stderr.lower()


def test_compose_refuses_to_start_without_passwords(compose: list[str], tmp_path: Path) -> None:
    """And says what to run."""
    (tmp_path / "empty").touch()
    answer = config(compose, tmp_path / "empty")
    assert answer.returncode != 0
    assert "make compose-env" in answer.stderr


def test_make_env_gives_each_secret_a_value_of_its_own(made: Path) -> None:
    """128 random bits each, readable by the owner only; what has a value in the example keeps it."""
    found = entries(made / ".env")
    secrets = [found[name] for name, value in entries(ROOT / ".env.example").items() if not value]
    assert len(set(secrets)) == len(secrets) >= 7
    assert all(re.fullmatch("[0-9a-f]{32}", secret) for secret in secrets)
    assert found["RINGWATCH_PORT"] == "8080"
    assert (made / ".env").stat().st_mode & 0o777 == 0o600


def test_make_env_leaves_an_env_that_is_there(made: Path) -> None:
    """Its passwords are those of the volumes."""
    before = (made / ".env").read_text()
    again = subprocess.run([made / "deploy/docker/make-env"], capture_output=True)
    assert again.returncode == 2 and (made / ".env").read_text() == before


def test_the_example_names_every_variable_of_the_file() -> None:
    """No more and no less."""
    assert set(re.findall(r"(?<!\$)\$\{([A-Z0-9_]+)", FILE.read_text())) == set(entries(ROOT / ".env.example"))


# -- closed to the outside ----------------------------------------------------------------------


def test_what_is_published_is_published_on_this_machine_only() -> None:
    """And it is the page and the decision API alone."""
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"alerts", "decide"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)
    assert all(service.get("network_mode") != "host" for service in SERVICES.values())


def test_no_secret_stands_in_the_file() -> None:
    """A password, key, token or URL with a password is asked for, or a reference that Kafka Connect resolves."""
    names = re.compile(r"PASSWORD|TOKEN|CONTACT_KEY|AUTH$")
    for service, definition in SERVICES.items():
        for name, value in definition.get("environment", {}).items():
            if name == "MARIADB_RANDOM_ROOT_PASSWORD" or value == "$${env:DEBEZIUM_PASSWORD}":
                continue
            if names.search(name) or re.search(r"://[^/]*@", str(value)):
                assert ASKED.search(str(value)), f"{service}: {name}"


@pytest.mark.parametrize(
    ("name", "secrets"),
    [
        ("bank-history", {"MARIADB_PASSWORD"}),
        ("connector", {"MARIADB_PASSWORD", "NEO4J_PASSWORD"}),
        ("graph-init", {"NEO4J_PASSWORD"}),
        ("ingest", {"NEO4J_PASSWORD", "RINGWATCH_CONTACT_KEY"}),
        ("scorer", {"NEO4J_PASSWORD"}),
        ("decide", {"NEO4J_PASSWORD", "REDIS_PASSWORD", "RINGWATCH_CONTACT_KEY", "RINGWATCH_DECIDE_TOKENS"}),
        ("alerts", {"POSTGRES_PASSWORD", "REDIS_PASSWORD", "RINGWATCH_ANALYST_TOKEN"}),
        ("replay", {"MARIADB_PASSWORD"}),
    ],
)
def test_each_of_ours_holds_only_its_own_secrets(name: str, secrets: set[str]) -> None:
    """Whoever gets into one has the passwords of its servers, not of all."""
    asked = ASKED.findall(str(SERVICES[name]["environment"]))
    assert {re.sub(r"\$\{|:.*", "", one) for one in asked} == secrets


def test_our_processes_can_change_nothing_of_their_image() -> None:
    """Read-only root, no capabilities, no new privileges, and the image's user is not root."""
    for name, service in OURS.items():
        closed = service["read_only"], service["cap_drop"], service["security_opt"]
        assert closed == (True, ["ALL"], ["no-new-privileges:true"]), name
        assert "user" not in service
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.M) == ["10001:10001"]


def test_every_container_has_a_memory_limit_and_an_init() -> None:
    """Neo4j's image brings an init of its own."""
    assert [name for name, service in SERVICES.items() if "mem_limit" not in service] == []
    assert [name for name, service in SERVICES.items() if not service["init"]] == ["neo4j"]
    assert all("stop_grace_period" in service for service in SERVICES.values())


# -- pinned -------------------------------------------------------------------------------------


def pom(name: str, artifact: str) -> str:
    """The version of an artifact in one of the local stack's pom files."""
    tree = ElementTree.parse(ROOT / "deploy/stack/poms" / f"{name}.xml")
    for element in (each for kind in ("dependency", "artifactItem") for each in tree.iterfind(f".//{{*}}{kind}")):
        parts = {child.tag.rpartition("}")[2]: child.text for child in element}
        if parts["artifactId"] == artifact:
            return str(parts["version"])
    raise LookupError(artifact)


def tag(service: str) -> str:
    return str(SERVICES[service]["image"]).rpartition(":")[2]


def test_every_image_is_pinned_to_an_exact_version() -> None:
    """At least two dots' worth of version, or PostgreSQL's one."""
    for name, service in SERVICES.items():
        assert re.match(r"15\.\d+$" if name == "postgres" else r"\d+\.\d+\.\d+", tag(name)), service["image"]
    bases = re.findall(r"^ARG PYTHON_IMAGE=(.+)$", DOCKERFILE, re.M)
    assert len(bases) == 1 and re.fullmatch(r"python:3\.12\.\d+-slim-bookworm", bases[0])
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.M)) == {"${PYTHON_IMAGE}"}


def test_the_servers_are_the_local_stack_s() -> None:
    """The pom files' versions; of Debian's packages the same release line."""
    assert tag("kafka") == pom("kafka", "kafka_2.13") == pom("kafka", "connect-runtime")
    assert tag("connect") == pom("debezium", "debezium-connector-mariadb")
    assert tag("neo4j") == f"{pom('neo4j', 'neo4j')}-community"
    assert [tag("mariadb")[:6], tag("postgres")[:3], tag("redis")[:2]] == ["10.11.", "15.", "7."]


def test_our_image_carries_our_version() -> None:
    """pyproject.toml's."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert {service["image"] for service in OURS.values()} == {f"ringwatch:{version}"}


def properties(text: str) -> dict[str, str]:
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, value in pairs}


def test_the_servers_are_configured_as_the_local_stack_s() -> None:
    """Every setting but addresses, folders and sizes."""
    where = {"listeners", "advertised.listeners", "log.dirs", "inter.broker.listener.name", "controller.quorum.voters",
             "controller.quorum.bootstrap.servers"}  # fmt: skip
    local = properties((TEMPLATES / "kafka.properties").read_text())
    here = properties((ROOT / "deploy/docker/kafka/server.properties").read_text())
    assert {k: v for k, v in here.items() if k not in where} == {k: v for k, v in local.items() if k not in where}
    where = {"datadir", "port", "bind_address", "socket", "pid_file", "init_file"}
    local = properties((TEMPLATES / "mariadb.cnf").read_text())
    here = properties((ROOT / "deploy/docker/mariadb/ringwatch.cnf").read_text())
    assert here == {k: v for k, v in local.items() if k not in where}


def test_kafka_connect_is_configured_as_the_local_stack_s() -> None:
    """The image turns CONNECT_A_B into a.b; where its password comes from is its own affair."""
    local = properties((TEMPLATES / "connect.properties").read_text())
    given = SERVICES["connect"]["environment"]
    ours = {k.removeprefix("CONNECT_"): v for k, v in given.items() if k.startswith("CONNECT_")}
    here = {k.lower().replace("_", "."): v for k, v in ours.items()}
    assert {k: v for k, v in here.items() if not k.startswith("config.providers") and local.get(k) != v} == {}


def test_mariadb_s_accounts_may_do_what_the_local_stack_s_may() -> None:
    """The same privileges for the connector and the bank."""
    script = (ROOT / "deploy/docker/mariadb/accounts.sh").read_text()
    granted = set(re.findall(r"GRANT (.+) ON", script))
    assert granted == set(re.findall(r"GRANT (.+) ON", mariadb.ACCOUNTS)) - {"ALL PRIVILEGES"}


# -- the order ----------------------------------------------------------------------------------


def waits(name: str) -> dict[str, str]:
    return {need: how["condition"] for need, how in SERVICES[name].get("depends_on", {}).items()}


def before(name: str) -> set[str]:
    """Everything that has to be there before a service starts."""
    return {each for need in waits(name) for each in ({need} | before(need))}


def test_every_server_has_a_health_check() -> None:
    """The page as well, since the replay waits for it."""
    assert [name for name in (*SERVERS, "alerts") if "test" not in SERVICES[name]["healthcheck"]] == []


def test_ingest_is_asked_whether_it_hangs() -> None:
    """On the port it was given."""
    ingest = SERVICES["ingest"]
    assert f":{ingest['environment']['RINGWATCH_INGEST_PORT']}/healthz" in ingest["healthcheck"]["test"][-1]


def test_the_connector_s_job_can_ask_the_graph_whether_the_bank_was_read_before() -> None:
    """Kafka's volume may be lost, and with it the epoch."""
    job = SERVICES["connector"]
    assert job["environment"]["RINGWATCH_NEO4J_URI"] and job["depends_on"]["neo4j"]["condition"] == "service_healthy"


def test_servers_are_awaited_healthy_and_jobs_done() -> None:
    """Started is not enough for either."""
    for name in SERVICES:
        for need, condition in waits(name).items():
            if need in SERVERS:
                assert condition == "service_healthy", f"{name} → {need}"
            elif need in JOBS:
                assert condition == "service_completed_successfully", f"{name} → {need}"


@pytest.mark.parametrize(
    ("name", "needs"),
    [
        ("bank-history", {"mariadb"}),
        ("connector", {"bank-history", "connect", "kafka", "mariadb"}),
        ("graph-init", {"neo4j"}),
        ("ingest", {"connector", "graph-init", "kafka", "neo4j"}),
        ("scorer", {"connector", "graph-init", "kafka", "neo4j"}),
        ("alerts", {"connector", "kafka", "postgres", "redis"}),
        ("replay", {"connector", "mariadb", "ingest", "scorer", "alerts"}),
    ],
)
def test_each_of_ours_waits_for_what_it_needs(name: str, needs: set[str]) -> None:
    """Tables and history, then the connector's snapshot, then the processes, then the stream."""
    assert needs <= before(name)


# -- what is ours -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(OURS))
def test_each_of_ours_runs_a_command_there_is(name: str) -> None:
    """Its options are checked too: --help is asked for behind them."""
    answer = CliRunner().invoke(app, [*SERVICES[name]["command"], "--help"])
    assert answer.exit_code == 0, answer.output


def test_each_variable_of_ours_is_a_setting() -> None:
    """A misspelt one would be ignored."""
    used = {key for service in OURS.values() for key in service["environment"]}
    used |= set(re.findall(rf"{PREFIX}[A-Z_]+", DOCKERFILE))
    assert {name.removeprefix(PREFIX).lower() for name in used} <= set(Settings.model_fields)


def test_the_image_holds_every_package_and_only_checked_wheels() -> None:
    """Installed by hash; nothing is compiled, so no compiler is there to stay."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert [name for name in packages if f"\nCOPY {name} {name}\n" not in DOCKERFILE] == []
    assert "pip install --require-hashes --only-binary=:all: -r requirements.lock" in DOCKERFILE
    assert not re.search(r"gcc|g\+\+|build-essential|clang", DOCKERFILE)


def test_the_build_is_given_what_it_copies() -> None:
    """.dockerignore shuts out everything else, .env above all."""
    allowed = set(re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.M))
    copied = {source for line in re.findall(r"^COPY (?!--)(.+) \S+$", DOCKERFILE, re.M) for source in line.split()}
    assert copied <= allowed and ".env" not in allowed


def test_every_file_that_is_mounted_is_there() -> None:
    """Docker would make a folder of a missing one."""
    mounts = [m for service in SERVICES.values() for m in service.get("volumes", ()) if m.startswith("./")]
    assert mounts and all(mount.endswith(":ro") for mount in mounts)
    assert [mount for mount in mounts if not (ROOT / mount.split(":")[0]).exists()] == []
