"""A real MySQL for the tests: Debian has it in unstable only, so it is unpacked beside, and nothing is installed.

apt resolves and verifies it in a configuration of its own: the machine's mirror, the archive's key, an empty
machine. What it fetches, the C library included, is run by its own loader (`command`).
"""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path

from deploy.stack.errors import NotInstalled
from deploy.stack.install import Echo, retry

SUITE = "sid"
# unstable holds one version at a time, so the series is pinned (a long-term one) and apt takes its newest.
PACKAGE = "mysql-server-core=9.7.*"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def ensure_mysql(cache: Path, echo: Echo) -> None:
    """Unpack MySQL in the cache. Raises NotInstalled with the reason where it can't be had."""
    folder, part = cache / "mysql", cache / "mysql.part"
    marker = folder / "complete"
    if marker.exists() and marker.read_text(encoding="ascii") == PACKAGE:
        return
    if missing := [each for each in ("apt-get", "dpkg-deb") if shutil.which(each) is None]:
        raise NotInstalled(f"MySQL comes as Debian packages, and this machine has no {missing[0]}")
    source = f"deb [signed-by={KEYRING}] {_mirror()} {SUITE} main\n"
    echo(f"fetching MySQL from Debian {SUITE} (once, into {cache})")
    shutil.rmtree(part, ignore_errors=True)
    try:
        _unpack(part, source, echo)
        (part / "complete").write_text(PACKAGE, encoding="ascii")
        shutil.rmtree(folder, ignore_errors=True)
        part.replace(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def command(cache: Path, *arguments: str) -> tuple[str, ...]:
    """Return what runs the unpacked mysqld, with its own libraries."""
    usr = cache / "mysql" / "usr"
    loader = next(iter(sorted((usr / "lib").glob("*-linux-gnu*/ld-linux-*.so.*"))), None)
    if loader is None:
        raise NotInstalled(f"{usr} holds no MySQL; run: ringwatch stack install --test-tools")
    return str(loader), "--library-path", str(loader.parent), str(usr / "sbin" / "mysqld"), *arguments


def _mirror() -> str:
    """Where this machine gets Debian itself from."""
    release = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    told = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", f"Release: {release}",
         "Origin: Debian", "Component: main"],
        capture_output=True, text=True, check=False,
    ).stdout.split()  # fmt: skip
    if not told:
        raise NotInstalled(f"apt knows no Debian mirror for {release or 'this system'}; run: apt-get update")
    return told[0]


def _unpack(part: Path, source: str, echo: Echo) -> None:
    apt = part / "apt"
    for each in ("lists/partial", "archives/partial"):
        (apt / each).mkdir(parents=True)
    (apt / "status").touch()  # a machine with nothing on it, so that every library is fetched
    (apt / "sources").write_text(source, encoding="utf-8")
    ours = {
        "Dir::Etc::SourceList": apt / "sources", "Dir::Etc::SourceParts": "-", "Dir::Etc::Preferences": "-",
        "Dir::Etc::PreferencesParts": "-", "Dir::State": apt, "Dir::State::Lists": apt / "lists",
        "Dir::State::Status": apt / "status", "Dir::Cache": apt, "Dir::Cache::Archives": apt / "archives",
        "Acquire::Languages": "none", "APT::Sandbox::User": "root", "APT::Update::Error-Mode": "any",
        "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
    }  # fmt: skip
    options = [f"-o{name}={value}" for name, value in ours.items()]
    for what in (["update"], ["install", "--download-only", "--no-install-recommends", "-y", PACKAGE]):
        retry(["apt-get", "-q", *options, *what], f"apt-get {' '.join(what)} on {source.strip()}", echo)
    for package in sorted((apt / "archives").glob("*.deb")):
        unpack = ["dpkg-deb", "--extract", str(package), str(part)]
        retry(unpack, " ".join(unpack), echo)
    shutil.rmtree(apt)
