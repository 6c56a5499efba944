"""
Unpacking the models of a pack. Everything else in the archive is left out.
"""

from __future__ import annotations

import hashlib
import os
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from facewatchd.errors import ModelError
from facewatchd.faces.known import KnownPack
from facewatchd.faces.sessions import first_line

_PIECE = 1 << 18

_MOST_MEMBERS = 100
"""The largest pack known has eight."""


def unpack(pack: KnownPack, archive: Path, into: Path, most: int) -> None:
    """
    Unpack a pack's models.

    Args:
        pack: What the archive should hold.
        archive: A zip file.
        into: A directory that does not exist yet. A failure leaves it incomplete.
        most: Largest sum of the unpacked files, bytes.

    Raises:
        ModelError: The archive is damaged, odd, or of another pack.
        OSError: The files cannot be written.
    """
    into.mkdir()
    pinned = {file.name: file.sha256 for file in (pack.detection, pack.recognition)}
    try:
        with zipfile.ZipFile(archive) as packed:
            for name, member in _models_in(pack, packed, most).items():
                found = _extract(packed, member, into / name)
                if pinned.pop(name, found) != found:
                    raise _archive_error(pack, f"{name} has another sha256 than it should")
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise _archive_error(pack, first_line(error)) from error
    if pinned:
        raise _archive_error(pack, f"{' and '.join(pinned)} is not in it")
    _sync(into)


def _models_in(pack: KnownPack, packed: zipfile.ZipFile, most: int) -> dict[str, zipfile.ZipInfo]:
    """The models of an archive by their file names. Some archives keep them in a folder."""
    members = packed.infolist()
    if len(members) > _MOST_MEMBERS or sum(member.file_size for member in members) > most:
        raise _archive_error(pack, "it is larger than any pack")
    models: dict[str, zipfile.ZipInfo] = {}
    for member in members:
        path = PurePosixPath(member.filename)
        kind = stat.S_IFMT(member.external_attr >> 16)
        if (
            path.is_absolute()
            or ".." in path.parts
            or "\\" in member.filename
            or kind not in (0, stat.S_IFREG, stat.S_IFDIR)
        ):
            raise _archive_error(pack, f"it has an unexpected member: {member.filename!r}")
        if member.is_dir() or path.suffix != ".onnx":
            continue
        if path.name in models:
            raise _archive_error(pack, f"it has {path.name} twice")
        models[path.name] = member
    if not models:
        raise _archive_error(pack, "there is no model in it")
    return models


def _extract(packed: zipfile.ZipFile, member: zipfile.ZipInfo, into: Path) -> str:
    """Write one file. Returns its sha256."""
    digest = hashlib.sha256()
    with packed.open(member) as source, into.open("xb") as target:
        while piece := source.read(_PIECE):
            digest.update(piece)
            target.write(piece)
        target.flush()
        os.fsync(target.fileno())
    return digest.hexdigest()


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _archive_error(pack: KnownPack, why: str) -> ModelError:
    return ModelError(
        f"The face models {pack.name} cannot be unpacked",
        f"The archive cannot be used: {why}. Set models.pack to builtin or to another pack.",
    )
