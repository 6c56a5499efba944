"""Whose face is it? The nearest medoid's person, if near enough and clearly nearer than anyone else's; else unknown."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from facewatchd.config import Config
from facewatchd.core.matching.assign import (
    COHORT,
    COHORT_SHARE,
    NEAREST,
    assign,
    assign_photo,
    best_people,
    look,
    needed,
)
from facewatchd.core.matching.gallery_index import GalleryIndex
from facewatchd.core.matching.thresholds import Thresholds
from facewatchd.domain import Assignment, Embedding, Embeddings, PersonId
from facewatchd.pipeline.grouping.thresholds import thresholds_for

ANNA, BOB, CARL = 1, 2, 3
NOBODY = GalleryIndex(np.empty(0, np.int64), np.empty((0, 2), np.float32))
NONE: frozenset[PersonId] = frozenset()


def at(*degrees: float) -> Embeddings:
    """Faces on a circle: their similarity is the cosine of the angle between them."""
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def gallery(*medoids: tuple[PersonId, float]) -> GalleryIndex:
    return GalleryIndex(np.array([person for person, _ in medoids], np.int64), at(*[angle for _, angle in medoids]))


FACE: Embedding = at(0)[0]


def decided(
    face: Embedding,
    known: GalleryIndex,
    threshold: float,
    margin: float,
    refused: frozenset[PersonId] = NONE,
    review: float = 0.0,
) -> Assignment:
    """Whose a single face is."""
    (only,) = look(face[None], known)
    return assign(only, asked(threshold, margin, review), refused)


def asked(threshold: float, margin: float, review: float = 0.0, *, apart: bool = True) -> Thresholds:
    """These and no others: whom else a face fits does not matter."""
    return Thresholds(
        assign=threshold, margin=margin, review=review, link=0.5, bonus=0, same=0.4, allow_same_photo=not apart
    )


def fit(face: Embedding, medoids: Embeddings) -> float:
    """By definition: the similarity to the direction of the medoids that are nearest to the face."""
    theirs = sorted(medoids.astype(np.float64), key=lambda medoid: -float(medoid @ face))[:NEAREST]
    direction = np.sum(theirs, axis=0)
    return float(direction @ face / np.linalg.norm(direction))


@pytest.mark.parametrize(
    ("known", "refused", "expected", "similarity", "gap"),
    [
        pytest.param([(ANNA, 30), (BOB, 90)], NONE, ANNA, 30, 90, id="the nearest one"),
        pytest.param([(BOB, 90), (ANNA, 30)], NONE, ANNA, 30, 90, id="... in any order"),
        pytest.param([(ANNA, 70), (BOB, 90)], NONE, None, 70, 90, id="nobody is near enough"),
        pytest.param([(ANNA, 30), (BOB, 32)], NONE, None, 30, 32, id="too close to call"),
        pytest.param([(ANNA, 30), (ANNA, 30), (BOB, 90)], NONE, ANNA, 30, 90, id="the runner-up is another person"),
        pytest.param([(ANNA, 30)], NONE, ANNA, 30, None, id="the only person has no rival"),
        pytest.param([(ANNA, 30), (BOB, 50)], frozenset({ANNA}), BOB, 50, None, id="a refused person is no result"),
        pytest.param(
            [(ANNA, 31), (BOB, 30), (CARL, 90)], frozenset({ANNA}), BOB, 30, 90, id="a refused person is no runner-up"
        ),
    ],
)
def test_one_face(
    known: list[tuple[PersonId, float]],
    refused: frozenset[PersonId],
    expected: PersonId | None,
    similarity: float,
    gap: float | None,
) -> None:
    """Threshold 0.5 (60 degrees), margin 0.05."""
    found = decided(FACE, gallery(*known), 0.5, 0.05, refused)
    best = math.cos(math.radians(similarity))
    rest = math.inf if gap is None else best - math.cos(math.radians(gap))
    assert found.person_id == expected
    assert found.similarity == pytest.approx(best, abs=1e-6)
    assert found.gap == pytest.approx(rest, abs=1e-6)


@pytest.mark.parametrize(
    ("known", "refused"),
    [
        pytest.param(NOBODY, NONE, id="nobody is known"),
        pytest.param(gallery((ANNA, 0), (BOB, 1)), frozenset({ANNA, BOB}), id="everybody is refused"),
    ],
)
def test_nobody_to_resemble(known: GalleryIndex, refused: frozenset[PersonId]) -> None:
    """Without anybody there is no similarity to speak of, and no rival."""
    found = decided(FACE, known, -1, 0, refused)
    assert found.person_id is None
    assert math.isnan(found.similarity)
    assert found.gap == math.inf


def test_several_medoids_say_more_than_one() -> None:
    """A face is as near to one of Anna's as to Bob's only one: Bob's is all there is of him, Anna has others."""
    known = gallery((ANNA, 30), (ANNA, -10), (BOB, 30))
    found = decided(FACE, known, 0.5, 0.05)
    assert found.person_id == ANNA
    # the direction of hers is at 10 degrees; what is told is the nearest
    assert found.gap == pytest.approx(math.cos(math.radians(10)) - math.cos(math.radians(30)), abs=1e-6)
    assert found.similarity == pytest.approx(math.cos(math.radians(10)), abs=1e-6)


