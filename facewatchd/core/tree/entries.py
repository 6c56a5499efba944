"""
The people tree in records: what the state wants of it, what was written last (the manifest), what is there now, and the
actions that make one of the other (`core.tree.plan` decides them).

A folder is known by its owner. People and pools have theirs at the top of the tree, the others inside a folder of ours.

The records of which there is one a link are named tuples: an archive has very many, and they are made in half the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from facewatchd.core.tree.owners import IGNORED, REVIEW, TOGETHER, Owner, place_of
from facewatchd.domain import FaceId, PhotoId, Pool

UNKNOWN = Pool.UNKNOWN.encode()
RESERVED = frozenset({UNKNOWN, REVIEW, Pool.IGNORED.encode(), TOGETHER, b"index.html"})
"""Names at the top of the tree that no person can have."""

MARKER = b".facewatchd"
"""Names the owner of a folder, so that it is known by whatever name."""


# --- how a file of the tree is known to be a photo's -----------------------------------------------------------------

# Links of all kinds are told apart by a "target". A symlink's is its text; those of the others begin with a NUL, which
# no text of a link can.
_HARD = b"\0hard "
_COPY = b"\0copy "

INTENDED = b"\0intended"
"""A file that was about to be put in place and may have been: whatever it is, it is ours, and is made again."""


class LinkMode(StrEnum):
    """What stands for a photo in the tree (`people.links`)."""

    RELATIVE = "relative"
    ABSOLUTE = "absolute"
    HARDLINK = "hardlink"
    COPY = "copy"


def hard_link(inode: int) -> bytes:
    """The target of a hard link; all of a tree lie on one file system."""
    return _HARD + b"%d" % inode


def copy_of(photo_id: PhotoId, size: int, mtime_ns: int) -> bytes:
    """The target of a copy of the photo as it was then."""
    return _COPY + b"%d %d %d" % (photo_id, size, mtime_ns)


def is_hard_link(target: bytes) -> bool:
    return target.startswith(_HARD)


def is_copy(target: bytes) -> bool:
    return target.startswith(_COPY)


def is_symlink(target: bytes) -> bool:
    return not target.startswith(b"\0")


def copied(target: bytes) -> tuple[PhotoId, int, int]:
    """The photo, size and mtime of a copy's target."""
    photo_id, size, mtime_ns = target.removeprefix(_COPY).split()
    return int(photo_id), int(size), int(mtime_ns)


def linked_inode(target: bytes) -> int:
    """The inode of a hard link's target."""
    return int(target.removeprefix(_HARD))


# --- what is wanted -------------------------------------------------------------------------------------------------


class WantedLink(NamedTuple):
    """
    A photo's link; `name` is the one wanted, `target` what it leads to, see above. A name may lead into a part of the folder, such
    as `2019/a.jpg`; parts come and go with what is in them. `is_given`: the user has chosen the name.
    """

    photo_id: PhotoId
    name: bytes
    target: bytes
    is_given: bool = False


@dataclass(frozen=True, slots=True)
class WantedFile:
    """A small file of ours; another `version` means other content, which the shell knows how to make."""

    name: bytes
    version: str


class WantedPicture(NamedTuple):
    """
    A picture of a face, which stands beside the link to its photo, or under a name of its own.

    Attributes:
        face_id: The face.
        photo_id: The photo with the link that it stands beside; None for a picture that stands alone.
        name: The name wanted of one that stands alone.
    """

    face_id: FaceId
    photo_id: PhotoId | None
    name: bytes = b""


@dataclass(frozen=True, slots=True)
class WantedFolder:
    """
    An owner's folder.

    Attributes:
        title: The name wanted, which may have to be made legal and unique.
        hidden: It is that of somebody who is not to be seen.
    """

    owner: Owner
    title: str
    links: tuple[WantedLink, ...]
    files: tuple[WantedFile, ...] = ()
    pictures: tuple[WantedPicture, ...] = ()
    hidden: bool = False

    @property
    def place(self) -> bytes:
        """The folder that it lies in, relative to the tree; empty for its top."""
        return IGNORED if self.hidden else place_of(self.owner)


