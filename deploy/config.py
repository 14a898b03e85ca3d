"""The only reader of the environment: settings by RINGWATCH_ variables, checked at start."""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Literal, get_args

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from deploy.stack.layout import Layout, Memory, Ports

PREFIX = "RINGWATCH_"
ROOT = Path(__file__).parent
SHIPPED = ROOT.parent / "scoring" / "models" / "demo"  # the demo bank's model
SHIPPED_RULES = ROOT.parent / "scoring" / "rules" / "default.toml"


KEY_LENGTH = 16  # characters of a contact key at least


class ConfigError(Exception):
    """A setting can't be used. Names the variable, what it held (unless it is a secret) and what was expected."""


def _state() -> Path:
    """Root's home is closed to the users MariaDB and PostgreSQL run as, so root keeps state where services do."""
    if os.geteuid() == 0 and "XDG_STATE_HOME" not in os.environ:
        return Path("/var/lib/ringwatch")
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "ringwatch"


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ringwatch"


class Settings(BaseSettings):
    """Every setting, each from the variable RINGWATCH_<NAME>. What is not set and belongs to a server is
    taken from the local stack (`ringwatch stack up`).
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", hide_input_in_errors=True)

    state_dir: Path = Field(default_factory=_state)
    cache_dir: Path = Field(default_factory=_cache)
    stack_port_shift: int = Field(default=0, ge=0, le=40_000)

    mapping: Path = ROOT / "demo" / "mapping.toml"
    models: Path | None = None  # the registry
    model: Path = SHIPPED  # where nothing is promoted; set, it wins over that
    rules: Path = SHIPPED_RULES
    contact_key: SecretStr | None = None
    tenant: str = Field(default="bank", min_length=1, max_length=64)

    kafka_bootstrap: str | None = None
    kafka_options: dict[str, str] = Field(default={}, repr=False)  # librdkafka's, may hold a password
    neo4j_uri: str | None = None
    neo4j_user: str | None = None
    neo4j_password: SecretStr | None = None
    neo4j_database: str = "neo4j"
    sql_url: SecretStr | None = None
    redis_url: SecretStr | None = None

    mariadb_host: str | None = None
    mariadb_port: int = Field(default=3306, ge=1, le=65_535)
    mariadb_user: str = "bank"
    mariadb_password: SecretStr | None = None
    mariadb_database: str = "bank"
    mariadb_ssl: Literal["disable", "trust", "verify-ca", "verify-full"] | None = None  # Debezium's words
    postgres_host: str | None = None  # the bank's, where it is PostgreSQL (Ringwatch's own is SQL_URL)
    postgres_port: int = Field(default=5432, ge=1, le=65_535)
    postgres_user: str = "bank"
    postgres_password: SecretStr | None = None
    postgres_database: str = "bank"
    postgres_schema: str = "public"
    postgres_ssl: Literal["disable", "require", "verify-ca", "verify-full"] | None = None
    connect_url: str | None = None
    debezium_user: str = "dbz"
    debezium_password: SecretStr | None = None  # better a reference that Connect resolves: ${env:NAME}

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=1, le=65_535)
    analyst_token: SecretStr | None = None
    secure_cookie: bool = False
    threshold: float | None = Field(default=None, gt=0, le=1)
    near_misses: bool = False

    decide_host: str = "127.0.0.1"
    decide_port: int = Field(default=8090, ge=1, le=65_535)
    decide_tokens: SecretStr | None = None  # comma-separated; two while one is replaced
    decide_per_s: float = Field(default=1_000, gt=0, le=100_000)  # requests a second of each token
    decide_deadline_ms: int = Field(default=50, ge=1, le=1_000)  # where a request names none
    decide_longest_ms: int = Field(default=1_000, ge=1, le=1_000)  # of those that requests name
    decide_ahead_s: int = Field(default=300, ge=0, le=86_400)  # how far ahead of our clock an event's time may lie
    decide_stale_s: int = Field(default=300, ge=0, le=86_400)  # of silence on the graph: not ready; 0: never
    decline_from: float | None = Field(default=None, gt=0, le=1)
    fallback_verdict: Literal["approve", "review", "decline"] = "review"

    ingest_batch: int = Field(default=1_000, ge=1, le=50_000)
    retention_days: float | None = Field(default=None, gt=0, le=36_500)  # unset: everything is kept
    purge_days: int = Field(default=30, ge=1, le=36_500)  # more than the bank's topics are kept
    ingest_host: str = "127.0.0.1"
    ingest_port: int = Field(default=9464, ge=0, le=65_535)  # health and metrics; 0: none
    scorer_host: str = "127.0.0.1"
    scorer_port: int = Field(default=9465, ge=0, le=65_535)  # health and metrics; 0: none
    drift_limit: float = Field(default=1.0, ge=0)  # PSI of the score from which the trees score; 0: never
    threads: int = Field(default=1, ge=1, le=64)
    engine: Literal["auto", "compiled", "eager", "onnx"] = "compiled"  # what computes the network's logits
    reader: Literal["mirror", "neo4j"] = "mirror"  # what events are scored through
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("contact_key")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < KEY_LENGTH:
            raise ValueError(f"too short, give at least {KEY_LENGTH} random characters (openssl rand -hex 32)")
        return value

    @field_validator("decide_tokens")
    @classmethod
    def _tokens(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and any(len(token) < KEY_LENGTH for token in _listed(value)):
            raise ValueError(f"expected tokens of at least {KEY_LENGTH} characters each, with commas between them")
        return value

    @field_validator("state_dir", "cache_dir", "mapping", "model", "models", "rules")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().absolute()

    @property
    def registry(self) -> Path:
        """The folder of models and of which is promoted."""
        return self.models or self.state_dir / "models"

    @property
    def pinned(self) -> bool:
        """Whether RINGWATCH_MODEL is set: that folder scores, whatever is promoted."""
        return "model" in self.model_fields_set

    @property
    def own_rules(self) -> bool:
        """Whether RINGWATCH_RULES is set: what such a file names, the mapping has to have."""
        return "rules" in self.model_fields_set

    def stack_layout(self) -> Layout:
        """Where the local stack is."""
        return Layout(self.state_dir / "stack", self.cache_dir, Ports().shifted(self.stack_port_shift), Memory())

    def contacts_key(self) -> bytes:
        """The HMAC key of contacts: as set, else one made once and kept in the state folder.

        Raises:
            ConfigError: the state folder can't hold it, or what it holds is no key.
        """
        if self.contact_key is not None:
            return self.contact_key.get_secret_value().encode()
        path = self.state_dir / "contact.key"
        try:
            kept = _kept(path)
        except OSError as error:
            raise ConfigError(
                f"{path} can't be kept there ({error.strerror}); set {PREFIX}STATE_DIR to a folder of yours, "
                f"or {PREFIX}CONTACT_KEY"
            ) from None
        if len(kept) < KEY_LENGTH:
            raise ConfigError(f"{path} holds no contact key; put the key back, or remove the file to begin anew")
        return kept.encode()

    def kept_contacts_key(self) -> bytes | None:
        """The same, for a process that hashes contacts of others and must not make up a key: None where there is none.

        Raises:
            ConfigError: as `contacts_key`.
        """
        there = self.contact_key is not None or (self.state_dir / "contact.key").exists()
        return self.contacts_key() if there else None

    def tokens(self) -> list[str]:
        """What payment switches send.

        Raises:
            ConfigError: there is none. A made-up one would have to be told, and logs are kept.
        """
        if self.decide_tokens is None:
            raise ConfigError(f"{PREFIX}DECIDE_TOKENS is not set; make one with: openssl rand -hex 24")
        return _listed(self.decide_tokens)

    def token(self) -> str:
        """The analyst token: as set, else a new one for each start of a demo, printed there."""
        return self.analyst_token.get_secret_value() if self.analyst_token else secrets.token_urlsafe(24)


def _listed(value: SecretStr) -> list[str]:
    return [token.strip() for token in value.get_secret_value().split(",")]


def _kept(path: Path) -> str:
    """A random text made by whoever comes first. The name is linked to the whole file, so nobody reads half of it."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        try:
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_hex(32))
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):
                os.link(part, path)
        finally:
            part.unlink(missing_ok=True)
    return path.read_text()


def _hidden(name: str) -> bool:
    """Whether a setting's value may not be shown: pydantic reports the raw text, whatever the field wraps it in."""
    return name == "kafka_options" or SecretStr in get_args(Settings.model_fields[name].annotation)


def _problem(place: tuple[int | str, ...], given: object, said: str) -> str:
    name, *inside = (str(part) for part in place)
    shown = "(hidden)" if _hidden(name) else repr(given)[:80]
    return f"{'.'.join([PREFIX + name.upper(), *inside])}={shown}: {said.removeprefix('Value error, ')}"


@cache
def settings() -> Settings:
    """The settings of this process.

    Raises:
        ConfigError: a variable holds what it can't hold.
    """
    try:
        return Settings()
    except ValidationError as error:
        said = [_problem(e["loc"], e["input"], e["msg"]) for e in error.errors(include_url=False)]
    except SettingsError as error:  # its cause holds the text that is no JSON
        name = re.findall(r'field "(\w+)"', str(error))
        said = [f"{PREFIX}{''.join(name).upper()}=(hidden): not JSON, expected a JSON object of texts"]
    raise ConfigError("\n".join(said))
