"""What the commands do without a server: names, folders, what is missing."""

from __future__ import annotations

import shutil
from hashlib import sha256
from pathlib import Path

import pytest

from deploy.stack import install, mysql_install
from deploy.stack.control import NAMES, delete, down, endpoints, logs, status, up
from deploy.stack.errors import NeverStarted, NotInstalled, StackError, UnknownServer
from deploy.stack.layout import Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "data", tmp_path / "cache")


def silent(_: str) -> None:
    """Say nothing."""


def test_a_server_that_does_not_exist_is_refused_with_those_that_do(layout: Layout) -> None:
    """Nothing is started or made for a misspelt name."""
    with pytest.raises(UnknownServer, match=r"'mysql'.*mariadb, kafka"):
        up(layout, ["mysql"], silent)
    assert not layout.data.exists()


def test_without_a_stack_every_server_is_down(layout: Layout) -> None:
    """Looking makes nothing."""
    assert [(each.name, each.state) for each in status(layout)] == [(name, "down") for name in NAMES]
    assert not layout.data.exists()


def test_without_a_stack_there_are_no_endpoints(layout: Layout) -> None:
    """The error says how to get one."""
    with pytest.raises(NeverStarted, match="ringwatch stack up"):
        endpoints(layout)


def test_stopping_what_never_ran_is_no_error(layout: Layout) -> None:
    """`down` is idempotent."""
    down(layout, echo=silent)
    assert not layout.data.exists()


def test_a_folder_that_is_no_stacks_is_not_deleted(layout: Layout) -> None:
    """A wrong data folder in the settings costs nobody their files."""
    layout.data.mkdir()
    (layout.data / "thesis.txt").write_text("ten years")
    with pytest.raises(NeverStarted):
        delete(layout, silent)
    assert (layout.data / "thesis.txt").exists()


def test_a_log_that_is_not_there_yet_is_an_error_that_says_so(layout: Layout) -> None:
    """Not an empty answer."""
    with pytest.raises(StackError, match="kafka has no log"):
        logs(layout, "kafka")


def test_archives_that_are_complete_are_not_fetched_again(layout: Layout) -> None:
    """With the marker of the present pom file nothing touches the network: no word of fetching, no Maven."""
    for name in install.ARCHIVES:
        folder = layout.cache / name
        folder.mkdir(parents=True)
        digest = sha256((install.POMS / f"{name}.xml").read_bytes()).hexdigest()
        (folder / "complete").write_text(digest)
    said: list[str] = []
    needing_no_package = [name for name in install.NEEDS if install.find("java")]
    install.ensure_installed(needing_no_package, layout.cache, said.append)
    assert said == []


def test_the_poms_pin_every_version() -> None:
    """No range, no SNAPSHOT, no LATEST."""
    for pom in install.POMS.glob("*.xml"):
        text = pom.read_text()
        assert text.count("<version>") >= text.count("<artifactId>"), pom.name
        assert not any(word in text for word in ("SNAPSHOT", "LATEST", "RELEASE", "[", ",)")), pom.name


def test_a_fetch_that_fails_thrice_says_what_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error carries the command and its last lines."""
    monkeypatch.setattr(install, "PAUSE_S", 0.0)
    said: list[str] = []
    with pytest.raises(NotInstalled, match=r"(?s)3 times.*By hand: mvn please.*no route"):
        install.retry(["sh", "-c", "echo no route; exit 1"], "mvn please", said.append)
    assert len(said) == 2


def test_a_mysql_that_is_there_is_not_fetched_again(layout: Layout) -> None:
    """Until another series is pinned; on a machine without apt either."""
    (layout.cache / "mysql").mkdir(parents=True)
    (layout.cache / "mysql" / "complete").write_text(mysql_install.PACKAGE)
    said: list[str] = []
    mysql_install.ensure_mysql(layout.cache, said.append)
    assert said == []


def test_where_there_is_no_mysql_the_reason_is_told_and_nothing_is_left(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No apt, no mirror, or a mirror that has not got it: the tests skip by that."""
    monkeypatch.setattr(install, "PAUSE_S", 0.0)
    monkeypatch.setattr(mysql_install, "_mirror", lambda: f"file:{tmp_path}/no-mirror")
    with pytest.raises(NotInstalled, match=r"(?s)3 times.*apt-get update on .*no-mirror"):
        mysql_install.ensure_mysql(layout.cache, silent)
    assert not list(layout.cache.iterdir())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotInstalled, match="has no apt-get"):
        mysql_install.ensure_mysql(layout.cache, silent)


def test_a_program_is_found_where_debian_keeps_servers() -> None:
    """A plain PATH is not the whole search."""
    assert install.find("sh") == shutil.which("sh")
    assert install.find("no-such-program-anywhere") is None
