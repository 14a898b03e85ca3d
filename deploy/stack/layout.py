"""Where the local servers live: one data folder, one cache of downloads, their ports and memory."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Ports:
    """One port per listener, all on 127.0.0.1 and none of them a server's default."""

    mariadb: int = 13306
    kafka: int = 19092
    kafka_controller: int = 19093
    connect: int = 18083
    neo4j: int = 17687
    postgres: int = 15432
    redis: int = 16379
    mysql: int = 13307  # of the tests

    def shifted(self, by: int) -> Ports:
        """Return the same ports moved by a number, for a second stack beside the first."""
        return replace(self, **{field.name: getattr(self, field.name) + by for field in fields(self)})


@dataclass(frozen=True, slots=True)
class Memory:
    """Heaps of the Java servers and Neo4j's page cache, in MB."""

    neo4j_heap_mb: int = 1024
    neo4j_pagecache_mb: int = 512
    kafka_heap_mb: int = 768
    connect_heap_mb: int = 768


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything is.

    `data` holds what the servers write (databases, logs, generated passwords) and `cache` what was
    downloaded; both are absolute. Raises ValueError for a relative folder.
    """

    data: Path
    cache: Path
    ports: Ports = Ports()
    memory: Memory = Memory()

    def __post_init__(self) -> None:
        for name in ("data", "cache"):
            folder: Path = getattr(self, name)
            if not folder.is_absolute():
                raise ValueError(f"the stack's {name} folder is {str(folder)!r}: give an absolute path")

    def home(self, server: str) -> Path:
        """Return the folder of one server."""
        return self.data / server

    def log(self, server: str) -> Path:
        """Return the log file of one server."""
        return self.data / "logs" / f"{server}.log"

    def pid_file(self, server: str) -> Path:
        """Return the file that says which process a server is."""
        return self.data / "run" / f"{server}.json"

    @property
    def secrets_file(self) -> Path:
        """The generated passwords, readable by the owner only."""
        return self.data / "secrets.json"

    @property
    def lock_file(self) -> Path:
        """Held while servers are being started or stopped."""
        return self.data / "run" / "lock"
