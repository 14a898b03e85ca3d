"""A set's events read in chunks, as of each: subgraphs, features, and everything with a long look back.

Shapes: B events, P features with a long look back.
"""

from __future__ import annotations

from collections.abc import Iterator

from graph.model import Caps
from scoring.baseline import Matrix
from scoring.columns import Columns, Ints
from scoring.features import Features, compute
from scoring.flat_set import FlatSet

CHUNK = 2_048  # events read at a time


def read(data: FlatSet, index: Ints, caps: Caps) -> Iterator[tuple[slice, Columns, Matrix]]:
    """Events in chunks: their place among the index, columns, and the long look back [B, P]."""
    for first in range(0, len(index), CHUNK):
        events = [data.events[at] for at in index[first : first + CHUNK]]
        yield slice(first, first + len(events)), *data.sampler.read(events, caps)


def stream(data: FlatSet, index: Ints, caps: Caps) -> Iterator[tuple[slice, Features, Matrix]]:
    """Events in chunks: their place among the index, features, and the long look back [B, P]."""
    for span, columns, past in read(data, index, caps):
        yield span, compute(columns, data.schema), past
