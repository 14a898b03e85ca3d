"""Where the servers are: those the settings name, or else the local stack's. Never some of each."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import SecretStr

from deploy.config import PREFIX, ConfigError, Settings
from deploy.stack.control import endpoints
from deploy.stack.endpoints import Endpoints

SERVERS = (
    "kafka_bootstrap", "neo4j_uri", "neo4j_user", "neo4j_password", "sql_url", "redis_url", "mariadb_host",
    "mariadb_password", "postgres_host", "postgres_password", "connect_url", "debezium_password",
)  # fmt: skip


def given(settings: Settings, name: str, hint: str = "") -> str | None:
    """A setting of a server; None where no server is set, so that the local stack's are meant.

    Raises:
        ConfigError: it is not set, though another server's is.
    """
    if value := getattr(settings, name):
        return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
    if other := next((each for each in SERVERS if getattr(settings, each)), None):
        raise ConfigError(
            f"{PREFIX}{name.upper()} is not set, but {PREFIX}{other.upper()} is; set both{hint}, or no server at all: "
            "then the local stack's are used"
        )
    return None


@dataclass(frozen=True, slots=True)
class Connections:
    """Each server is looked up when it is asked for, so that a process needs to be told only of its own.

    Each raises ConfigError where it is not set though another server is, and StackError where all are left to
    the local stack and there is none.
    """

    settings: Settings

    @property
    def kafka_bootstrap(self) -> str:
        """host:port, comma-separated."""
        return given(self.settings, "kafka_bootstrap") or self._local.kafka_bootstrap

    @property
    def neo4j_uri(self) -> str:
        """bolt:// or neo4j://."""
        return given(self.settings, "neo4j_uri") or self._local.neo4j.uri

    @property
    def neo4j_user(self) -> str:
        """As set; neo4j where only the rest is."""
        if given(self.settings, "neo4j_uri") is None:
            return self._local.neo4j.user
        return self.settings.neo4j_user or "neo4j"

    @property
    def neo4j_password(self) -> str:
        """A secret."""
        return given(self.settings, "neo4j_password") or self._local.neo4j.password

    @property
    def sql_url(self) -> str:
        """SQLAlchemy's, with the password."""
        return given(self.settings, "sql_url") or self._local.postgres_url

    @property
    def redis_url(self) -> str:
        """With the password."""
        return given(self.settings, "redis_url") or self._local.redis_url

    @property
    def _local(self) -> Endpoints:
        return endpoints(self.settings.stack_layout())


def connections(settings: Settings) -> Connections:
    """Where the servers are."""
    return Connections(settings)