# --- what was written, what is there --------------------------------------------------------------------------------


class Written(NamedTuple):
    """
    One line of the manifest: a link or file of ours, inside the folder that it is filed under.

    Attributes:
        name: Its file name.
        photo_id: The photo linked to; None for a file.
        content: A link's target; a file's version.
        signature: A file's or copy's size, time and inode as we left it; empty for a symlink.
        intended: The signature of what was about to take its place.
    """

    name: bytes
    photo_id: PhotoId | None
    content: bytes
    signature: bytes = b""
    intended: bytes = b""


@dataclass(frozen=True, slots=True)
class WrittenFolder:
    """A folder of ours as the manifest has it; `name` is its path relative to the tree."""

    owner: Owner
    name: bytes
    entries: tuple[Written, ...] = ()


class PresentEntry(NamedTuple):
    """
    What stands under a name: a regular file has a signature; a symlink, and a file that is known to be a photo's, a
    target; anything else neither.

    Attributes:
        only_name: It is a photo's, and the only name that this file has: without it the picture would be gone.
        face: The face that it is a picture of, if we made it or it is a copy of one that we made.
    """

    target: bytes | None = None
    signature: bytes | None = None
    only_name: bool = False
    face: FaceId | None = None


@dataclass(frozen=True, slots=True)
class PresentFolder:
    """
    A real folder of the tree; `marker` is whose its marker file says it is. What is in folders without a marker inside a
    person's or a pool's folder is among the entries, as in `2019/a.jpg`.
    """

    marker: Owner | None
    entries: Mapping[bytes, PresentEntry]


@dataclass(frozen=True, slots=True)
class Present:
    """
    Attributes:
        names: All names at the top of the tree, whatever they are.
        folders: The folders that were looked into, by their paths: all at the top, and in them those that have a
            marker or that the manifest names.
    """

    names: AbstractSet[bytes]
    folders: Mapping[bytes, PresentFolder]


# --- what to do -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MakeFolder:
    """
    Make the folder, unless it stands there (a pool's, which has a fixed name; one made before a crash), and start its
    manifest afresh.
    """

    owner: Owner
    folder: bytes


@dataclass(frozen=True, slots=True)
class RenameFolder:
    owner: Owner
    folder: bytes
    to: bytes


@dataclass(frozen=True, slots=True)
class RemoveFolder:
    """Only if it is empty by then, but for other programs' litter; the user's own files keep it. Whatever the manifest has of it is struck out."""

    owner: Owner | None
    folder: bytes


@dataclass(frozen=True, slots=True)
class PutLink:
    """Make the link, or replace ours, which has the target `instead_of`."""

    folder: bytes
    name: bytes
    photo_id: PhotoId
    target: bytes
    instead_of: bytes | None = None


@dataclass(frozen=True, slots=True)
class RemoveLink:
    folder: bytes
    name: bytes
    target: bytes


@dataclass(frozen=True, slots=True)
class PutFile:
    """Write the file, or replace ours, which has the signature `instead_of`."""

    owner: Owner
    folder: bytes
    name: bytes
    version: str
    instead_of: bytes | None = None


@dataclass(frozen=True, slots=True)
class RemoveFile:
    folder: bytes
    name: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Adopt:
    """It is as wanted already (a crash came before it was written down): only write it down."""

    folder: bytes
    name: bytes
    photo_id: PhotoId
    target: bytes
    signature: bytes = b""


@dataclass(frozen=True, slots=True)
class Forget:
    """It is ours no longer (gone, or changed by the user): only strike it out."""

    folder: bytes
    name: bytes


Action = MakeFolder | RenameFolder | RemoveFolder | PutLink | RemoveLink | PutFile | RemoveFile | Adopt | Forget
