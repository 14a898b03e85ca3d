"""What everything that speaks to Neo4j needs: a driver, checked texts, the driver's errors as the store's own."""

from __future__ import annotations

import re
from typing import LiteralString

import neo4j
from neo4j.exceptions import ClientError, ConstraintError, DatabaseError, DriverError, Neo4jError

from graph.store import StoreRefused, StoreUnavailable

CONNECT_S = 5.0  # to be let in, and as long again to be greeted; by default a network that swallows all costs 60 s
# Client errors that no row is to blame for: passwords, a database that is away, a transaction past its time.
_OURS = re.compile(r"Neo\.ClientError\.(Security|Database|Cluster|Transaction|Request)\.")


def query(text: str) -> LiteralString:
    """A statement of `graph.cypher` and its like: built from checked names only."""
    return text


def connect(uri: str, user: str, password: str) -> neo4j.Driver:
    """A driver; TLS by the URI's scheme (bolt+s, neo4j+s). Notifications (say, that a property key is
    not in use yet) are turned off: they would fill the log of every empty database.
    """
    return neo4j.GraphDatabase.driver(
        uri, auth=(user, password), notifications_min_severity="OFF",
        connection_timeout=CONNECT_S, connection_acquisition_timeout=2 * CONNECT_S,
    )  # fmt: skip


class Faults:
    """Driver errors become the store's own, as to whether to try again."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ConstraintError):
            raise StoreUnavailable(f"another writer was there first: {error.message}") from error
        if isinstance(error, ClientError) and str(error.code).endswith(".EntityNotFound"):
            raise StoreUnavailable(f"the sweep took something away meanwhile: {error.message}") from error
        if isinstance(error, DatabaseError) and "too large to index" in str(error.message):
            raise StoreRefused(f"Neo4j refuses this: {str(error.message)[:500]}") from error  # it would for ever
        if isinstance(error, UnicodeEncodeError | OverflowError):  # half a surrogate pair, more than 64 bits
            raise StoreRefused(f"Neo4j's protocol can't carry this: {str(error)[:500]}") from error
        if isinstance(error, ClientError) and not error.is_retryable() and not _OURS.match(str(error.code)):
            raise StoreRefused(f"Neo4j refuses this: {error.code} {str(error.message)[:500]}") from error
        if isinstance(error, Neo4jError | DriverError | OSError):
            raise StoreUnavailable(f"Neo4j: {type(error).__name__}: {str(error)[:300]}") from error
