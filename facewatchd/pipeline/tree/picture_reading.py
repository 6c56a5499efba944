"""
Which pictures of faces stand where in the people tree, and where they stood when it was left.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from facewatchd.core.tree.entries import Present, PresentFolder, Written, WrittenFolder
from facewatchd.core.tree.face_pictures import picture_version, pictures_in
from facewatchd.core.tree.owners import Owner
from facewatchd.domain import FaceId, PhotoId
from facewatchd.store import Store

Faces = Mapping[FaceId, PhotoId]
"""Faces, each with its photo."""


@dataclass(frozen=True, slots=True)
class PictureReading:
    """
    Per path of a folder that is not as it was left.

    Attributes:
        left: The faces that it had pictures of.
        found: Those that it has pictures of.
    """

    left: Mapping[bytes, Faces] = field(default_factory=dict)
    found: Mapping[bytes, Faces] = field(default_factory=dict)


def has_its_pictures(folder: WrittenFolder, there: PresentFolder) -> bool:
    """Whether a folder has the pictures that were written into it, by name, and no others."""
    return pictures_in(folder.entries) == {name: entry.face for name, entry in there.entries.items() if entry.face}


def read_pictures(
    store: Store,
    written: Sequence[WrittenFolder],
    present: Present,
    shown: Mapping[PhotoId, PhotoId],
    same: Collection[bytes],
) -> PictureReading:
    """
    Look for pictures in the folders that changed.

    Args:
        store: The state; only read.
        written: All of the manifest.
        present: What is there now.
        shown: Photos that another file of the same photo is shown for.
        same: Paths of folders that are as they were left.
    """
    left = {f.name: {*pictures_in(f.entries).values()} for f in written if f.name not in same}
    at_path = {folder.name: folder for folder in written}
    by_owner: dict[Owner | None, WrittenFolder] = {folder.owner: folder for folder in written}
    found = {}
    for path, folder in present.folders.items():
        if path not in same:
            was = at_path.get(path, by_owner.get(folder.marker))
            found[path] = {entry.face for entry in folder.entries.values() if entry.face} | {*_saved_over(folder, was)}
    faces = {face for group in (*left.values(), *found.values()) for face in group}
    if not faces:
        return PictureReading()
    photos = {face: shown.get(photo, photo) for face, photo in store.pictures.photos(faces).items()}

    def known(group: Collection[FaceId]) -> Faces:
        return {face: photos[face] for face in group if face in photos}

    return PictureReading(
        {path: known(group) for path, group in left.items()}, {path: known(group) for path, group in found.items()}
    )


def _saved_over(folder: PresentFolder, was: WrittenFolder | None) -> Iterator[FaceId]:
    """Faces with a picture that is a file of the user's now: a picture that was changed takes no face away."""
    for name, face in pictures_in(was.entries if was is not None else ()).items():
        now = folder.entries.get(name)
        if now is not None and now.signature is not None and now.face is None:
            yield face


def take_over_pictures(store: Store, path: bytes, folder: PresentFolder) -> None:
    """What stands in a folder of ours and is a picture of ours, or a copy of one, is ours to take away."""
    for name, entry in folder.entries.items():
        if entry.face is not None and entry.signature is not None:
            store.manifest.put(path, Written(name, None, picture_version(entry.face).encode(), entry.signature))