def test_other_looks_are_no_reason_to_doubt() -> None:
    """Only the nearest medoids count: as many of another age change nothing."""
    near, far = [(ANNA, float(angle)) for angle in range(NEAREST)], [(ANNA, 90.0 + angle) for angle in range(9)]
    assert decided(FACE, gallery(*near, *far), 0.99, 0).person_id == ANNA
    assert fit(FACE, at(*range(NEAREST), 90, 95)) == fit(FACE, at(*range(NEAREST)))


def test_threshold_and_margin_are_reached_by_equality() -> None:
    """A face exactly at the threshold, or exactly the margin ahead, is taken."""
    known = GalleryIndex(np.array([ANNA, BOB]), np.array([[0.75, 0], [0.5, 0]], np.float32))
    face = np.array([1, 0], np.float32)
    assert decided(face, known, 0.75, 0.25).person_id == ANNA
    assert decided(face, known, 0.7501, 0.25).person_id is None
    assert decided(face, known, 0.75, 0.2501).person_id is None


def test_everybody_ranked() -> None:
    """Each person once, most similar first; of equals the one with the lower id."""
    people, similarities = best_people(FACE, gallery((BOB, 40), (CARL, 10), (ANNA, 40), (CARL, 20)))
    assert people.tolist() == [CARL, ANNA, BOB]
    np.testing.assert_allclose(similarities, np.cos(np.radians([10, 40, 40])), atol=1e-6)


# --- photos ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("faces", "refused", "taken", "expected"),
    [
        pytest.param([0, 90], [NONE, NONE], NONE, [ANNA, BOB], id="two people"),
        pytest.param([10, 5], [NONE, NONE], NONE, [None, ANNA], id="the surer face gets the person, the other nobody"),
        pytest.param([5, 5], [NONE, NONE], NONE, [ANNA, None], id="of equally sure faces the first"),
        pytest.param([5, 10], [frozenset({ANNA}), NONE], NONE, [None, ANNA], id="refused: the other face gets them"),
        pytest.param(
            [0, 90], [NONE, NONE], frozenset({ANNA}), [None, BOB], id="in the photo already, by the user's word"
        ),
        pytest.param([0, 44], [NONE, NONE], NONE, [ANNA, BOB], id="a rival who is found elsewhere is no rival"),
        pytest.param([44], [NONE], NONE, [None], id="... but is one while nobody has them"),
        pytest.param([], [], NONE, [], id="no faces"),
    ],
)
def test_the_faces_of_a_photo(
    faces: list[float],
    refused: list[frozenset[PersonId]],
    taken: frozenset[PersonId],
    expected: list[PersonId | None],
) -> None:
    """Anna is at 0 degrees, Bob at 90; threshold 0.5, margin 0.05."""
    found = assign_photo(look(at(*faces), gallery((ANNA, 0), (BOB, 90))), asked(0.5, 0.05), refused, taken)
    assert [assignment.person_id for assignment in found] == expected


