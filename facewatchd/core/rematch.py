"""
Which of a photo's stored faces are which of those just found, when a photo is taken in again: another model, or the
same photo saved anew. Faces that are the same keep their id, and with it everything that the user said of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from facewatchd.domain import Box, FaceId

# two detectors draw the same face's box this much alike; two neighbours' boxes overlap less
LEAST_OVERLAP = 0.4


def same_faces(
    stored: Sequence[tuple[FaceId, Box]], found: Sequence[Box], resembles: Sequence[Sequence[bool]] | None = None
) -> list[FaceId | None]:
    """
    Match by place, best overlap first, one to one.

    Args:
        stored: The faces that the state has of the photo.
        found: The boxes just found.
        resembles: Per found face and stored face, whether they may be the same by their looks; None where looks cannot
            be compared (embeddings of different models).

    Returns:
        For each found face the id of the stored one, or None for a new face.
    """
    overlaps = sorted(
        (-box.overlap(old), face, at)
        for at, box in enumerate(found)
        for number, (face, old) in enumerate(stored)
        if box.overlap(old) >= LEAST_OVERLAP and (resembles is None or resembles[at][number])
    )
    matched: list[FaceId | None] = [None] * len(found)
    used: set[FaceId] = set()
    for _, face, at in overlaps:
        if matched[at] is None and face not in used:
            matched[at] = face
            used.add(face)
    return matched
