"""
A folder of named portraits as the people to compare with: `NAME.jpg`, or a folder per person, without any state.

The embedding of each portrait is kept in a cache by the content of its file and by the models. A file with another content has
no embedding there, so that none is ever out of date.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facewatchd.core.matching.gallery_index import GalleryIndex
from facewatchd.domain import FaceEngine, Root
from facewatchd.errors import FacewatchError, PhotoError
from facewatchd.photos.decoding.read import PhotoReader
from facewatchd.photos.formats import is_photo_name
from facewatchd.pipeline.intake.ingest import IngestSettings, find_faces
from facewatchd.pipeline.tree.pictures import read_picture
from facewatchd.watch.scanner import scan

_CHUNK = 1 << 20

Embed = Callable[[bytes], NDArray[np.float32] | None]
"""The embedding of the largest face of a photo; None where it has none. Raises PhotoError."""


@dataclass(frozen=True, slots=True)
class Portraits:
    """
    People by their portraits.

    Attributes:
        names: Of the people; person n of the index is the nth.
        index: Their portraits.
        left_out: Portraits without a face, or that cannot be read, and why.
    """

    names: tuple[str, ...]
    index: GalleryIndex
    left_out: tuple[tuple[bytes, str], ...]


def photos_below(folder: bytes) -> Iterator[bytes]:
    """
    The photos of a folder and of all below it, in order, as the daemon would find them.

    Args:
        folder: Absolute, without symbolic links.
    """
    found = [
        os.path.join(folder, seen.path) for scanned in scan(Root(0, folder), is_photo_name) for seen in scanned.files
    ]
    yield from sorted(found)


def portraits_in(folder: bytes, embed: Embed, cache: Path | None) -> Portraits:
    """
    Read a folder of portraits. Of a portrait with several faces the largest is meant.

    Args:
        folder: Absolute, without symbolic links. A portrait directly in it is called like its file; one in a folder, like the
            folder in which it is directly in `folder`.
        embed: Finds the face.
        cache: Where embeddings are kept; None for nowhere.

    Raises:
        FacewatchError: There is no portrait with a face.
    """
    people: dict[str, int] = {}
    numbers: list[int] = []
    vectors: list[NDArray[np.float32]] = []
    left_out: list[tuple[bytes, str]] = []
    for path in photos_below(folder):
        first, *below = os.path.relpath(path, folder).split(b"/")
        name = os.fsdecode(first if below else os.path.splitext(first)[0])
        try:
            vector = _embedding(path, embed, cache)
        except PhotoError as error:
            left_out.append((path, f"{error.title}: {error.message}"))
            continue
        if vector is None:
            left_out.append((path, "There is no face in it."))
            continue
        numbers.append(people.setdefault(name, len(people)))
        vectors.append(vector)
    if not vectors:
        raise FacewatchError(
            "There is no portrait with a face in the folder",
            "At least one is needed, as NAME.jpg, or in a folder called NAME.",
            folder,
        )
    return Portraits(tuple(people), GalleryIndex(np.array(numbers, np.int64), np.stack(vectors)), tuple(left_out))


def cache_of(engine: FaceEngine, version: str, environment: Mapping[str, str]) -> Path:
    """Where the embeddings of portraits are kept that these models make in this version of the program."""
    base = environment.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "facewatchd" / "portraits" / f"{engine.info.id[:16]}-{version}"


def largest_face(engine: FaceEngine, reader: PhotoReader, settings: IngestSettings) -> Embed:
    """Finds the largest face of a photo by these models."""

    def embed(path: bytes) -> NDArray[np.float32] | None:
        found = find_faces(engine, read_picture(path, reader), settings.limits, in_tiles=settings.in_tiles)
        largest = max(found, key=lambda face: face.detection.box.w * face.detection.box.h, default=None)
        return None if largest is None else np.asarray(largest.embedding, np.float32)

    return embed


def _embedding(path: bytes, embed: Embed, cache: Path | None) -> NDArray[np.float32] | None:
    if cache is None:
        return embed(path)
    before = _hash(path)
    kept = cache / f"{before}.npy"
    # an empty one stands for a portrait without a face; what is damaged is made again
    with contextlib.suppress(OSError, ValueError, EOFError):
        vector: NDArray[np.float32] = np.load(kept, allow_pickle=False)
        if vector.dtype == np.float32 and vector.ndim == 1:
            return vector if len(vector) else None
    found = embed(path)
    # only what was looked at is kept, and not what replaced it meanwhile
    if _hash(path) == before:
        _keep(kept, np.empty(0, np.float32) if found is None else found)
    return found


def _keep(kept: Path, vector: NDArray[np.float32]) -> None:
    """Without a place for the cache everything works, more slowly."""
    with contextlib.suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, part = tempfile.mkstemp(dir=kept.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                np.save(file, vector)
            os.rename(part, kept)
        except OSError:
            os.unlink(part)
            raise


def _hash(path: bytes) -> str:
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise PhotoError("The photo cannot be read", f"{error.strerror}.", path) from error
    return digest.hexdigest()