# --- properties ------------------------------------------------------------------------------------------------------

sphere = st.tuples(st.integers(0, 10_000), st.integers(0, 8), st.integers(1, 6))
thresholds = st.floats(-1, 1)
margins = st.floats(0, 0.5)


def scene(seed: int, medoids: int, faces: int) -> tuple[GalleryIndex, Embeddings]:
    """Random faces and a random gallery of up to four people, similar to each other as faces are."""
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(medoids + faces, 4)) + 0.5
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return GalleryIndex(random.integers(1, 5, medoids), vectors[:medoids]), vectors[medoids:]


def same(a: Assignment, b: Assignment) -> bool:
    return a.person_id == b.person_id and np.allclose(
        [a.similarity, a.gap], [b.similarity, b.gap], atol=1e-6, equal_nan=True
    )


@settings(max_examples=150)
@given(size=sphere, threshold=thresholds, margin=margins, refused=st.frozensets(st.integers(1, 4)))
def test_by_definition(
    size: tuple[int, int, int], threshold: float, margin: float, refused: frozenset[PersonId]
) -> None:
    """Person by person: who fits best is taken if it fits well enough, and ahead enough of the second."""
    known, faces = scene(*size)
    for face in faces:
        near: dict[int, float] = {}
        scores: dict[int, float] = {}
        for person, medoid in zip(known.people.tolist(), known.medoids, strict=True):
            if person not in refused:
                near[person] = max(near.get(person, -2), float(medoid @ face))
        for person in near:
            scores[person] = fit(face, known.medoids[known.people == person])
        ranked = sorted(scores, key=lambda person: -scores[person])
        found = decided(face, known, threshold, margin, refused)
        if not ranked:
            assert found.person_id is None
            continue
        gap = scores[ranked[0]] - scores[ranked[1]] if len(ranked) > 1 else math.inf
        if gap > 1e-5:
            assert found.similarity == pytest.approx(near[ranked[0]], abs=1e-6)
        assert found.gap == pytest.approx(gap, abs=1e-6)
        if min(abs(scores[ranked[0]] - threshold), abs(gap - margin)) > 1e-5 and gap > 1e-5:
            accepted = scores[ranked[0]] >= threshold and gap >= margin
            assert found.person_id == (ranked[0] if accepted else None)


@settings(max_examples=100)
@given(size=sphere, threshold=thresholds, margin=margins, data=st.data())
def test_the_gallerys_order_does_not_matter(
    size: tuple[int, int, int], threshold: float, margin: float, data: st.DataObject
) -> None:
    """Medoids may come in any order."""
    known, faces = scene(*size)
    order = np.array(data.draw(st.permutations(range(len(known.people)))), np.int64)
    other = GalleryIndex(known.people[order], known.medoids[order])
    for face in faces:
        assert same(decided(face, known, threshold, margin), decided(face, other, threshold, margin))


@settings(max_examples=150)
@given(size=sphere, low=thresholds, high=thresholds, margin=margins, wider=margins)
def test_the_unknown_pool_grows_with_threshold_and_margin(
    size: tuple[int, int, int], low: float, high: float, margin: float, wider: float
) -> None:
    """Who is known with strict thresholds is the same person with lax ones."""
    known, faces = scene(*size)
    low, high, margin, wider = min(low, high), max(low, high), min(margin, wider), max(margin, wider)
    for face in faces:
        strict = decided(face, known, high, wider).person_id
        assert strict is None or strict == decided(face, known, low, margin).person_id


