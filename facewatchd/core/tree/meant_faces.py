"""
A gesture is about photos, the program's memory about faces: which face of a photo did the user mean?
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from facewatchd.core.tree.owners import Owner, Review, Suggestion
from facewatchd.domain import Embedding, Embeddings, FaceId, PersonId, PhotoId, Pool


@dataclass(frozen=True, slots=True)
class Candidate:
    """
    A face of a photo that a gesture is about.

    Attributes:
        confirmed: Whether the user said before that it is `person_id`'s.
        embedding: None where the present models have not embedded it.
        review: The person that it may be, where it is unassigned.
        ignored: Whether the user does not want to see it, whoever it is.
        named: Whether `person_id` has a name.
        hidden: Whether the user does not want to see `person_id`.
    """

    face_id: FaceId
    person_id: PersonId | None
    confirmed: bool
    poor: bool
    quality: float
    embedding: Embedding | None
    review: PersonId | None = None
    ignored: bool = False
    named: bool = False
    hidden: bool = False


def owned(faces: Sequence[Candidate], source: Owner | None) -> list[Candidate]:
    """
    The faces that made a photo appear in an owner's folder: the person's; of a pool those of no person. None, for a copy: those
    of no person and of people without a name, as nothing says that the named are not who they are. Poor faces only where
    there is no other, ignored ones only from `_ignored`.
    """
    if source is Pool.IGNORED:
        return [face for face in faces if face.ignored]
    faces = [face for face in faces if not face.ignored]
    match source:
        case Pool.UNKNOWN:
            unassigned = [face for face in faces if face.person_id is None]
            among = [face for face in unassigned if face.review is None] or unassigned
        case Review(person_id):
            among = [face for face in faces if face.person_id is None and face.review == person_id]
        case Suggestion(one, other):
            among = [face for face in faces if face.person_id in {one, other}]
        case int():
            among = [face for face in faces if face.person_id == source]
        case _:
            among = [face for face in faces if not (face.confirmed or face.named or face.hidden)]
    return [face for face in among if not face.poor] or among


def shown(faces: Sequence[Candidate], source: Owner | None) -> list[Candidate]:
    """
    The faces that a link may have shown: those that it stands for, see `owned`. Where the program has given them to somebody
    else since the link was made, and the user could not see that yet, any that the user has not confirmed as someone's. A
    copy takes nothing from anybody who has a name.
    """
    unsure = [face for face in faces if not face.confirmed and not (source is None and face.named)]
    return owned(faces, source) or [face for face in unsure if not (face.ignored or face.hidden)] or unsure


def joins(faces: Sequence[Candidate], source: Owner | None) -> bool:
    """
    Whether a link that was put on a person's own of the same photo tells which other face is theirs, too: of several that
    nobody knows it does not.
    """
    return source is not Pool.UNKNOWN or len(owned(faces, source)) == 1


def unwanted(faces: Sequence[Candidate], source: Owner | None) -> list[Candidate]:
    """
    The faces that the user does not want to see, of a photo with a link that they put away. Of those that it may have shown, see
    `shown`, only one that it must have: another may be a person that they do want to see.
    """
    perhaps = shown(faces, source)
    return owned(faces, source) or (perhaps if len(perhaps) == 1 else [])


def meant(
    faces: Sequence[Candidate], source: Owner | None, medoids: Embeddings, to: PersonId | None = None
) -> Candidate | None:
    """
    The face that the user meant by linking a photo to a person.

    Args:
        faces: All faces of the photo.
        source: The owner of the folder that the link was in; None for a copy.
        medoids: The person's, shape (n_medoids, dim); empty for somebody new.
        to: The person; None for somebody new.

    Returns:
        Of the faces that it may be, the one most like the person, or where nobody is known yet the best; None where the
        photo has no such face.
    """
    among = shown(faces, source)
    if source is None:
        # somebody's link is still there: a face of no person is the likelier one, if none is taken for the person's already
        own = [face for face in faces if to is not None and face.person_id == to]
        among = own or [face for face in among if face.person_id is None] or among
    return max(among, key=lambda face: (_likeness(face, medoids), face.quality, -face.face_id), default=None)


def meant_together(
    photos: Mapping[PhotoId, tuple[Sequence[Candidate], Owner | None]],
) -> dict[PhotoId, Candidate]:
    """
    The faces that the user meant by putting photos into a folder of their own: one of each photo, those that are most
    alike over all of them.

    Args:
        photos: Per photo its faces, and the owner of the folder that the link was in.

    Returns:
        Per photo the face; photos without a face that it may be are left out.
    """
    among = {photo: shown(faces, source) for photo, (faces, source) in photos.items()}
    chosen = {}
    for photo, faces in among.items():
        others = [
            np.stack([face.embedding for face in rest if face.embedding is not None])
            for other, rest in among.items()
            if other != photo and any(face.embedding is not None for face in rest)
        ]
        if faces:
            chosen[photo] = max(
                faces,
                key=lambda face: (sum(_likeness(face, other) for other in others), face.quality, -face.face_id),
            )
    return chosen


def _likeness(face: Candidate, medoids: Embeddings) -> float:
    """Similarity to the nearest medoid; -1 where there is nothing to compare."""
    if face.embedding is None or len(medoids) == 0:
        return -1.0
    return float((medoids @ face.embedding).max())
