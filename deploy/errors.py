"""What ends a command with one readable message instead of a trace."""

from __future__ import annotations

from confluent_kafka import KafkaException

from alerts.errors import AlertsError
from deploy.config import PREFIX, ConfigError
from deploy.ports import PortTaken
from deploy.processes import ServiceFailed
from deploy.stack.errors import StackError
from deploy.verify.connector import CannotVerify
from graph.mapping_file import MappingError
from graph.store import StoreError
from ingest.events import IngestError
from scoring.core.backend import BackendMissing
from scoring.online.comparison import NothingToCompare
from scoring.outcome import OutcomeError
from scoring.promotions import RegistryError
from scoring.registry import ModelRefused
from scoring.rules import RulesError

EXPECTED = (
    AlertsError, BackendMissing, CannotVerify, ConfigError, IngestError, KafkaException, MappingError, ModelRefused,
    NothingToCompare, OutcomeError, PortTaken, RegistryError, RulesError, ServiceFailed, StackError, StoreError,
)  # fmt: skip


def told(error: Exception) -> str:
    """What to print of an expected error."""
    if not isinstance(error, KafkaException):
        return str(error)
    what = error.args[0].str() if error.args and hasattr(error.args[0], "str") else str(error)
    return f"Kafka: {what}; look at {PREFIX}KAFKA_BOOTSTRAP and {PREFIX}KAFKA_OPTIONS"
