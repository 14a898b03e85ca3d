"""A fixed subsample of a set, read and prepared once for all variants of an ablation, and as each variant reads it.

Shapes: B events, V event features, H features of the long look back.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from graph.model import Caps
from scoring.ablation_variants import Reads
from scoring.cells import past_names
from scoring.columns import Floats, Ints, join
from scoring.core.topology import with_topology
from scoring.features import Features
from scoring.flat_set import FlatSet
from scoring.inputs import read
from scoring.outcome import Outcome
from scoring.prepared import BLOCK, Prepared
from scoring.rows import SAYS_LABELS, Rows, put_together, rows_of
from scoring.schema import FeatureSchema
from scoring.shuffle import SEED, derangement, shuffled
from scoring.split import Part, Split, SplitSettings, split
from scoring.telling import NOBODY, Told

TESTED = 2  # times as many events are tested as are trained on: a forward pass costs a third of a step
KNOWN = frozenset({"fraud", "legit", "known_fraud_log", "known_legit_log"})  # features of the schema that tell labels

Number = TypeVar("Number", bound=np.floating)


@dataclass(frozen=True, slots=True)
class Slice:
    """Events of one part: their subgraphs for networks, their rows for trees."""

    part: Part
    prepared: Prepared
    rows: Rows


@dataclass(frozen=True, slots=True)
class Sample:
    """A subsample, split once in time.

    Attributes:
        data: the set it is of.
        cut: its parts.
        train, calibrate, test: the same, ready for every model.
        notes: by heading, how it was drawn.
    """

    data: FlatSet
    cut: Split
    train: Slice
    calibrate: Slice
    test: Slice
    notes: dict[str, str]

    @property
    def slices(self) -> tuple[Slice, Slice, Slice]:
        """Train, calibrate, test."""
        return self.train, self.calibrate, self.test

    def read_as(self, reads: Reads) -> tuple[Prepared, Prepared, Prepared]:
        """Train, calibrate and test as a variant reads them."""
        first, second, third = (_read_as(each.prepared, self.data.schema, reads) for each in self.slices)
        return first, second, third

    def outcome(self, said: dict[str, list[Floats]], titles: dict[str, str]) -> Outcome:
        """What models said of the test's events [B], a list of seeds each."""
        index, name = self.cut.test.index, self.data.name
        return Outcome(
            name, np.array([f"{name}/{self.data.events[at].id}" for at in index]), self.data.time_ms[index],
            self.cut.test.target, {model: np.stack(each) for model, each in said.items()}, titles,
            groups={"payers": self.data.payers(index)}, notes=self.notes,
        )  # fmt: skip


def sample(data: FlatSet, most: int, caps: Caps, told: Told = NOBODY) -> Sample:
    """Split a set in time, keep at most so many events of each part, and read them.

    Args:
        data: the set.
        most: events to train on; a fifth of them calibrate, twice as many are tested.
        caps: of the subgraphs.
        told: whom to tell.

    Raises:
        FlatSetError: the set can't be split so.
    """
    whole = split(data, SplitSettings(most=most))
    train, calibrate, test = (
        capped(part, _ids(data, part.index), limit)
        for part, limit in ((whole.train, most), (whole.calibrate, max(1, most // 5)), (whole.test, TESTED * most))
    )
    cut = Split(train, calibrate, Part(test.index, test.target, np.ones(len(test))), whole.cut_ms, whole.gap_ms)
    told.say(cut.counted)
    notes = {
        "Split": f"by time: {cut.counted}.",
        "Subsample": f"of the test range {len(cut.test) / len(whole.test):.1%}, of frauds and others alike, chosen by "
        "a hash of the event's id; negatives that were left out of training count by weight.",
        "Training": "network and trees alike on the training slice alone; nothing is made again with the slice that "
        "calibrates, as `evaluate` does.",
    }
    first, second, third = (_slice(data, part, caps, told) for part in (cut.train, cut.calibrate, cut.test))
    return Sample(data, cut, first, second, third, notes)


def capped(part: Part, ids: Sequence[str], most: int) -> Part:
    """At most about so many events of a part, always the same: of each class the same share, the first by a hash of
    their ids. Weights grow by what was left out.
    """
    if len(part) <= most:
        return part
    rank = np.array([int.from_bytes(hashlib.blake2b(id.encode(), digest_size=8).digest()) for id in ids], np.uint64)
    kept, weight = np.zeros(len(part), bool), part.weight.copy()
    for group in (np.flatnonzero(part.target), np.flatnonzero(~part.target)):
        few = group[np.argsort(rank[group], kind="stable")][: max(1, round(len(group) * most / len(part)))]
        kept[few] = True
        weight[few] *= len(group) / max(1, len(few))
    return Part(part.index[kept], part.target[kept], weight[kept])


def _ids(data: FlatSet, index: Ints) -> list[str]:
    return [data.events[at].id for at in index]


def _slice(data: FlatSet, part: Part, caps: Caps, told: Told) -> Slice:
    told.at(f"sampling {len(part):,} events", 0.0)
    _, columns, pasts = zip(*read(data, part.index, caps), strict=True)
    past, rows = np.concatenate(pasts), list[Rows]()

    def keep(at: Ints, features: Features) -> None:
        rows.append(rows_of(data.schema, features, past[at]))

    prepared = Prepared(join(columns), data.schema, beside=past, show=keep)
    return Slice(part, prepared, put_together(rows))


def _read_as(prepared: Prepared, schema: FeatureSchema, reads: Reads) -> Prepared:
    own, made = len(schema.event), prepared
    if reads.shuffled:
        made = _shuffled(prepared, schema)
    if reads == Reads() or reads == Reads(shuffled=True):
        return made
    made = copy.copy(made)
    if not reads.labels:
        made.nodes, made.edges = _blank(made.nodes, schema.nodes), _blank(made.edges, schema.edges)
        made.event = _blank(made.event, (*schema.event, *_past_names(schema)))
    if not reads.past:
        made.event = made.event[:, :own]
    if reads.topology:
        blocks = [np.arange(first, min(first + BLOCK, len(made))) for first in range(0, len(made), BLOCK)]
        wholes = [with_topology(made.batch(at)).whole for at in blocks]
        made.whole = np.concatenate([whole.numpy() for whole in wholes if whole is not None])
    return made


def _shuffled(prepared: Prepared, schema: FeatureSchema) -> Prepared:
    """Each event with another's neighbourhood, and that other's past."""
    donor = derangement(prepared.columns.kind.astype(np.int64), np.random.default_rng(SEED))
    past = prepared.event[donor, len(schema.event) :]
    return Prepared(shuffled(prepared.columns, SEED), schema, beside=past)


def _past_names(schema: FeatureSchema) -> list[str]:
    """Names of the long look back's features; those that tell labels as one of `KNOWN`: [H]."""
    return [("fraud" if any(word in name for word in SAYS_LABELS) else name) for name in past_names(schema)]


def _blank(matrix: NDArray[Number], names: Sequence[str]) -> NDArray[Number]:
    """A copy in which what tells labels is nought."""
    tells = np.array([name in KNOWN for name in names], bool)
    blank = matrix.copy()
    blank[:, tells] = 0
    return blank
