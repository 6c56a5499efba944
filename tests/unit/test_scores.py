"""The figures of a grouping, and the algorithms that are held against ours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facewatchd.core.evaluation.scores import ALGORITHMS, group, score
from facewatchd.core.grouping.cannot_link import Ties
from facewatchd.core.grouping.recluster import ReclusterSettings


@pytest.mark.parametrize(
    ("truth", "labels", "expected"),
    [
        pytest.param("aabb", [0, 0, 1, 1], (1, 1, 1, 1), id="right"),
        pytest.param("aabb", [0, 0, 0, 0], (0.5, 1, 1 / 3, 1), id="all in one"),
        pytest.param("aabb", [-1, -1, -1, -1], (1, 0.5, 1, 0), id="nobody in any"),
        pytest.param("aaab", [0, 0, 1, 1], (0.75, 2 / 3, 0.5, 1 / 3), id="a bit of everything"),
        pytest.param("", [], (1, 1, 1, 1), id="nobody at all"),
    ],
)
def test_figures(truth: str, labels: list[int], expected: tuple[float, float, float, float]) -> None:
    """Precision and recall, by faces and by pairs, as counted by hand."""
    found = score(list(truth), np.array(labels, np.int64))
    assert (
        found.bcubed_precision,
        found.bcubed_recall,
        found.pairwise_precision,
        found.pairwise_recall,
    ) == pytest.approx(expected)


@settings(max_examples=50)
@given(faces=st.lists(st.tuples(st.integers(0, 4), st.integers(-1, 4)), min_size=1, max_size=30))
def test_bcubed_is_the_mean_over_faces(faces: list[tuple[int, int]]) -> None:
    """The definition: for every face, the share of its group that is its person, and the other way round."""
    groups = [label if label >= 0 else 100 + at for at, (_, label) in enumerate(faces)]
    people = [person for person, _ in faces]
    precision, recall = [], []
    for person, label in zip(people, groups, strict=True):
        same = sum(1 for p, g in zip(people, groups, strict=True) if (p, g) == (person, label))
        precision.append(same / groups.count(label))
        recall.append(same / people.count(person))
    found = score(people, np.array([label for _, label in faces], np.int64))
    assert found.bcubed_precision == pytest.approx(np.mean(precision))
    assert found.bcubed_recall == pytest.approx(np.mean(recall))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_people_who_are_apart_are_found_by_all(algorithm: str) -> None:
    """Where there is nothing to get wrong, every algorithm is right; and the same each time."""
    random = np.random.default_rng(0)
    truth = random.permutation(np.repeat(np.arange(6), 8))
    vectors = np.eye(16)[truth] + random.normal(size=(48, 16)) * 0.05
    faces = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    ties = Ties(np.arange(48), [None] * 48, [frozenset()] * 48)
    rule = ReclusterSettings(2, 2, 0.5, 0.03)
    labels = group(algorithm, faces, ties, rule)
    assert score(truth, labels).bcubed_f1 == 1
    np.testing.assert_array_equal(group(algorithm, faces, ties, rule), labels)
    assert group(algorithm, faces[:0], Ties(np.arange(0), [], []), rule).tolist() == []


def test_an_unknown_algorithm() -> None:
    """The message names those that there are."""
    with pytest.raises(ValueError, match=r"kmeans: no such algorithm; there are ours, .*chinese_whispers"):
        group(
            "kmeans",
            np.eye(3, dtype=np.float32),
            Ties(np.arange(3), [None] * 3, [frozenset()] * 3),
            ReclusterSettings(2, 2, 0.5, 0),
        )
