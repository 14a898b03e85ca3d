"""Settings: errors name the variable and never a secret, and a kept key is whole."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deploy.config import ConfigError, Settings, settings


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Settings are read once in a process."""
    settings.cache_clear()
    yield
    settings.cache_clear()


def refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> str:
    monkeypatch.setenv(f"RINGWATCH_{name}", value)
    with pytest.raises(ConfigError) as caught:
        settings()
    assert caught.value.__cause__ is None and caught.value.__context__ is None  # a trace would print it
    return str(caught.value)


def test_a_value_that_is_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its variable and what was expected."""
    said = refused(monkeypatch, "PORT", "eighty")
    assert said.startswith("RINGWATCH_PORT='eighty': ") and "integer" in said


def test_a_short_contact_key_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a secret, though too short."""
    said = refused(monkeypatch, "CONTACT_KEY", "s3cr3tshort")
    assert "s3cr3t" not in said and said.startswith("RINGWATCH_CONTACT_KEY=(hidden): too short")


def test_kafka_options_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of the option is, its value may be a password."""
    said = refused(monkeypatch, "KAFKA_OPTIONS", '{"sasl.password": 12345678}')
    assert "1234" not in said and said.startswith("RINGWATCH_KAFKA_OPTIONS.sasl.password=(hidden): ")


def test_kafka_options_that_are_no_json_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the variable and what was expected, without the text."""
    said = refused(monkeypatch, "KAFKA_OPTIONS", '{"sasl.password": "s3cr3t"')
    assert "s3cr3t" not in said
    assert said.startswith("RINGWATCH_KAFKA_OPTIONS") and "expected a JSON object of texts" in said


def test_every_secret_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a setting is printed as a whole."""
    for name in ("CONTACT_KEY", "NEO4J_PASSWORD", "SQL_URL", "REDIS_URL", "MARIADB_PASSWORD", "DEBEZIUM_PASSWORD",
                 "ANALYST_TOKEN", "DECIDE_TOKENS"):  # fmt: skip
        monkeypatch.setenv(f"RINGWATCH_{name}", "s3cr3t-of-sixteen")
    monkeypatch.setenv("RINGWATCH_KAFKA_OPTIONS", '{"sasl.password": "s3cr3t"}')
    assert "s3cr3t" not in repr(settings())


def test_the_kept_key_is_made_once_and_whole(tmp_path: Path) -> None:
    """Whoever asks first, everybody has the same 64 characters, and nobody else can read them."""
    chosen = Settings(state_dir=tmp_path / "state")
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: chosen.contacts_key(), range(64)))
    assert len(set(keys)) == 1 and len(keys[0]) == 64
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["contact.key"]
    assert stat.S_IMODE((tmp_path / "state/contact.key").stat().st_mode) == 0o600


def test_a_crash_while_the_key_is_written_leaves_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next start makes one; half a key under the name would be used for good."""

    def crash(_: int) -> None:
        raise KeyboardInterrupt

    chosen = Settings(state_dir=tmp_path)
    with monkeypatch.context() as broken:
        broken.setattr("os.fsync", crash)
        with pytest.raises(KeyboardInterrupt):
            chosen.contacts_key()
    assert list(tmp_path.iterdir()) == []
    assert len(chosen.contacts_key()) == 64


def test_an_emptied_key_file_is_refused(tmp_path: Path) -> None:
    """With the file and the mend."""
    (tmp_path / "contact.key").touch()
    with pytest.raises(ConfigError, match=r"contact\.key holds no contact key"):
        Settings(state_dir=tmp_path).contacts_key()


def test_a_state_folder_that_can_t_be_made_is_refused(tmp_path: Path) -> None:
    """With the variable that moves it."""
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="RINGWATCH_STATE_DIR"):
        Settings(state_dir=tmp_path / "file").contacts_key()
