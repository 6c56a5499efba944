"""
What the user did to pictures of faces. Each stands beside the link to its photo and means the same as that would, but it
tells which face is meant. A link and its picture that went the same way are one gesture, not two.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from facewatchd.core.tree.answers import Target
from facewatchd.core.tree.gestures import FoundFolder, LeftFolder, Pointed
from facewatchd.core.tree.owners import Owner, Suggestion, Together, owner_text
from facewatchd.domain import FaceId, PhotoId, Pool

Removed = dict[PhotoId, set[Owner]]
"""Per photo, the owners of the folders that its links are gone from."""

Added = dict[PhotoId, set[Target]]
"""Per photo, where new links are."""


@dataclass(frozen=True, slots=True)
class PictureGestures:
    """
    Attributes:
        moved: Faces with pictures that went to a person, or to `_ignored`.
        deleted: Faces with pictures that are gone, or went back to `_unknown`.
        founding: Per folder of the user's making, the faces with pictures in it.
    """

    moved: list[Pointed] = field(default_factory=list)
    deleted: list[Pointed] = field(default_factory=list)
    founding: dict[bytes, frozenset[FaceId]] = field(default_factory=dict)


def read_pictures(
    left: Sequence[LeftFolder],
    found: Sequence[FoundFolder],
    homes: Mapping[Owner, FoundFolder],
    done: Collection[Owner],
    removed: Removed,
    added: Added,
) -> PictureGestures:
    """
    Tell what the user did to pictures of faces.

    Args:
        left: The tree as it was left.
        found: The folders that are there.
        homes: Where each owner's folder is now.
        done: Owners about whose folders all is known.
        removed: See there; links that say no more than their pictures are taken out, and out of `added`.
        added: See there.
    """
    pictured = [*(folder.faces for folder in left if folder.faces), *(folder.faces for folder in found if folder.faces)]
    if not pictured:
        return PictureGestures()
    photo_of = {face: photo for faces in pictured for face, photo in faces.items()}
    went, came = _changes(left, found, homes, done)
    moves: dict[tuple[FaceId, Owner | None], Owner] = {}
    gone: set[tuple[FaceId, Owner]] = set()
    founding: dict[bytes, set[FaceId]] = defaultdict(set)
    for face in sorted({*went, *came}):
        sources = sorted(went.get(face, ()), key=_order)
        for target in sorted(came.get(face, ()), key=_order):
            source = sources.pop(0) if sources else None
            if isinstance(target, bytes):
                founding[target].add(face)
                added[photo_of[face]].add(target)
                if source is not None:
                    removed[photo_of[face]].add(source)
            elif target is Pool.UNKNOWN:
                if source is not None:
                    gone.add((face, source))
            elif isinstance(target, int) or (source is not None and not isinstance(source, Suggestion)):
                moves[face, source] = target
        gone |= {(face, source) for source in sources}
    # an example that is gone says nothing
    gone = {(face, source) for face, source in gone if not isinstance(source, Suggestion)}
    shown = {(folder.owner, photo): 0 for folder in left for photo in folder.faces.values()}
    for folder in left:
        for photo in folder.faces.values():
            shown[folder.owner, photo] += 1
    _join_moves(moves, photo_of, shown, removed, added)
    _join_deletions(gone, photo_of, shown, removed, added)
    return PictureGestures(
        _at_once(moves, photo_of),
        _at_once(dict.fromkeys(gone), photo_of),
        {path: frozenset(faces) for path, faces in founding.items()},
    )


def _changes(
    left: Sequence[LeftFolder],
    found: Sequence[FoundFolder],
    homes: Mapping[Owner, FoundFolder],
    done: Collection[Owner],
) -> tuple[dict[FaceId, set[Owner]], dict[FaceId, set[Target]]]:
    """Per face, the owners of the folders that its picture went from, and where it came to."""
    went: dict[FaceId, set[Owner]] = defaultdict(set)
    came: dict[FaceId, set[Target]] = defaultdict(set)
    before = {folder.owner: folder.faces for folder in left}
    for folder in left:
        now = homes[folder.owner].faces if folder.owner in homes else {}
        if folder.owner not in done and not isinstance(folder.owner, Together):
            for face in folder.faces.keys() - now.keys():
                went[face].add(folder.owner)
    for owner, home in homes.items():
        for face in home.faces.keys() - before.get(owner, {}).keys() if owner not in done else ():
            if isinstance(owner, int | Pool):
                came[face].add(owner)
            else:
                # there is nothing to say by putting a picture where pictures only ask
                went.pop(face, None)
    owned = {home.path for home in homes.values()}
    pools = {pool.encode(): pool for pool in Pool}
    for seen in found:
        if seen.is_the_users(owned):
            for face in seen.faces:
                came[face].add(seen.path)
        elif seen.path in pools and seen.path not in owned:
            for face in seen.faces:
                came[face].add(pools[seen.path])
    return went, came


def _join_moves(
    moves: dict[tuple[FaceId, Owner | None], Owner],
    photo_of: Mapping[FaceId, PhotoId],
    shown: Mapping[tuple[Owner, PhotoId], int],
    removed: Removed,
    added: Added,
) -> None:
    """A link that went with its picture, or was deleted as its picture was moved, says no more than that."""
    ways: dict[tuple[PhotoId, Owner | None, Owner], set[FaceId]] = defaultdict(set)
    for (face, source), target in moves.items():
        ways[photo_of[face], source, target].add(face)
    for (photo, source, target), faces in ways.items():
        went = source is not None and source in removed[photo]
        if (
            len(faces) > 1
            and source is not None
            and went
            and len(faces) == shown[source, photo]
            and target in added[photo]
        ):
            # everything there is of the photo: as the link alone, one of its faces
            for face in faces:
                del moves[face, source]
            continue
        if source is not None:
            removed[photo].discard(source)
        added[photo].discard(target)


def _join_deletions(
    gone: set[tuple[FaceId, Owner]],
    photo_of: Mapping[FaceId, PhotoId],
    shown: Mapping[tuple[Owner, PhotoId], int],
    removed: Removed,
    added: Added,
) -> None:
    """A link that is gone with some of its pictures is gone for these; with all of them it says it all."""
    ways: dict[tuple[PhotoId, Owner], set[FaceId]] = defaultdict(set)
    for face, source in gone:
        ways[photo_of[face], source].add(face)
    for (photo, source), faces in ways.items():
        if source not in removed[photo]:
            continue
        if added[photo] or len(faces) == shown[source, photo]:
            gone -= {(face, source) for face in faces}
        else:
            removed[photo].discard(source)


def _at_once(
    said: Mapping[tuple[FaceId, Owner | None], Owner | None], photo_of: Mapping[FaceId, PhotoId]
) -> list[Pointed]:
    """What was done to many pictures alike is one gesture."""
    alike: dict[tuple[Owner | None, Owner | None], list[tuple[PhotoId, FaceId]]] = defaultdict(list)
    for (face, source), target in said.items():
        alike[source, target].append((photo_of[face], face))
    return [
        Pointed(tuple(sorted(faces)), source, target)
        for (source, target), faces in sorted(alike.items(), key=lambda item: min(item[1]))
    ]


def _order(target: Target) -> tuple[int, int, bytes]:
    """A person's folder says more than a pool."""
    if isinstance(target, bytes):
        return (1, 0, target)
    return (0, target, b"") if isinstance(target, int) else (2, 0, owner_text(target).encode())
