"""
The face that the user meant is found among those of a photo.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from facewatchd.core.tree.meant_faces import Candidate, meant, meant_together, owned, shown, unwanted
from facewatchd.domain import PersonId, Pool

A, B = 1, 2
X, Y, Z = (np.eye(3, dtype=np.float32)[axis] for axis in range(3))
NOBODY = np.empty((0, 3), np.float32)


def face(
    number: int,
    person: PersonId | None = None,
    look: np.ndarray | None = X,
    *,
    confirmed: bool = False,
    poor: bool = False,
    quality: float = 0.5,
) -> Candidate:
    return Candidate(number, person, confirmed, poor, quality, look)


def test_a_link_from_a_persons_folder_means_that_persons_face() -> None:
    """Moved from A to B: A's face, however much another face looks like B."""
    faces = [face(1, A, X), face(2, None, Y)]
    assert meant(faces, A, np.stack([Y])) == faces[0]


def test_a_link_from_the_unknown_pool_means_the_unknown_face_most_like_the_person() -> None:
    """Two unknown faces: the one that looks like B."""
    faces = [face(1, None, X, quality=0.9), face(2, None, Y), face(3, A, Y)]
    assert meant(faces, Pool.UNKNOWN, np.stack([Y])) == faces[1]


def test_for_somebody_new_the_best_face_is_meant() -> None:
    """Nobody to compare with: quality decides."""
    faces = [face(1, quality=0.2), face(2, quality=0.8)]
    assert meant(faces, Pool.UNKNOWN, NOBODY) == faces[1]


def test_a_copy_leaves_other_peoples_faces_alone() -> None:
    """A's link is still in A's folder: B is somebody else in the photo, first of all somebody unknown."""
    faces = [face(1, A, Y), face(2, None, X), face(3, B, Y, confirmed=True)]
    assert meant(faces, None, np.stack([Y])) == faces[1]
    assert meant([face(3, B, Y, confirmed=True)], None, np.stack([Y])) is None


def test_a_copy_takes_no_face_from_who_has_a_name() -> None:
    """Nor one that the user confirmed; one of nobody or of somebody without a name, or the one that is taken for theirs."""
    named, unnamed = replace(face(1, A, Y), named=True), face(2, B, X)
    assert shown([named, unnamed], None) == [unnamed]
    assert shown([named, replace(unnamed, confirmed=True)], None) == []
    assert meant([named], None, np.stack([Y])) is None
    assert meant([named, unnamed], None, np.stack([Y]), A) == named
    assert meant_together({9: ([named], None)}) == {}
    assert shown([replace(face(3), ignored=True), named], None) == [replace(face(3), ignored=True)]


def test_a_link_whose_face_is_somebody_elses_by_now_means_one_that_the_user_has_not_spoken_of() -> None:
    """Rather one that is shown; the user's own word about another face stands."""
    sure, other, unseen = face(1, B, X, confirmed=True), face(2, B, Y), replace(face(3, B, Y), ignored=True)
    assert shown([sure, other, unseen], A) == [other]
    assert shown([sure, unseen], A) == [unseen]
    assert shown([sure], A) == []
    assert shown([face(4, A, Z), other], A) == [face(4, A, Z)]
    assert meant([sure, other], A, NOBODY) == other
    assert {number: found.face_id for number, found in meant_together({9: ([sure, other], A)}).items()} == {9: 2}


def test_a_face_is_put_away_only_where_it_must_have_been_that_one() -> None:
    """With two that the link may have shown, one may be somebody whom the user wants to see."""
    one, other = face(1, B, X), face(2, B, Y)
    assert unwanted([one, other], A) == []
    assert unwanted([one], A) == [one]
    assert unwanted([one, face(3, A, Z)], A) == [face(3, A, Z)]


def test_poor_faces_are_meant_only_where_there_is_no_other() -> None:
    """A blurred passer-by is not whom the user means."""
    good, poor = face(1, None, X), face(2, None, Y, poor=True)
    assert owned([good, poor], Pool.UNKNOWN) == [good]
    assert owned([poor], Pool.UNKNOWN) == [poor]


def test_faces_without_an_embedding_can_be_meant() -> None:
    """While another model embeds everything anew, the user's word counts all the same."""
    assert meant([face(1, A, None)], A, np.stack([X])) == face(1, A, None)


def test_together_the_face_that_is_in_all_photos_is_meant() -> None:
    """Three photos of one unknown person with different strangers beside."""
    photos = {
        10: ([face(1, None, X), face(2, None, Y, quality=0.9)], Pool.UNKNOWN),
        11: ([face(3, None, Z, quality=0.9), face(4, None, X)], Pool.UNKNOWN),
        12: ([face(5, None, X)], Pool.UNKNOWN),
        13: ([], Pool.UNKNOWN),
    }
    assert {photo: chosen.face_id for photo, chosen in meant_together(photos).items()} == {10: 1, 11: 4, 12: 5}
