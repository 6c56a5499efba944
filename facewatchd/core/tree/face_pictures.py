"""
Pictures of faces beside the links to their photos: how they are called, and how the manifest says what they are.

A picture's name is that of its link with a suffix, so that any file manager sorts the two together.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Mapping, Sequence

from facewatchd.core.tree.entries import WantedFile, WantedPicture, Written
from facewatchd.core.tree.folder_names import fold, is_variant, unique, with_suffix
from facewatchd.domain import FaceId, PhotoId

_VERSION = "face "
_WORD = " face"
_ENDING = b".jpg"


def picture_version(face_id: FaceId) -> str:
    """What a face's picture is, as a file of ours."""
    return f"{_VERSION}{face_id}"


def pictured(version: bytes) -> FaceId | None:
    """The face that a file of ours shows; None where it is no picture of a face."""
    number = version.removeprefix(_VERSION.encode())
    return int(number) if number != version and number.isdigit() else None


def pictures_in(entries: Iterable[Written]) -> dict[bytes, FaceId]:
    """The pictures among what was written: name -> face."""
    found = {entry.name: pictured(entry.content) for entry in entries if entry.photo_id is None}
    return {name: face for name, face in found.items() if face is not None}


def name_pictures(
    pictures: Sequence[WantedPicture],
    links: Mapping[PhotoId, bytes],
    written: Iterable[Written],
    taken: Collection[str],
    foreign: Collection[str] = (),
) -> tuple[WantedFile, ...]:
    """
    Give every picture its name: the one that it had, if that still fits, else the next free one. Where the user has a file of
    that name, such as a picture that they changed, there is none of ours.

    Args:
        pictures: Those wanted; those of photos that have no link are left out.
        links: Photo -> the name of its link.
        written: What was written into the folder last, and still is as it was.
        taken: Folded names that are not to be had.
        foreign: Folded names of what is not ours.
    """
    if not pictures:
        return ()
    had = {face: name for name, face in pictures_in(written).items()}
    used = {*taken, *foreign}
    bases = [
        (picture, picture.name if picture.photo_id is None else _beside(links[picture.photo_id]))
        for picture in pictures
        if picture.photo_id is None or picture.photo_id in links
    ]
    named: dict[FaceId, bytes] = {}
    for picture, base in bases:
        own = had.get(picture.face_id)
        if own is not None and is_variant(own, base) and fold(own) not in used:
            named[picture.face_id] = own
            used.add(fold(own))
    for picture, base in bases:
        if picture.face_id not in named and fold(base) not in foreign:
            named[picture.face_id] = unique(base, used)
            used.add(fold(named[picture.face_id]))
    return tuple(
        WantedFile(named[picture.face_id], picture_version(picture.face_id))
        for picture, _ in bases
        if picture.face_id in named
    )


def _beside(link: bytes) -> bytes:
    """The name of a picture beside a link."""
    return with_suffix(posixpath.basename(link), _WORD, _ENDING)
