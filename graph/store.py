"""What a graph store promises. One contract suite (tests/graph/test_store_contract.py) runs over all."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Literal, Protocol

from graph.model import Caps, Event, Subgraph, Upsert
from ingest.events import Reject, Transient


class StoreError(Exception):
    """Base of what stores raise."""


class StoreNotReady(StoreError):
    """The store lacks its constraints: run `ringwatch graph init`, then start again. Retrying won't help."""


class StoreUnavailable(StoreError, Transient):
    """The store did not answer, or asked to try again: retry with back-off."""


class StoreRefused(StoreError, Reject):
    """The store will never take one of these upserts: find it, dead-letter it, go on."""


class GraphStore(Protocol):
    """A graph of versions on two clocks.

    Feeding the same upserts shuffled, duplicated and split into any batches ends in the same graph
    (`dump` yields the same), property for property.
    """

    def check(self) -> None:
        """Make sure the store can be written to.

        Raises:
            StoreNotReady: constraints are missing.
            StoreUnavailable: no answer.
        """
        ...

    def apply(self, upserts: Sequence[Upsert]) -> None:
        """Write a batch, all of it or nothing. Doing it twice changes nothing.

        Raises:
            StoreUnavailable: nothing of the batch was written; try the same batch again.
            StoreRefused: one of them can't be written; of the batch nothing was, or (the mirror) what came before it.
        """
        ...

    def subgraphs(self, events: Sequence[Event], caps: Caps) -> list[Subgraph]:
        """The neighbourhood of each event as of its time and position, in the events' order.

        An edge counts if its time is strictly before the event's, its row was committed by then and
        stands before the event in the log, and it was not closed by then (the same two tests on what
        closed it). Labels likewise. Positions of another source are not compared.

        Per node, relation and direction the newest `caps.per_hop[hop]` edges are taken, ties broken
        by `version_id`, descending.

        Raises:
            StoreUnavailable: no answer.
        """
        ...

    def incomplete(self, rows: Collection[str]) -> set[str]:
        """Which of these rows (`table:key`) wait for a record that was refused.

        Raises:
            StoreUnavailable: no answer.
        """
        ...

    def marked(self, most: int) -> dict[str, str]:
        """Rows that wait for a record that was refused, at most so many, with `Incomplete.pos`.

        Raises:
            StoreUnavailable: no answer.
        """
        ...

    def horizon(self, kind: Literal["retention", "purge"]) -> int | None:
        """The horizon in force (`before_ms`), None where there is none. Another process's shows within a
        minute.

        Raises:
            StoreUnavailable: no answer.
        """
        ...

    def sweep(self, limit: int) -> int:
        """Remove up to about `limit` things that lie behind a horizon; returns how many (0: nothing is left).

        Readers do not see them any more, swept or not.

        Raises:
            StoreUnavailable: no answer.
        """
        ...

    def dump(self) -> Iterator[Upsert]:
        """Upserts that rebuild this graph in an empty store, each once: horizons first, the others in any order.

        What lies behind a horizon is not among them, swept or not; nor are cleared marks of incomplete
        rows, once there is a purge horizon.
        """
        ...
