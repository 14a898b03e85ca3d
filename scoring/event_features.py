"""What the event says of itself against its past: ratios, novelty, recency, the clock.

Shapes: B events, R relations, E edges.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scoring.columns import Floats, Ints
from scoring.frame import DAY_MS, NEVER_MS, Frame, bits, least, seconds_log
from scoring.schema import HOUR_MS


def event_features(frame: Frame, words: int) -> NDArray[np.float32]:
    """The event's own features, as `FeatureSchema.event` names them: [B, V]."""
    columns = frame.columns
    kind = columns.kind[:, None] == np.arange(frame.relations)  # [B, R]
    blocks = [kind, np.log1p(columns.amount), _ratios(frame), _clock(columns.time_ms), _novelty(frame)]
    blocks += [_recency(frame), _near(frame), bits(columns.says, words)]
    return np.concatenate(blocks, axis=1, dtype=np.float32)


def _ratios(frame: Frame) -> Floats:
    """The event's amount against the source's own past and its inflow of a day, as log ratios: [B, 3]."""
    columns, size = frame.columns, len(frame.columns)
    value, amount = columns.value[:, 0], columns.amount[:, 0]
    own = (frame.src == frame.ends[frame.edge_graph, 0]) & (columns.relation == columns.kind[frame.edge_graph])
    key, past = frame.edge_graph[own], value[own]
    mean = np.bincount(key, past, size) / np.maximum(np.bincount(key, minlength=size), 1)
    top = -least(key, -past, size, 0)
    into = (frame.dst == frame.ends[frame.edge_graph, 0]) & (columns.age_ms <= DAY_MS)
    inflow = np.bincount(frame.edge_graph[into], value[into], size)
    against = np.stack([mean, top, inflow], axis=1)
    return np.where((against > 0) & (amount[:, None] > 0), np.log1p(amount)[:, None] - np.log1p(against), 0.0)


def _clock(time_ms: Ints) -> Floats:
    """Hour of the day and day of the week (UTC) on a circle: [B, 4]."""
    day, week = (time_ms % (24 * HOUR_MS)) / (24 * HOUR_MS), (time_ms % (7 * DAY_MS)) / (7 * DAY_MS)
    turns = 2 * np.pi * np.stack([day, week], axis=1)  # [B, 2]
    return np.stack([np.sin(turns[:, 0]), np.cos(turns[:, 0]), np.sin(turns[:, 1]), np.cos(turns[:, 1])], axis=1)


def _novelty(frame: Frame) -> Floats:
    """What was not there before: the pair, the ends, their first edge of this relation; what is known: [B, 8]."""
    columns, size, graph = frame.columns, len(frame.columns), frame.edge_graph
    ends = frame.ends[graph]
    same = columns.relation == columns.kind[graph]
    pair = np.bincount(graph[same & (frame.src == ends[:, 0]) & (frame.dst == ends[:, 1])], minlength=size)
    touches = [(frame.src == end) | (frame.dst == end) for end in (ends[:, 0], ends[:, 1])]
    seen = [np.bincount(graph[touch], minlength=size) for touch in touches]
    first = [np.bincount(graph[same & touch], minlength=size) for touch in touches]
    known = [np.bincount(graph[columns.known == value], minlength=size) for value in (1, 0)]
    return np.stack(
        [np.log1p(pair), pair == 0, *(count == 0 for count in (*seen, *first)), *(np.log1p(count) for count in known)],
        axis=1,
    )


def _recency(frame: Frame) -> Floats:
    """Log seconds since each end's last edge of each relation, either way: [B, 2R]."""
    columns, size, relations = frame.columns, len(frame.columns), frame.relations
    key = frame.edge_graph * relations + columns.relation
    parts = []
    for way in (0, 1):
        end = frame.ends[frame.edge_graph, way]
        touch = (frame.src == end) | (frame.dst == end)
        since = least(key[touch], columns.age_ms[touch], size * relations, NEVER_MS)
        parts.append(seconds_log(since).reshape(size, relations))
    return np.concatenate(parts, axis=1)


def _near(frame: Frame) -> Floats:
    """Around the source and its neighbours, per relation: edges of an hour and a day, the newest new pair: [B, 3R]."""
    columns, relations = frame.columns, frame.relations
    size = len(columns) * relations
    near = np.zeros(frame.nodes, bool)
    near[frame.ends[:, 0]] = True
    source = frame.ends[frame.edge_graph, 0]
    near[frame.dst[frame.src == source]] = True
    near[frame.src[frame.dst == source]] = True
    mine = near[frame.src] | near[frame.dst]
    key, age = (frame.edge_graph * relations + columns.relation)[mine], columns.age_ms[mine]
    counts = [np.log1p(np.bincount(key[age <= window], minlength=size)) for window in (HOUR_MS, DAY_MS)]
    pair = (frame.src * frame.nodes + frame.dst)[mine] * relations + columns.relation[mine]
    pairs, place, index = np.unique(pair, return_index=True, return_inverse=True)
    oldest = -least(index, -age, len(pairs), 0)  # when each pair was first seen
    newest = least(key[place], oldest, size, NEVER_MS)
    return (
        np.stack([*counts, seconds_log(newest)], axis=0)
        .reshape(3, len(columns), relations)
        .swapaxes(0, 1)
        .reshape(len(columns), 3 * relations)
    )
