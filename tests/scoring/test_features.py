"""Features are a pure, causal function of a subgraph."""

from __future__ import annotations

import random
from collections.abc import Callable

import msgspec
import numpy as np
import pytest

from graph.model import Subgraph
from scoring.columns import FeatureError, Reader, join
from scoring.features import Features, compute, features_of
from scoring.schema import NODE_FEATURES, FeatureSchema, rebuilt, schema_of


def node(features: Features, schema: FeatureSchema, subgraph: Subgraph, name: str) -> dict[str, float]:
    """A node's features by name."""
    row = features.nodes[subgraph.nodes.index(name)]
    return dict(zip(schema.nodes, row.tolist(), strict=True))


def event(features: Features, schema: FeatureSchema) -> dict[str, float]:
    """The event's features by name."""
    return dict(zip(schema.event, features.event[0].tolist(), strict=True))


def shuffled(subgraph: Subgraph, seed: int) -> Subgraph:
    """The same edges and nodes in another order; the event's ends stay in front."""
    edges, nodes = list(subgraph.edges), list(subgraph.nodes[2:])
    random.Random(seed).shuffle(edges)
    random.Random(seed).shuffle(nodes)
    return Subgraph(subgraph.event, (*subgraph.nodes[:2], *nodes), tuple(edges))


def test_there_are_as_many_values_as_names(transfer: Subgraph, schema: FeatureSchema) -> None:
    """64 node features, and a width for each other part."""
    features = features_of([transfer], schema)
    assert features.nodes.shape == (len(transfer.nodes), NODE_FEATURES)
    assert len(schema.nodes) == NODE_FEATURES
    assert features.edges.shape == (len(transfer.edges), len(schema.edges))
    assert features.event.shape == (1, len(schema.event))
    assert len(set(schema.nodes)) == NODE_FEATURES


@pytest.mark.parametrize("relations", [1, 2, 9])
def test_any_number_of_relations_gives_64_node_features(relations: int, build: Callable[..., Subgraph]) -> None:
    """Cut off or filled up; nothing counts on five."""
    schema = schema_of({f"R{n}": ("Paper", "Paper", ("weight", "pages")) for n in range(relations)})
    subgraph = build("R0", "Paper:1", "Paper:2", [("R0", "Paper:2", "Paper:3", 1, None, {"weight": 2, "pages": 3.5})])
    features = features_of([subgraph], schema)
    assert len(schema.nodes) == features.nodes.shape[1] == NODE_FEATURES
    assert features.event.shape[1] == len(schema.event)
    assert features.edges[0, :2].tolist() == pytest.approx(np.log1p([2, 3.5]).tolist(), abs=1e-6)


def test_counts_sums_and_labels_of_the_source(transfer: Subgraph, schema: FeatureSchema) -> None:
    """A was paid 100.00 and 200.00 within a day, one of them known fraud; it paid 50.00 30 hours ago."""
    got = node(features_of([transfer], schema), schema, transfer, "Account:A")
    assert got["is_Account"] == got["is_source"] == got["hop_0"] == 1
    assert got["is_target"] == 0
    for name, value in {
        "TRANSFER_in_24h_log": 2, "TRANSFER_in_1h_log": 0, "TRANSFER_out_24h_log": 0, "TRANSFER_out_7d_log": 1,
        "TRANSFER_out_all_log": 1, "edges_log": 4, "neighbours_log": 4, "known_fraud_log": 1, "known_legit_log": 1,
        "in_sum_log": 30_000, "in_max_log": 20_000, "out_sum_log": 5_000, "in_sum_24h_log": 30_000,
        "out_sum_24h_log": 0, "since_last_log": 2 * 3600, "since_first_log": 5_000 * 3600,
    }.items():  # fmt: skip
        assert got[name] == pytest.approx(np.log1p(value), abs=1e-5), name


def test_what_the_event_says_of_itself(transfer: Subgraph, schema: FeatureSchema) -> None:
    """Amount against its own past and its inflow, the pair, the new device of the owner."""
    got = event(features_of([transfer], schema), schema)
    assert got["is_TRANSFER"] == got["TRANSFER.channel=app"] == 1
    assert got["TRANSFER.channel=card"] == got["is_LOGIN"] == 0
    assert got["value_0_log"] == pytest.approx(np.log1p(25_000))
    assert got["to_own_mean"] == got["to_own_max"] == pytest.approx(np.log1p(25_000) - np.log1p(5_000), abs=1e-5)
    assert got["to_inflow_24h"] == pytest.approx(np.log1p(25_000) - np.log1p(30_000), abs=1e-5)
    assert (got["pair_new"], got["pair_log"]) == (0, pytest.approx(np.log(2)))
    assert got["target_new"] == got["source_new"] == 0
    assert got["source_since_TRANSFER"] == pytest.approx(np.log1p(2 * 3600), abs=1e-5)
    assert got["near_new_since_LOGIN"] == pytest.approx(np.log1p(4 * 3600), abs=1e-5)
    assert got["near_24h_MODIFY"] == pytest.approx(np.log(2), abs=1e-6)


