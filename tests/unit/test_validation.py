"""Columns of embeddings, medoids, and labelled faces compared with them: the decisions, on numbers checked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from facewatchd.core.evaluation.embedding_rows import (
    UNKNOWN,
    Columns,
    columns_of,
    counts_columns,
    medoid_columns,
    names_columns,
)
from facewatchd.core.evaluation.validation import matched, medoid_of, medoids_of, validated


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param([["a.jpg", "Ada", "0.1", "0.2"]], Columns(0, 1, 2, 4), id="path, label"),
        pytest.param([["a.jpg", "7", "0.1", "0.2"], ["b.jpg", "12", "1", "0"]], Columns(0, 1, 2, 4), id="numbered"),
        pytest.param([["a.jpg", "-1", "0.1", "0.2"]], Columns(0, 1, 2, 4), id="noise"),
        pytest.param([["a.jpg", "7", "0", "1"], ["b.jpg", "Bob", "1", "0"]], Columns(0, 1, 2, 4), id="mixed labels"),
        pytest.param([["a.jpg", "", "0.1", "0.2"]], Columns(0, 1, 2, 4), id="empty label"),
        pytest.param([["a.jpg", "0.3", "0.1", "0.2"]], Columns(0, None, 1, 4), id="path alone"),
        pytest.param([["0.3", "0.1", "0.2", "a.jpg"]], Columns(3, None, 0, 3), id="path last"),
        pytest.param([["1", "x", "0.1"], ["b", "y", "0.2"]], Columns(0, None, 1, 3), id="one path is a number"),
        pytest.param([["0.3", "0.1", "0.2"]], None, id="no path"),
        pytest.param([["a.jpg", "0.3"]], None, id="too few"),
    ],
)
def test_columns(rows: list[list[str]], expected: Columns | None) -> None:
    assert columns_of(rows) == expected


def test_headers() -> None:
    """Numbers of the columns, or words; a line with one number that cannot be read is told as an error."""
    columns = Columns(0, 1, 2, 4)
    assert counts_columns(["0", "1", "2", "3"])
    assert counts_columns(["1", "2", "3", "4"])
    assert not counts_columns(["3", "1", "0", "0"])
    assert names_columns(["path", "label", "e0", "e1"], columns)
    assert not names_columns(["a.jpg", "Ada", "0.1", "x"], columns)
    assert medoid_columns(3) == Columns(None, 0, 1, 3)


@given(arrays(np.float32, st.tuples(st.integers(1, 12), st.just(3)), elements=st.floats(-1, 1, width=16)))
def test_the_medoid_has_the_smallest_sum_of_distances(vectors: np.ndarray) -> None:
    """As the definition says, for vectors of any length; the same one each time."""
    sums = [sum(float(np.linalg.norm(one.astype(float) - other)) for other in vectors) for one in vectors]
    chosen = medoid_of(vectors)
    assert sums[chosen] == pytest.approx(min(sums), abs=1e-6)
    assert all(one > sums[chosen] - 1e-6 for one in sums[:chosen])


def test_of_two_faces_the_first_is_the_medoid() -> None:
    random = np.random.default_rng(1)
    assert {medoid_of(random.normal(size=(2, 128)).astype(np.float32)) for _ in range(50)} == {0}


def test_faces_of_no_person_have_no_medoid() -> None:
    vectors = np.eye(5, dtype=np.float32)
    assert medoids_of(["Ada", UNKNOWN, "", "-1", "7"], vectors) == {"Ada": 0, "7": 4}


@pytest.mark.parametrize(
    ("measure", "threshold", "expected"),
    [
        ("correlation", 0.75, ["b", "b", "b"]),  # 1.92, 0.8, 0.84
        ("correlation", 0.81, ["b", UNKNOWN, "b"]),
        ("cosine", 0.95, ["b", "b", "b"]),  # 0.96, 1, 0.99
        ("cosine", 0.97, [UNKNOWN, "b", "b"]),
        ("euclidean", 0.75, [UNKNOWN, "b", "b"]),  # 1.08, 0.2, 0.2
        ("euclidean", 1.1, ["b", "b", "b"]),
        ("euclidean", 0.19, [UNKNOWN, UNKNOWN, UNKNOWN]),
    ],
)
def test_matching(measure: str, threshold: float, expected: list[str]) -> None:
    """The nearest of all medoids, of which a person may have several; a long face has a large product, and is far away."""
    faces = np.array([[1.6, 1.2], [0.0, 0.8], [0.6, 0.6]], np.float32)
    medoids = np.array([[1, 0], [0.6, 0.8], [0, 1]], np.float32)
    assert matched(faces, medoids, ["a", "b", "b"], threshold, measure) == expected
    assert matched(faces[:1], medoids[:1], ["a"], -1e9, "correlation") == ["a"]


def test_figures() -> None:
    """Ada: two of three found, one taken for Bob. Eve is a stranger, and was taken for Bob. One face has no label."""
    truth = ["Ada", "Ada", "Ada", "Bob", "Bob", "Eve", "", UNKNOWN, "-1"]
    given_labels = ["Ada", "Ada", "Bob", "Bob", UNKNOWN, "Bob", "Ada", UNKNOWN, UNKNOWN]
    found = validated(truth, given_labels, ["Ada", "Bob"])
    assert (found.faces, found.unknown, found.labelled, found.known) == (9, 3, 8, 5)
    assert (found.given, found.right) == (5, 3)
    assert found.precision == pytest.approx(3 / 5)
    assert found.recall == pytest.approx(3 / 5)
    assert found.confusion[0] == ("Ada", "Ada", 2)
    assert (UNKNOWN, UNKNOWN, 2) in found.confusion
    assert ("Eve", "Bob", 1) in found.confusion
    (ada, bob, eve) = found.labels
    assert (ada.faces, ada.given, ada.right) == (3, 2, 2)
    assert (bob.faces, bob.given, bob.right) == (2, 3, 1)
    assert (eve.label, eve.faces, eve.given, eve.right) == ("Eve", 1, 0, 0)


def test_without_labels_there_is_no_precision() -> None:
    found = validated(None, ["Ada", UNKNOWN], ["Ada"])
    assert (found.faces, found.unknown, found.labelled) == (2, 1, 0)
    assert found.precision is None
    assert found.recall is None