def test_two_faces_of_a_photo_may_be_one_person_where_that_is_allowed() -> None:
    """A collage: both are Anna."""
    known, faces, refused = gallery((ANNA, 0), (BOB, 90)), at(0, 10), [NONE, NONE]
    assert [found.person_id for found in assign_photo(look(faces, known), asked(0.5, 0.1), refused)] == [ANNA, None]
    assert [found.person_id for found in assign_photo(look(faces, known), asked(0.5, 0.1, apart=False), refused)] == [
        ANNA,
        ANNA,
    ]


@settings(max_examples=150)
@given(size=sphere, threshold=thresholds, margin=margins, data=st.data())
def test_nobody_is_in_a_photo_twice(
    size: tuple[int, int, int], threshold: float, margin: float, data: st.DataObject
) -> None:
    """
    Whatever the photo: each person once, nobody refused or taken, each face as `assign` would have it if the others'
    people were not there, and who lost a person to another face was less sure.
    """
    known, faces = scene(*size)
    some = st.frozensets(st.integers(1, 4), max_size=2)
    refused = data.draw(st.lists(some, min_size=len(faces), max_size=len(faces)))
    taken = data.draw(some)
    found = assign_photo(look(faces, known), asked(threshold, margin), refused, taken)
    people = [assignment.person_id for assignment in found if assignment.person_id is not None]
    assert len(found) == len(faces)
    assert len(people) == len(set(people))
    assert not set(people) & taken
    for face, assignment, not_them in zip(faces, found, refused, strict=True):
        assert assignment.person_id not in not_them
        first = decided(face, known, threshold, margin, not_them | taken)
        if first.person_id is not None and first.person_id != assignment.person_id:
            winner = found[[other.person_id for other in found].index(first.person_id)]
            assert winner.similarity >= first.similarity


@settings(max_examples=100)
@given(size=sphere, threshold=thresholds, margin=margins, data=st.data())
def test_the_order_of_faces_does_not_matter(
    size: tuple[int, int, int], threshold: float, margin: float, data: st.DataObject
) -> None:
    """Faces of a photo may come in any order."""
    known, faces = scene(*size)
    order = data.draw(st.permutations(range(len(faces))))
    found = assign_photo(look(faces, known), asked(threshold, margin), [NONE] * len(faces))
    other = assign_photo(look(faces[order], known), asked(threshold, margin), [NONE] * len(faces))
    assert all(same(found[place], shuffled) for place, shuffled in zip(order, other, strict=True))


# --- many people -----------------------------------------------------------------------------------------------------


