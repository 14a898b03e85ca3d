"""What ends a command with one readable message instead of a trace."""

from __future__ import annotations

from alerts.errors import AlertsError
from deploy.config import ConfigError
from deploy.processes import ServiceFailed
from deploy.stack.errors import StackError
from deploy.web import PortTaken
from graph.mapping_file import MappingError
from graph.store import StoreError
from ingest.events import IngestError
from scoring.registry import ModelRefused

EXPECTED = (
    AlertsError, ConfigError, IngestError, MappingError, ModelRefused, PortTaken, ServiceFailed, StackError,
    StoreError,
)  # fmt: skip
