"""Isomap: coordinates that keep the distance along the data instead of across it (Tenenbaum et al. 2000).

Offline: every pair of rows is held, N * N * 8 bytes (800 MB at 10,000). Shapes: N rows or nodes, F features,
E edges, D dimensions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array  # type: ignore[import-untyped]  # scipy ships no types
from scipy.sparse.csgraph import shortest_path  # type: ignore[import-untyped]
from sklearn.manifold import Isomap


def isomap(x: ArrayLike, dimensions: int = 2, neighbours: int = 10) -> NDArray[np.float64]:
    """Coordinates [N, D] of rows [N, F]: distances along the graph of nearest neighbours, then classical scaling.

    Raises:
        ValueError: too few rows for that many neighbours or dimensions, or a value that is not finite.
    """
    rows = np.asarray(x, dtype=np.float64)
    if rows.ndim != 2 or len(rows) <= max(neighbours, dimensions):
        raise ValueError(f"rows {rows.shape}: need more than {neighbours} neighbours and {dimensions} dimensions")
    if not np.isfinite(rows).all():
        raise ValueError("a value is not finite: clean the rows first")
    return _embed(Isomap(n_neighbors=neighbours, n_components=dimensions), rows)


def graph_isomap(edges: ArrayLike, nodes: int, dimensions: int = 2) -> NDArray[np.float64]:
    """Coordinates [N, D] of the nodes of a graph, edges [2, E] ignoring direction: hops, then classical scaling.

    Nodes that no way joins are taken to be one hop more apart than the farthest that one joins.

    Raises:
        ValueError: no more nodes than dimensions, or an edge that names a node that is not there.
    """
    ends = np.asarray(edges, dtype=np.int64).reshape(2, -1)
    if nodes <= dimensions:
        raise ValueError(f"{nodes} nodes: need more than {dimensions} dimensions")
    if ends.size and not 0 <= ends.min() <= ends.max() < nodes:
        raise ValueError(f"edges name nodes {ends.min()} to {ends.max()}: there are {nodes}")
    links = coo_array((np.ones(ends.shape[1]), (ends[0], ends[1])), shape=(nodes, nodes)).tocsr()
    hops = shortest_path(links, directed=False, unweighted=True)  # [N, N]
    hops[np.isinf(hops)] = hops[np.isfinite(hops)].max() + 1.0
    everyone = Isomap(n_neighbors=nodes - 1, n_components=dimensions, metric="precomputed")
    return _embed(everyone, hops)


def _embed(model: Isomap, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coordinates whose signs do not hang on the eigenvector's: the largest entry of each column is positive."""
    place = np.asarray(model.fit_transform(rows), dtype=np.float64)
    sign = np.sign(place[np.abs(place).argmax(0), np.arange(place.shape[1])])
    return np.asarray(place * sign)