def crowd(seed: int, people: int, medoids: int, dim: int, close: float) -> tuple[GalleryIndex, Embeddings]:
    """So many people, and faces: some of theirs, some of strangers, some that are medoids themselves."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(people, dim))

    def near(rows: NDArray[np.int64]) -> Embeddings:
        vectors = centres[rows] / np.linalg.norm(centres[rows], axis=1, keepdims=True) * close
        vectors = vectors + random.normal(size=vectors.shape) * np.sqrt((1 - close**2) / dim)
        unit: Embeddings = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
        return unit

    owners = random.permutation(np.repeat(np.arange(people), medoids))
    known = GalleryIndex(owners + 1, near(owners))
    strangers = random.normal(size=(10, dim)).astype(np.float32)
    strangers /= np.linalg.norm(strangers, axis=1, keepdims=True)
    faces: Embeddings = np.concatenate([near(random.integers(0, people, 20)), strangers, known.medoids[:5]])
    return known, faces


def by_definition(
    face: Embedding, known: GalleryIndex, refused: frozenset[PersonId]
) -> list[tuple[PersonId, float, float]]:
    """The 16 nearest people who are not refused: person, similarity, fit."""
    people, similarities = best_people(face, known)
    near = [(p, s) for p, s in zip(people.tolist(), similarities.tolist(), strict=True) if p not in refused][:16]
    return [(p, s, fit(face, known.medoids[known.people == p])) for p, s in near]


@pytest.mark.parametrize(
    ("people", "medoids", "dim", "close"),
    [
        pytest.param(600, 5, 8, 0.9, id="close to each other"),
        pytest.param(1500, 3, 512, 0.75, id="many people"),
        pytest.param(33_000, 1, 64, 0.9, id="very many people"),
        pytest.param(3, 1000, 1024, 0.3, id="few people with many medoids"),
    ],
)
def test_among_many_the_answer_is_that_of_all_of_them(people: int, medoids: int, dim: int, close: float) -> None:
    """Whatever is used to find the nearest quickly, and whoever of them is refused."""
    known, faces = crowd(0, people, medoids, dim, close)
    for number, (face, looked) in enumerate(zip(faces, look(faces, known), strict=True)):
        refused = frozenset(best_people(face, known)[0][: (0, 1, 40)[number % 3]].tolist())
        expected, found = by_definition(face, known, refused), looked.candidates(refused)
        assert [one[:2] for one in found] == [one[:2] for one in expected]
        np.testing.assert_allclose([one[2] for one in found], [one[2] for one in expected], atol=1e-6)
        # what was found out for one question is as good for the next
        assert looked.candidates(NONE) == next(look(face[None], known)).candidates(NONE)


def test_a_face_is_the_same_in_any_company() -> None:
    """To the last bit: neither the other faces nor the order of the medoids matter."""
    known, faces = crowd(1, 1500, 3, 512, 0.75)
    order = np.random.default_rng(2).permutation(len(known.people))
    other = GalleryIndex(known.people[order], known.medoids[order])
    together = [assign(face, asked(0.485, 0.05)) for face in look(faces, known)]
    assert together == [decided(face, other, 0.485, 0.05) for face in faces]
    assert together[::-1] == [assign(face, asked(0.485, 0.05)) for face in look(faces, known, range(len(faces))[::-1])]
    assert any(one.person_id is None for one in together)
    assert sum(one.person_id is not None for one in together) > 10


# --- too close to call -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "refused", "review"),
    [
        # threshold 0.5, margin 0.05, a band of 0.1: up to 66 degrees
        pytest.param([(ANNA, 30), (BOB, 90)], NONE, None, id="surely Anna"),
        pytest.param([(ANNA, 64), (BOB, 90)], NONE, ANNA, id="nearly good enough"),
        pytest.param([(ANNA, 67), (BOB, 90)], NONE, None, id="not nearly"),
        pytest.param([(ANNA, 30), (BOB, 32)], NONE, ANNA, id="good enough for two"),
        pytest.param([(ANNA, 64), (BOB, 65)], NONE, None, id="nearly good enough for two is a stranger"),
        pytest.param([(ANNA, 30), (BOB, 64)], frozenset({ANNA}), BOB, id="a refused person is not asked about"),
        pytest.param([(ANNA, 64)], frozenset({ANNA}), None, id="... nor when there is nobody else"),
    ],
)
def test_too_close_to_call(
    known: list[tuple[PersonId, float]], refused: frozenset[PersonId], review: PersonId | None
) -> None:
    """One of the two conditions is missed, and by little; without a band nothing is asked."""
    found = decided(FACE, gallery(*known), 0.5, 0.05, refused, 0.1)
    assert found.review == review
    assert found.person_id is None or found.review is None
    assert decided(FACE, gallery(*known), 0.5, 0.05, refused).review is None


def test_who_is_in_the_photo_is_not_asked_about() -> None:
    """Two faces of a photo are two people: the sure one leaves the other unknown."""
    sure, unsure = assign_photo(look(at(0, 64), gallery((ANNA, 0), (BOB, 170))), asked(0.5, 0.05, 0.1), [NONE, NONE])
    assert (sure.person_id, sure.review) == (ANNA, None)
    assert (unsure.person_id, unsure.review) == (None, None)


# --- who fits everybody ----------------------------------------------------------------------------------------------

CROWDED = Thresholds(assign=0.5, margin=0.05, review=0.1, link=0.5, bonus=0, same=0.4, cohort=0.2)


def among(best: float, others: list[float]) -> tuple[Embedding, GalleryIndex]:
    """A face, somebody whom it fits so well, and others whom it fits so well, each in a direction of their own."""
    fits = np.array([best, *others], np.float32)
    medoids = np.eye(len(fits), len(fits) + 1, dtype=np.float32) * np.sqrt(1 - fits[:, None] ** 2)
    medoids[:, -1] = fits
    return np.eye(len(fits) + 1, dtype=np.float32)[-1], GalleryIndex(np.arange(1, len(fits) + 1), medoids)


@pytest.mark.parametrize(
    ("best", "others", "person", "review"),
    [
        pytest.param(0.501, [0.3] * COHORT, 1, None, id="who fits others as usual is taken at the threshold"),
        pytest.param(0.5, [0.1] * COHORT, 1, None, id="... and so is who fits them less"),
        pytest.param(0.49, [0.1] * COHORT, None, 1, id="... but not below it"),
        pytest.param(0.54, [0.4] * COHORT, None, 1, id="who fits everybody 0.1 better must fit them 0.05 better"),
        pytest.param(0.56, [0.4] * COHORT, 1, None, id="... which is enough"),
        pytest.param(0.43, [0.35] * COHORT, None, 1, id="too close to call is told from what is asked"),
        pytest.param(0.43, [0.41] * COHORT, None, None, id="... and nobody is asked about less"),
        pytest.param(0.6, [0.59] * COHORT, None, 1, id="... but about somebody who is in parts"),
        pytest.param(0.51, [0.4], 1, None, id="one alike person, a brother, is no cohort"),
        pytest.param(0.5, [0.4, *[-0.5] * COHORT], 1, None, id="... whoever else there is"),
        pytest.param(0.5, [], 1, None, id="nobody else is known"),
    ],
)
def test_who_fits_everybody_must_fit_the_best_one_better(
    best: float, others: list[float], person: PersonId | None, review: PersonId | None
) -> None:
    """Threshold 0.5, others usually fit 0.3."""
    face, known = among(best, others)
    (only,) = look(face[None], known)
    found = assign(only, CROWDED)
    assert (found.person_id, found.review) == (person, review)


@pytest.mark.parametrize(("pack", "best", "others"), [("buffalo_l", 0.51, 0.4), ("builtin", 0.965, 0.95)])
def test_a_threshold_that_the_user_sets_is_meant_for_every_face(pack: str, best: float, others: float) -> None:
    """The shipped one asks more of a face that fits everybody."""
    face, known = among(best, [others] * COHORT)
    (only,) = look(face[None], known)
    shipped = thresholds_for(Config(), pack)
    set_by_user = thresholds_for(Config.model_validate({"assign": {"threshold": shipped.assign}}), pack)
    assert assign(only, set_by_user).person_id == 1
    assert assign(only, shipped).person_id is None


@settings(max_examples=100)
@given(
    fits=st.lists(st.floats(-1, 1), min_size=1, max_size=16),
    more=st.floats(0, 1),
    cohort_=st.none() | st.floats(0, 1),
)
def test_never_less_is_asked_than_the_threshold(fits: list[float], more: float, cohort_: float | None) -> None:
    """And never less for who fits the others better."""
    thresholds = Thresholds(assign=0.5, margin=0, link=0.5, bonus=0, same=0.4, cohort=cohort_)
    ranked = np.sort(np.array([fits]))[:, ::-1]
    (least,), (most,) = needed(ranked, thresholds), needed(ranked + more, thresholds)
    assert 0.5 <= least <= most <= least + COHORT_SHARE * more + 1e-9
    assert cohort_ is not None or most == 0.5