def test_edge_attributes_tell_age_label_and_kinship(transfer: Subgraph, schema: FeatureSchema) -> None:
    """The newest edge first: 2 hours old, known fraud, one hop away."""
    row = dict(zip(schema.edges, features_of([transfer], schema).edges[0].tolist(), strict=True))
    assert row["age_log"] == pytest.approx(np.log1p(2 * 3600), abs=1e-5)
    assert (row["fraud"], row["legit"], row["age_1h"], row["age_24h"], row["far"]) == (1, 0, 0, 1, 0)
    assert row["same_pair"] == 0


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_edges_and_nodes_does_not_matter(transfer: Subgraph, schema: FeatureSchema, seed: int) -> None:
    """Bit for bit: everything is a count, an exact sum or an extreme."""
    other = shuffled(transfer, seed)
    first, second = features_of([transfer], schema), features_of([other], schema)
    assert np.array_equal(first.event, second.event)
    for name in transfer.nodes:
        assert node(first, schema, transfer, name) == node(second, schema, other, name)
    place = {each.owner: index for index, each in enumerate(other.edges)}
    assert np.array_equal(first.edges, second.edges[[place[each.owner] for each in transfer.edges]])


def test_a_batch_computes_what_each_gives_alone(
    transfer: Subgraph, schema: FeatureSchema, build: Callable[..., Subgraph]
) -> None:
    """Subgraphs of different sizes, one without edges, side by side."""
    lonely = build("LOGIN", "User:x", "Device:y", [])
    many = [transfer, lonely, shuffled(transfer, 1)]
    together = features_of(many, schema)
    alone = [features_of([one], schema) for one in many]
    for name in ("nodes", "edges", "event"):
        assert np.array_equal(getattr(together, name), np.concatenate([getattr(one, name) for one in alone]))
    starts = [0, len(transfer.nodes), len(transfer.nodes) + 2]
    assert together.ends.tolist() == [[first, first + 1] for first in starts]
    assert together.graph.tolist() == [n for n, one in enumerate(many) for _ in one.nodes]


def test_columns_can_be_taken_in_any_order(transfer: Subgraph, schema: FeatureSchema) -> None:
    """What a training batch does."""
    reader = Reader(schema)
    parts = [reader.read([one]) for one in (transfer, shuffled(transfer, 1), shuffled(transfer, 2))]
    taken = join(parts).take(np.array([2, 0]))
    assert np.array_equal(compute(taken, schema).nodes, compute(join([parts[2], parts[0]]), schema).nodes)


def test_an_unknown_relation_label_or_odd_attribute_does_no_harm(
    transfer: Subgraph, schema: FeatureSchema, build: Callable[..., Subgraph]
) -> None:
    """Edges the schema does not know change nothing; a text where a number should be counts as none."""
    odd = msgspec.structs.replace(transfer.edges[-1], owner="z", relation="SPONSORS", src="Alien:1")
    more = Subgraph(transfer.event, (*transfer.nodes, "Alien:1"), (*transfer.edges, odd))
    assert np.array_equal(features_of([more], schema).event, features_of([transfer], schema).event)
    text = build("TRANSFER", "Account:1", "Account:2", [], {"amount": "much", "channel": 7})
    assert event(features_of([text], schema), schema)["value_0_log"] == 0
    alien = build("SPONSORS", "Alien:1", "Alien:2", [], {"amount": float("nan")})
    assert np.isfinite(features_of([alien], schema).event).all()


def test_extreme_amounts_and_ages_stay_finite(schema: FeatureSchema, build: Callable[..., Subgraph]) -> None:
    """64-bit amounts, negative ones, an edge of a century ago."""
    rows = [("TRANSFER", "Account:1", "Account:2", 876_000, None, {"amount": -(2**63)})]
    features = features_of([build("TRANSFER", "Account:1", "Account:1", rows, {"amount": 2**62})], schema)
    assert np.isfinite(features.nodes).all()
    assert np.isfinite(features.event).all()


def test_an_edge_at_or_after_the_event_is_refused(schema: FeatureSchema, build: Callable[..., Subgraph]) -> None:
    """A look into the future is a bug of the reader and must not be scored."""
    with pytest.raises(FeatureError, match="not before the event"):
        features_of([build("LOGIN", "User:1", "Device:1", [("LOGIN", "User:1", "Device:1", 0)])], schema)


def test_a_node_that_is_not_listed_is_refused(transfer: Subgraph, schema: FeatureSchema) -> None:
    """By event and node."""
    with pytest.raises(FeatureError, match="User:c"):
        features_of([Subgraph(transfer.event, transfer.nodes[:-1], transfer.edges)], schema)
    with pytest.raises(FeatureError, match="own ends"):
        features_of([Subgraph(transfer.event, transfer.nodes[1:], ())], schema)


def test_no_subgraph_gives_no_row(schema: FeatureSchema) -> None:
    """An empty batch is a batch."""
    assert features_of([], schema).event.shape == (0, len(schema.event))


def test_a_schema_is_named_by_its_hash_whatever_the_order_of_the_description(schema: FeatureSchema) -> None:
    """And a changed attribute changes the hash."""
    relations = {r.name: (r.src, r.dst, r.numeric) for r in schema.relations}
    turned = schema_of(dict(reversed(relations.items())), words={r.name: r.words for r in schema.relations})
    assert turned.hash == schema.hash == rebuilt(schema).hash
    assert schema_of(relations).hash != schema.hash


def test_the_age_of_an_edge_is_in_seconds(transfer: Subgraph, schema: FeatureSchema) -> None:
    """As the network encodes it and numbers ports by it."""
    age = features_of([transfer], schema).batch().age
    assert age is not None
    assert age.tolist() == [(transfer.event.time_ms - edge.time_ms) / 1000 for edge in transfer.edges]
