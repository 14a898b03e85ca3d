"""Isomap on shapes whose distances are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.datasets import make_swiss_roll
from sklearn.decomposition import PCA

from scoring.core.isomap import graph_isomap, isomap


def test_it_unrolls_a_swiss_roll() -> None:
    """The first coordinate follows the roll, which no straight projection does."""
    x, along = make_swiss_roll(600, random_state=0)
    follows, straight = (
        abs(spearmanr(place[:, 0], along).statistic) for place in (isomap(x, 2, 6), PCA(2).fit_transform(x))
    )
    assert follows > 0.99
    assert straight < 0.6


def test_a_path_becomes_a_line_one_apart() -> None:
    """Hops are kept exactly where a line can."""
    place = graph_isomap([[0, 1, 2, 3, 4], [1, 2, 3, 4, 5]], 6, 1)
    assert np.allclose(np.abs(np.diff(place[:, 0])), 1.0)


def test_a_ring_becomes_a_circle() -> None:
    """Every node as far from the middle."""
    radius = np.linalg.norm(graph_isomap([range(12), [*range(1, 12), 0]], 12), axis=1)
    assert np.allclose(radius, radius[0])


def test_parts_that_no_way_joins_stay_apart() -> None:
    """Two paths: nodes of one are nearer to each other than to the other's."""
    place = graph_isomap([[0, 1, 3, 4], [1, 2, 4, 5]], 6)
    gap = np.linalg.norm(place[:, None] - place, axis=2)
    assert gap[:3, :3].max() < gap[:3, 3:].min()


def test_what_has_no_coordinates_is_refused() -> None:
    """Too few rows or nodes, values that are no numbers, a node that is not there."""
    with pytest.raises(ValueError, match="more than 10 neighbours"):
        isomap(np.zeros((10, 3)))
    with pytest.raises(ValueError, match="not finite"):
        isomap(np.full((20, 3), np.nan))
    with pytest.raises(ValueError, match="2 nodes"):
        graph_isomap([[0], [1]], 2)
    with pytest.raises(ValueError, match="there are 3"):
        graph_isomap([[0], [9]], 3)
