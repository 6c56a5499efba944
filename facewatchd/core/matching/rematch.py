"""
Which stored faces of a photo are the same as those just found, when a photo is taken in again: with another model, or because
it was saved again. Such faces keep their id, and with it all corrections of the user.
"""

from __future__ import annotations

from collections.abc import Sequence

from facewatchd.domain import Box, FaceId

# boxes of one face by two detectors overlap this much; boxes of two faces side by side overlap less
LEAST_OVERLAP = 0.4


def same_faces(
    stored: Sequence[tuple[FaceId, Box]],
    found: Sequence[Box],
    likeness: Sequence[Sequence[float | None]],
    least_here: float,
    least_anywhere: float,
) -> list[FaceId | None]:
    """
    Match one to one: by place, best overlap first, then by similarity, most similar first.

    Args:
        stored: The faces that the state has of the photo.
        found: The boxes just found.
        likeness: Per found face and stored face their similarity, None where embeddings of different models cannot be
            compared.
        least_here: Faces at the same place that are less similar are not the same: the file is another picture now.
        least_anywhere: Faces that are this similar are the same at any place: the picture was cropped or turned.

    Returns:
        For each found face the id of the stored one, or None for a new face.
    """
    here: list[tuple[float, FaceId, int]] = []
    anywhere: list[tuple[float, FaceId, int]] = []
    for at, box in enumerate(found):
        for number, (face, old) in enumerate(stored):
            alike, overlap = likeness[at][number], box.overlap(old)
            if overlap >= LEAST_OVERLAP and (alike is None or alike >= least_here):
                here.append((-overlap, face, at))
            elif alike is not None and alike >= least_anywhere:
                anywhere.append((-alike, face, at))
    matched: list[FaceId | None] = [None] * len(found)
    used: set[FaceId] = set()
    for _, face, at in (*sorted(here), *sorted(anywhere)):
        if matched[at] is None and face not in used:
            matched[at] = face
            used.add(face)
    return matched
