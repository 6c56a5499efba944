"""
Just the pixels of a photo, for covers, for pictures of faces, and for questions about a photo that is not taken in.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence

from facewatchd.core.tree.face_pictures import pictures_in
from facewatchd.core.tree.owners import Owner
from facewatchd.domain import FileStat, Image
from facewatchd.errors import PhotoBusyError, PhotoError
from facewatchd.people.covers import cut_cover
from facewatchd.people.kept_pictures import KeptPictures, picture_key
from facewatchd.photos.decoding.read import PhotoRead, PhotoReader
from facewatchd.store import PersonFace, Store
from facewatchd.watch.answering import Answers

log = logging.getLogger(__name__)

Cutter = Callable[[Owner, PersonFace], bytes | None]
"""Cuts a face out of its photo, for an owner's folder; None where it cannot, or cannot yet."""


def read_picture(path: bytes, reader: PhotoReader) -> Image:
    """
    Read a photo; a link is followed.

    Returns:
        The upright picture, valid until the reader's next.

    Raises:
        PhotoError: It cannot be read or decoded.
    """
    return _image(_read(path, reader))


def _read(path: bytes, reader: PhotoReader) -> PhotoRead:
    real = os.path.realpath(path)
    try:
        stat = FileStat.of(os.lstat(real))
    except OSError as error:
        raise PhotoError("The photo cannot be read", f"{error.strerror}.", path) from error
    return reader.read(real, stat)


def _image(read: PhotoRead) -> Image:
    assert read.decoded is not None
    return read.decoded.image


def cut_faces(faces: Sequence[PersonFace], reader: PhotoReader) -> dict[PersonFace, bytes]:
    """
    Cut faces of one photo out of it, which is decoded once.

    Returns:
        A picture of each; of none where the photo is away, or cannot be read, or is another by now.
    """
    path = faces[0].path
    if not os.path.exists(path):
        # its disk is away, or it was deleted: it may come back
        log.debug("No cover is cut: %r is not there", path)
        return {}
    try:
        read = _read(path, reader)
    except PhotoError as error:
        # one that is gone, or not read because everything ends, is nothing to look after
        level = logging.INFO if isinstance(error, PhotoBusyError) else logging.WARNING
        log.log(level, "No folder.jpg could be made: %s", error)
        return {}
    cut = {}
    for face in faces:
        if face.content in {b"", read.content_hash}:
            try:
                cut[face] = cut_cover(_image(read), face.box)
            except Exception:  # the boundary of one face: whatever it is, the others are cut
                log.exception("Cutting a face out of a photo went wrong")
    return cut


def cut_now(reader: PhotoReader, kept: KeptPictures | None = None, answers: Answers | None = None) -> Cutter:
    """
    Cuts faces out of what this reads, while everything else waits.

    Args:
        reader: Reads the photos.
        kept: Pictures that need not be cut, and those of faces that are asked about come in.
        answers: Tells whether the file systems answer; what does not is not cut.
    """
    does = Answers() if answers is None else answers

    def cut(owner: Owner, face: PersonFace) -> bytes | None:
        key = picture_key(face.content, face.box)
        picture = kept.get(key) if kept is not None else None
        if picture is None and does.answers(face.path):
            picture = cut_faces([face], reader).get(face)
            if picture is not None and kept is not None and not is_cover(owner):
                kept.put(key, picture)
        return picture

    return cut


def is_cover(owner: Owner) -> bool:
    """Whether the picture in an owner's folder is a person's cover, and not that of a face that is asked about."""
    return isinstance(owner, int)


def let_go(store: Store, kept: KeptPictures) -> None:
    """Of the pictures of faces that are kept, those of faces that are asked about no more."""
    faces = {*pictures_in(store.manifest.pictures()).values()}
    kept.keep_only({picture_key(*source) for source in store.pictures.sources(faces).values()})
