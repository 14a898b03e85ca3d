"""Which features a model reads, in order: built from a plain description of the graph, hashed, kept with the model.

Nothing here counts on a bank's five relations. A relation or label that the schema does not know is
left out of the features and does no harm.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import msgspec

VERSION = 1
NODE_FEATURES = 64
CATEGORIES = 6  # categories read of one relation; further ones are left out
NETWORK = "network"  # the column in which trees read the network's logit
WORDS = 32  # bits of the mask that columns keep
NUMERIC_SLOTS = 4  # numeric attributes read of one relation; further ones are left out

HOUR_MS = 3_600_000
WINDOWS_MS = {"1h": HOUR_MS, "24h": 24 * HOUR_MS, "7d": 7 * 24 * HOUR_MS}


class Relation(msgspec.Struct, frozen=True):
    """A relation: its name, the labels it runs between, and the attributes that are features.

    `words` are values of text attributes, as (attribute, value): each is a feature of its own. `categories` are the
    attributes whose values, whatever they are, are known by what became of events that had them.
    """

    name: str
    src: str
    dst: str
    numeric: tuple[str, ...] = ()
    words: tuple[tuple[str, str], ...] = ()
    categories: tuple[str, ...] = ()


class FeatureSchema(msgspec.Struct, frozen=True):
    """The features by name, in the order of the arrays.

    Attributes:
        version: of the code that computes them; a change of meaning raises it.
        labels: node labels that have a feature.
        relations: relations that have features, in the order of their numbers.
        nodes: names of the 64 node features.
        edges: names of the edge attributes.
        event: names of the event's own features.
        past: names of what stands behind them with a long look back (`scoring.cells.past_names`), where it is read.
    """

    version: int
    labels: tuple[str, ...]
    relations: tuple[Relation, ...]
    nodes: tuple[str, ...]
    edges: tuple[str, ...]
    event: tuple[str, ...]
    past: tuple[str, ...] = ()

    @property
    def slots(self) -> int:
        """How many numeric attributes an edge has, at least 1."""
        return max([1, *(len(relation.numeric) for relation in self.relations)])

    @property
    def words(self) -> tuple[tuple[str, str, str], ...]:
        """Every (relation, attribute, value) that has a feature."""
        return tuple((relation.name, *word) for relation in self.relations for word in relation.words)

    @property
    def categories(self) -> dict[str, tuple[str, ...]]:
        """Of each relation that has any, its categories."""
        return {relation.name: relation.categories for relation in self.relations if relation.categories}

    @property
    def hash(self) -> str:
        """Names this schema: the same hash, the same features. Without categories and past as before them."""
        told = msgspec.to_builtins(self)
        if not told["past"]:
            del told["past"]
        for relation in told["relations"]:
            if not relation["categories"]:
                del relation["categories"]
        return hashlib.sha256(msgspec.json.encode(told, order="sorted")).hexdigest()[:16]


def schema_of(
    relations: Mapping[str, tuple[str, str, Sequence[str]]],
    labels: Sequence[str] | None = None,
    words: Mapping[str, Sequence[tuple[str, str]]] | None = None,
    categories: Mapping[str, Sequence[str]] | None = None,
) -> FeatureSchema:
    """Build the schema of a graph.

    Args:
        relations: name → (source label, target label, numeric attributes that are features). The
            order of the names does not matter.
        labels: node labels; by default those the relations run between.
        words: relation → (text attribute, value) pairs that are features.
        categories: relation → text attributes whose values are told apart by their past (`scoring.tallies`).

    Raises:
        ValueError: more words than a mask holds.
    """
    chosen, told = words or {}, categories or {}
    known = tuple(
        Relation(
            name, src, dst, tuple(numeric)[:NUMERIC_SLOTS], tuple(sorted(chosen.get(name, ()))),
            tuple(sorted(told.get(name, ())))[:CATEGORIES],
        )
        for name, (src, dst, numeric) in sorted(relations.items())
    )  # fmt: skip
    if sum(len(relation.words) for relation in known) > WORDS:
        raise ValueError(f"more than {WORDS} (attribute, value) pairs are features; name fewer")
    named = tuple(sorted(set(labels or ()) or {label for r in known for label in (r.src, r.dst)}))
    names = [relation.name for relation in known]
    slots = max([1, *(len(relation.numeric) for relation in known)])
    texts = [f"{relation.name}.{attribute}={value}" for relation in known for attribute, value in relation.words]
    return FeatureSchema(
        VERSION,
        named,
        known,
        _node_names(named, names),
        (*_edge_names(slots), *texts),
        (*_event_names(names, slots), *texts),
    )


def rebuilt(schema: FeatureSchema) -> FeatureSchema:
    """The schema that this code makes of the same description: equal, unless the code has changed."""
    relations = {r.name: (r.src, r.dst, r.numeric) for r in schema.relations}
    words, categories = ({r.name: getattr(r, part) for r in schema.relations} for part in ("words", "categories"))
    return msgspec.structs.replace(schema_of(relations, schema.labels, words, categories), past=schema.past)


def _node_names(labels: Sequence[str], relations: Sequence[str]) -> tuple[str, ...]:
    """64 names: what every graph has, then counts per relation and direction, cut or filled up."""
    names = [f"is_{label}" for label in labels]
    names += ["is_source", "is_target", "hop_0", "hop_1", "hop_far"]
    names += ["edges_log", "edges_1h_log", "edges_24h_log", "neighbours_log"]
    names += ["since_last_log", "since_first_log", "known_fraud_log", "known_legit_log"]
    names += ["out_sum_log", "in_sum_log", "out_max_log", "in_max_log", "out_sum_24h_log", "in_sum_24h_log"]
    for window in ("all", *WINDOWS_MS):
        names += [f"{relation}_{way}_{window}_log" for relation in relations for way in ("out", "in")]
    names += [f"unused_{index}" for index in range(len(names), NODE_FEATURES)]
    return tuple(names[:NODE_FEATURES])


def _edge_names(slots: int) -> tuple[str, ...]:
    values = [f"value_{slot}_log" for slot in range(slots)]
    return (*values, "value_close", "age_log", "age_1h", "age_24h", "fraud", "legit", "far", "same_hour", "same_pair")


def _event_names(relations: Sequence[str], slots: int) -> tuple[str, ...]:
    names = [f"is_{relation}" for relation in relations]
    names += [f"value_{slot}_log" for slot in range(slots)]
    names += ["to_own_mean", "to_own_max", "to_inflow_24h", "hour_sin", "hour_cos", "week_sin", "week_cos"]
    names += ["pair_log", "pair_new", "source_new", "target_new", "source_first", "target_first"]
    names += ["known_fraud_log", "known_legit_log"]
    for prefix in ("source_since", "target_since", "near_1h", "near_24h", "near_new_since"):
        names += [f"{prefix}_{relation}" for relation in relations]
    return tuple(names)
