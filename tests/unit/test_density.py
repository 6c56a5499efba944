"""The density step on the graph: HDBSCAN, as its own package would have it."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest
from numpy.typing import NDArray

from facewatchd.core.evaluation.scores import score
from facewatchd.core.grouping.density import density_clusters
from facewatchd.core.grouping.graph import Graph, neighbours
from facewatchd.domain import Embeddings


def some_people(seed: int, noise: float) -> Embeddings:
    """Forty people with two to twelve faces each."""
    random = np.random.default_rng(seed)
    truth = np.repeat(np.arange(40), random.integers(2, 13, 40))
    vectors = random.normal(size=(40, 24))[truth] + noise * random.normal(size=(len(truth), 24))
    unit: Embeddings = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


def by_hdbscan(faces: Embeddings, min_size: int, min_samples: int, algorithm: str) -> NDArray[np.int64]:
    """The package itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import hdbscan  # noqa: PLC0415 - as in the program

        model = hdbscan.HDBSCAN(
            min_cluster_size=min_size, min_samples=min_samples, core_dist_n_jobs=1, algorithm=algorithm
        )
        return np.asarray(model.fit(faces.astype(np.float64)).labels_, np.int64)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("noise", [0.3, 0.7])
@pytest.mark.parametrize(("min_size", "min_samples"), [(2, 1), (2, 2), (3, 2), (5, 3)])
def test_with_all_neighbours_it_is_hdbscan(seed: int, noise: float, min_size: int, min_samples: int) -> None:
    """
    Where everybody is everybody's neighbour, the clusters are the package's, as nearly as its own two ways of finding
    them agree: equal distances, which the density makes, may be taken in any order.
    """
    faces = some_people(seed, noise)
    count = len(faces)
    expected = by_hdbscan(faces, min_size, min_samples, "best")
    other = by_hdbscan(faces, min_size, min_samples, "generic")
    labels = density_clusters(neighbours(faces, count), min_size, min_samples, count)
    agreed = score(expected, other).bcubed_f1
    assert score(expected, labels).bcubed_f1 >= agreed - 0.02
    assert score(other, labels).bcubed_f1 >= agreed - 0.02


def test_what_nothing_connects_is_apart() -> None:
    """Faces that no chain of neighbours connects are never in one cluster."""
    faces = np.repeat(np.eye(4, dtype=np.float32), 5, axis=0)
    labels = density_clusters(neighbours(faces, 3), 3, 2, 3)
    assert labels.reshape(4, 5).std(axis=1).max() == 0
    assert len(set(labels.tolist())) == 4
    assert labels.min() == 0


def test_copies_are_no_trouble() -> None:
    """The same picture twice has distance zero, which is a distance."""
    labels = density_clusters(neighbours(np.repeat(some_people(3, 0.2)[:20], 2, axis=0), 6), 2, 2, 6)
    assert (labels[::2] == labels[1::2]).all()


def test_a_graph_may_come_from_elsewhere() -> None:
    """All that is needed is who is near whom."""
    indices = np.array([[1], [0], [3], [2]], np.int32)
    labels = density_clusters(Graph(indices, np.full((4, 1), 0.9, np.float32)), 2, 1, 1)
    assert labels[0] == labels[1] != labels[2] == labels[3]


def test_the_package_is_loaded_no_further_than_needed() -> None:
    """Each grouping is a process of its own, which must not wait for scikit-learn; the whole package still loads after."""
    script = """
import sys
from facewatchd.core.grouping.density import density_clusters
from facewatchd.core.grouping.graph import neighbours
import numpy as np
print(density_clusters(neighbours(np.repeat(np.eye(2, dtype=np.float32), 4, axis=0), 3), 2, 1, 3).tolist())
print("sklearn" in sys.modules)
import hdbscan
print(hdbscan.HDBSCAN(min_cluster_size=2).fit(np.repeat(np.eye(2), 4, axis=0)).labels_.tolist())
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines() == ["[0, 0, 0, 0, 1, 1, 1, 1]", "False", "[0, 0, 0, 0, 1, 1, 1, 1]"]
