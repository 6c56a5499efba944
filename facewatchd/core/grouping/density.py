"""
HDBSCAN (Campello, Moulavi and Sander 2013) on a graph of nearest neighbours.

The `hdbscan` package's own code extracts the clusters. Its search of all pairs, which grows with the square of the
number of faces, is replaced by the graph's minimum spanning tree, and its building of the hierarchy, which took 44 s for
a million faces, by one of two seconds with the same result.
"""

from __future__ import annotations

import sys
from array import array
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from facewatchd.core.grouping.graph import Graph, connected

# distances are at least this, because scipy takes a zero for a missing edge
_LEAST = 1e-6
# twice the distance of opposite points of the unit sphere
_FARTHEST = 4.0


def density_clusters(graph: Graph, min_size: int, min_samples: int, k: int) -> NDArray[np.int64]:
    """
    HDBSCAN's clusters. On L2-normalised vectors its euclidean distance orders pairs exactly as similarity does.

    Args:
        graph: The nearest neighbours of each face, at least one.
        min_size: Smallest cluster.
        min_samples: How many neighbours make a place dense, without the face itself.
        k: Neighbours of each face that may connect it.

    Returns:
        Labels, int64, shape (n_faces,): 0.. for clusters, -1 for faces of none.
    """
    trees = _trees()
    tree = trees.condense_tree(_hierarchy(_spanning_tree(graph, min_samples, k)), min_size)
    labels, _, _ = trees.get_clusters(tree, trees.compute_stability(tree), "eom", False, False, 0.0, 0)
    return np.asarray(labels, np.int64)


def _trees() -> ModuleType:
    """
    The package's module for trees. The rest of the package is not loaded: it would load scikit-learn, which takes a second
    and 80 MB and is not needed.
    """
    name = "hdbscan._hdbscan_tree"
    if name not in sys.modules:
        package = find_spec("hdbscan")
        spec = PathFinder.find_spec(name, package.submodule_search_locations) if package is not None else None
        if spec is None or spec.loader is None:
            # laid out in another way
            return import_module(name)
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.modules[name] = module
    return sys.modules[name]


def _spanning_tree(graph: Graph, min_samples: int, k: int) -> NDArray[np.float64]:
    """The minimum spanning tree under mutual reachability distance: rows (face, face, distance), shortest first."""
    from scipy.sparse import csr_matrix  # noqa: PLC0415
    from scipy.sparse.csgraph import minimum_spanning_tree  # noqa: PLC0415

    count, width = graph.indices.shape
    a, b, similarities = graph.edges(max(k, min_samples))
    # with fewer neighbours than this nothing is dense
    core = _distance(np.maximum(graph.similarities[:, min(min_samples, width) - 1], -1).astype(np.float64))
    reach = np.maximum(np.maximum(core[a], core[b]), _distance(similarities))
    tree = minimum_spanning_tree(csr_matrix((reach, (a, b)), shape=(count, count))).tocoo()
    # faces that no neighbours connect are farther apart than all others
    first = np.unique(connected(tree.row, tree.col, count), return_index=True)[1]
    here = np.concatenate([tree.row, first[:-1]])
    there = np.concatenate([tree.col, first[1:]])
    far = np.concatenate([tree.data, np.full(len(first) - 1, _FARTHEST)])
    order = np.argsort(far, kind="stable")
    return np.column_stack([here[order], there[order], far[order]]).astype(np.float64)


def _hierarchy(tree: NDArray[np.float64]) -> NDArray[np.float64]:
    """
    The joins, shortest distance first, in scipy's form.

    Args:
        tree: Rows (face, face, distance), shortest first; all faces are connected.

    Returns:
        float64, shape (n_faces - 1, 4): two clusters, their distance and the size of both; clusters from n_faces on are
        the rows above.
    """
    count = len(tree) + 1
    # union-find reads and writes single numbers: numpy's arrays are slow at that, and lists of a million numbers are spread over
    # the memory
    above, size = array("i", range(2 * count - 1)), array("i", [1]) * (2 * count - 1)
    firsts, seconds = array("i"), array("i")
    ends = zip(*tree[:, :2].T.astype(np.int32).tolist(), strict=True)
    for new, (here, there) in enumerate(ends, count):
        a, b = here, there
        while above[a] != a:
            above[a] = a = above[above[a]]
        while above[b] != b:
            above[b] = b = above[above[b]]
        above[a] = above[b] = new
        size[new] = size[a] + size[b]
        firsts.append(a)
        seconds.append(b)
    return np.column_stack([firsts, seconds, tree[:, 2], size[count:]]).astype(np.float64)


def _distance(similarities: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.sqrt(np.maximum(2 - 2 * similarities, _LEAST**2))
