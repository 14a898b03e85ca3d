"""What the servers need: Debian packages where a program is missing, Java archives pinned by the pom files.

Nothing is fetched twice: a program that is there is used, and a folder of archives carries a marker with
the digest of its pom file.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from deploy.stack.errors import NotInstalled

Echo = Callable[[str], None]

POMS = Path(__file__).parent / "poms"
ATTEMPTS = 3
PAUSE_S = 5.0
FETCH_LIMIT_S = 1200
# Debian keeps servers where only root's PATH looks, and PostgreSQL's and Java's programs below their version.
PLACES = ("/usr/sbin", "/usr/bin", "/usr/lib/postgresql/*/bin", "/usr/lib/jvm/java-17-openjdk-*/bin")
JAVA_RELEASES = ("17", "21")     # what Neo4j 5.26 supports; Kafka 4.1 and Debezium 3.5 want 17 or newer

# Runs as root. A package must neither start its server on the default port now (policy-rc.d, unless the
# machine has one), nor at the next boot, nor fill the disk with a default database cluster.
APT_SCRIPT = """
set -e
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\\nexit 101\\n' > "$policy"; chmod +x "$policy"; trap 'rm -f "$policy"' EXIT
fi
if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
  mkdir -p /etc/postgresql-common; echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf
fi
install() {
  apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold "$@"
}
install "$@" || { apt-get update -q && install "$@"; }
if [ -d /run/systemd/system ]; then
  for unit in mariadb postgresql redis-server; do
    case " $* " in *" $unit"*) systemctl disable --now "$unit" || true;; esac
  done
fi
"""


@dataclass(frozen=True, slots=True)
class Package:
    """A Debian package and the programs it is wanted for."""

    name: str
    programs: tuple[str, ...]


JAVA = Package("openjdk-17-jre-headless", ("java",))
MAVEN = Package("maven", ("mvn",))
PACKAGES = {
    "mariadb": (Package("mariadb-server", ("mariadbd", "mariadb-install-db")),),
    "postgres": (Package("postgresql", ("postgres", "initdb")),),
    "redis": (Package("redis-server", ("redis-server",)),),
    "kafka": (JAVA,),
    "connect": (JAVA,),
    "neo4j": (JAVA,),
}
# What only the tests use: a real browser, and the check of docker-compose.yml.
TEST_TOOLS = (
    Package("chromium", ("chromium",)),
    Package("fonts-dejavu-core", ()),
    Package("docker-compose", ("docker-compose",)),
)
# Folder in the cache: the Maven goal that fills it from the pom file of the same name.
ARCHIVES = {"neo4j": "copy-dependencies", "kafka": "copy-dependencies", "debezium": "unpack"}
NEEDS = {"neo4j": ("neo4j",), "kafka": ("kafka",), "connect": ("kafka", "debezium")}


def ensure_installed(servers: Sequence[str], cache: Path, echo: Echo) -> None:
    """Fetch what these servers lack. Raises NotInstalled with the command that would mend it."""
    archives = [name for name in ARCHIVES
                if any(name in NEEDS.get(server, ()) for server in servers) and not _present(cache, name)]
    wanted = {package for server in servers for package in PACKAGES[server]} | ({MAVEN} if archives else set())
    missing = sorted(package.name for package in wanted if any(find(each) is None for each in package.programs))
    if missing:
        _apt_install(missing, echo)
    for name in archives:
        _fetch(cache, name, echo)


def ensure_test_tools(echo: Echo) -> None:
    """Fetch what the tests use besides the servers. Raises NotInstalled as above."""
    missing = [package for package in TEST_TOOLS if any(find(each) is None for each in package.programs)]
    if missing:
        companions = [package for package in TEST_TOOLS if not package.programs]
        _apt_install([package.name for package in [*missing, *companions]], echo)


def find(program: str) -> str | None:
    """Return the path of a program, or None; of Java only a release that every server supports."""
    places = [str(folder) for place in PLACES for folder in sorted(Path("/").glob(place[1:]), reverse=True)]
    if program == "java":
        candidates = [shutil.which("java", path=place) for place in [os.environ.get("PATH", ""), *reversed(places)]]
        return next((each for each in candidates if each and java_release(each) in JAVA_RELEASES), None)
    return shutil.which(program) or shutil.which(program, path=os.pathsep.join(places))


def program(name: str) -> str:
    """Return the path of a program that is there by now; raises NotInstalled if it is not."""
    if (path := find(name)) is None:
        raise NotInstalled(f"the program {name!r} is not on this machine; run: ringwatch stack up")
    return path


def java_release(java: str) -> str | None:
    """Return the release of a Java program, such as '17', or None if it does not tell."""
    try:
        told = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=False).stderr
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r'version "(\d+)', told)
    return found.group(1) if found else None


def _apt_install(packages: Sequence[str], echo: Echo) -> None:
    by_hand = f"sudo apt-get update && sudo apt-get install --no-install-recommends {' '.join(packages)}"
    if shutil.which("apt-get") is None:
        raise NotInstalled(f"this machine lacks {', '.join(packages)} and has no apt-get: install them by hand")
    prefix: list[str] = []
    if os.geteuid() != 0:
        prefix = ["sudo", "-n"]
        if shutil.which("sudo") is None or subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode:
            raise NotInstalled(f"this machine lacks {', '.join(packages)}; install them with: {by_hand}")
    echo(f"installing Debian packages: {', '.join(packages)}")
    retry([*prefix, "sh", "-c", APT_SCRIPT, "install", *packages], by_hand, echo)


def _fetch(cache: Path, name: str, echo: Echo) -> None:
    """Fill one folder of the cache by Maven; it appears whole or not at all."""
    echo(f"fetching {name} by Maven (once, into {cache})")
    folder, part = cache / name, cache / f"{name}.part"
    cache.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(part, ignore_errors=True)
    pom = POMS / f"{name}.xml"
    command = [program("mvn"), "-B", "-q", "-f", str(pom), f"dependency:{ARCHIVES[name]}", "-DincludeScope=runtime",
               f"-DoutputDirectory={part}"]
    retry(command, " ".join(command), echo)
    shutil.rmtree(part / ".build", ignore_errors=True)
    if not any(part.rglob("*.jar")):
        raise NotInstalled(f"Maven reported success but left no archive in {part}. By hand: {' '.join(command)}")
    (part / "complete").write_text(_digest(name), encoding="ascii")
    shutil.rmtree(folder, ignore_errors=True)
    part.replace(folder)


def _present(cache: Path, name: str) -> bool:
    marker = cache / name / "complete"
    return marker.exists() and marker.read_text(encoding="ascii") == _digest(name)


def _digest(name: str) -> str:
    return sha256((POMS / f"{name}.xml").read_bytes()).hexdigest()


def retry(command: Sequence[str], by_hand: str, echo: Echo) -> None:
    """Run a command that needs the network, up to three times; raises NotInstalled with its last lines."""
    last = ""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  text=True, errors="replace", timeout=FETCH_LIMIT_S, check=False)
        except subprocess.TimeoutExpired:
            last = f"it was still running after {FETCH_LIMIT_S} s"
        else:
            if done.returncode == 0:
                return
            last = "\n".join(done.stdout.splitlines()[-15:])
        if attempt < ATTEMPTS:
            echo(f"that failed; trying again in {PAUSE_S * attempt:g} s")
            time.sleep(PAUSE_S * attempt)
    raise NotInstalled(f"could not fetch what the servers need, {ATTEMPTS} times in a row. By hand: {by_hand}\n{last}")
