"""
The people tree, three-way: what the state wants, what was written last (the manifest), what is there now.

The difference becomes a list of actions, complete before anything is touched, and the gestures that the user made.
We own what the manifest names *and* what still is as we left it; everything else is the user's and stays (R32), even
in the way of a name that we wanted: then ours gets a number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from facewatchd.core.names import fold, folder_name, is_variant, unique
from facewatchd.domain import PersonId, PhotoId

UNKNOWN = b"_unknown"
RESERVED = frozenset({UNKNOWN, b"_review", b"_ignored", b"_together", b"index.html"})
"""Names at the top of the tree that no person can have."""

MARKER = b".facewatchd"
"""Holds the person's id, so that a folder is known by whatever name."""


# --- what is wanted -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WantedLink:
    """A photo's link; `name` is the one wanted, `target` the text of the link."""

    photo_id: PhotoId
    name: bytes
    target: bytes


@dataclass(frozen=True, slots=True)
class WantedFile:
    """A small file of ours; another `version` means other content, which the shell knows how to make."""

    name: bytes
    version: str


@dataclass(frozen=True, slots=True)
class WantedFolder:
    """A folder at the top of the tree, for a person or (`person_id` None) a pool such as `_unknown`."""

    person_id: PersonId | None
    title: str
    links: tuple[WantedLink, ...]
    files: tuple[WantedFile, ...] = ()


# --- what was written, what is there --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Written:
    """
    One line of the manifest: a link or file of ours, inside the folder that it is filed under.

    Attributes:
        name: Its file name.
        photo_id: The photo linked to; None for a file.
        content: A link's target; a file's version.
        signature: A file's size, time and inode as we left it; empty for a link.
    """

    name: bytes
    photo_id: PhotoId | None
    content: bytes
    signature: bytes = b""


@dataclass(frozen=True, slots=True)
class WrittenFolder:
    """A folder of ours as the manifest has it."""

    person_id: PersonId | None
    name: bytes
    entries: tuple[Written, ...] = ()


@dataclass(frozen=True, slots=True)
class PresentEntry:
    """What stands under a name: a link (`target`), a regular file (`signature`), or something else (neither)."""

    target: bytes | None = None
    signature: bytes | None = None


@dataclass(frozen=True, slots=True)
class PresentFolder:
    """A real folder at the top of the tree; `marker` is the id in its marker file."""

    marker: PersonId | None
    entries: Mapping[bytes, PresentEntry]


@dataclass(frozen=True, slots=True)
class Present:
    """
    Attributes:
        names: All names at the top of the tree, whatever they are.
        folders: The folders that were looked into: all that have a marker, all that the
            manifest names, and the pools.
    """

    names: AbstractSet[bytes]
    folders: Mapping[bytes, PresentFolder]


# --- what to do -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MakeFolder:
    """Make the folder, unless it stands there (a pool's, whose name is fixed), and start its manifest afresh."""

    person_id: PersonId | None
    folder: bytes


@dataclass(frozen=True, slots=True)
class RenameFolder:
    person_id: PersonId | None
    folder: bytes
    to: bytes


@dataclass(frozen=True, slots=True)
class RemoveFolder:
    """Only if it is empty by then; the user's own files keep it."""

    person_id: PersonId | None
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

    person_id: PersonId | None
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


@dataclass(frozen=True, slots=True)
class Forget:
    """It is ours no longer (gone, or changed by the user): only strike it out."""

    folder: bytes
    name: bytes


Action = MakeFolder | RenameFolder | RemoveFolder | PutLink | RemoveLink | PutFile | RemoveFile | Adopt | Forget


@dataclass(frozen=True, slots=True)
class Renamed:
    """The user renamed a person's folder: that is the person's name now."""

    person_id: PersonId
    folder: bytes
    to: bytes


def gestures(manifest: Iterable[WrittenFolder], present: Present) -> list[Renamed]:
    """
    What the user did to the tree since it was written.

    A folder was renamed if the one in the manifest is gone (or is somebody else's now) and exactly one other holds its
    marker; a copy beside the original says nothing.
    """
    marked: dict[PersonId, list[bytes]] = {}
    for name, folder in sorted(present.folders.items()):
        if folder.marker is not None:
            marked.setdefault(folder.marker, []).append(name)
    found = []
    for written in manifest:
        at = present.folders.get(written.name)
        stayed = at is not None and at.marker in {None, written.person_id}
        if written.person_id is None or stayed or (at is None and written.name in present.names):
            continue
        now = marked.get(written.person_id, [])
        if len(now) == 1:
            found.append(Renamed(written.person_id, written.name, now[0]))
    return sorted(found, key=lambda gesture: gesture.person_id)


def plan(wanted: Sequence[WantedFolder], manifest: Sequence[WrittenFolder], present: Present) -> list[Action]:
    """
    What makes the tree as it is wanted.

    Args:
        wanted: The folders to have. Written folders of people who are not among them go.
        manifest: The folders written last; those outside the scope of this plan belong in `present.names` only.
        present: What is there now.

    Returns:
        Actions in the order to carry them out. Once they are, a second plan is empty.
    """
    actions: list[Action] = []
    before = {folder.person_id: folder for folder in manifest}
    kept = {folder.person_id for folder in wanted}
    for left in manifest:
        if left.person_id not in kept:
            actions += _leave(left, present)

    taken = {fold(name) for name in present.names | RESERVED}
    for folder in wanted:
        written = before.get(folder.person_id)
        own = {written.name} if written and _is_ours(written, present) else set()
        name = _folder_name(folder, written if own else None, taken - {fold(name) for name in own})
        if not own:
            actions.append(MakeFolder(folder.person_id, name))
        elif written is not None and name != written.name:
            actions.append(RenameFolder(folder.person_id, written.name, name))
        taken.add(fold(name))
        there = present.folders.get(written.name if written and own else name)
        actions += _fill(folder, name, written.entries if written and own else (), there)
    return actions


def _is_ours(written: WrittenFolder, present: Present) -> bool:
    """A written folder that still stands there as a real folder."""
    return written.name in present.folders


def _folder_name(folder: WantedFolder, written: WrittenFolder | None, taken: AbstractSet[str]) -> bytes:
    if folder.person_id is None:
        return folder.title.encode()
    base = folder_name(folder.title)
    if written is not None and is_variant(written.name, base) and fold(written.name) not in taken:
        return written.name
    return unique(base, taken)


def _fill(
    folder: WantedFolder, name: bytes, written: Sequence[Written], there: PresentFolder | None
) -> Iterable[Action]:
    """The actions inside one wanted folder, whose name is `name` by then."""
    entries = there.entries if there else {}
    ours = {entry.name: entry for entry in written if _unchanged(entry, entries.get(entry.name))}
    for entry in written:
        if entry.name not in ours and entry.name in entries:
            yield Forget(name, entry.name)
    foreign = {fold(entry) for entry in entries if entry not in ours}

    links = _named_links(folder.links, written, ours, foreign, entries)
    files = {file.name: file for file in folder.files}
    for entry in ours.values():
        if entry.name in links or entry.name in files:
            continue
        if entry.photo_id is None:
            yield RemoveFile(name, entry.name, entry.signature)
        else:
            yield RemoveLink(name, entry.name, entry.content)
    for entry in written:
        if entry.name not in entries and entry.name not in links and entry.name not in files:
            yield Forget(name, entry.name)
    for file in folder.files:
        mine = ours.get(file.name)
        if mine is not None and mine.content == file.version.encode():
            continue
        if mine is not None or file.name not in entries:
            yield PutFile(folder.person_id, name, file.name, file.version, mine.signature if mine else None)
    recorded = {entry.name: entry for entry in written}
    for at, link in links.items():
        now = entries.get(at)
        known = recorded.get(at)
        if now is not None and now.target == link.target:
            if known is None or known.content != link.target or known.photo_id != link.photo_id:
                yield Adopt(name, at, link.photo_id, link.target)
        else:
            yield PutLink(name, at, link.photo_id, link.target, now.target if now else None)


def _named_links(
    links: Sequence[WantedLink],
    written: Sequence[Written],
    ours: Mapping[bytes, Written],
    foreign: AbstractSet[str],
    entries: Mapping[bytes, PresentEntry],
) -> dict[bytes, WantedLink]:
    """Give every link its name: the one that it had, if that still fits, else the next free one."""
    had = {entry.photo_id: entry.name for entry in written if entry.photo_id is not None}
    named: dict[bytes, WantedLink] = {}
    taken = set(foreign)
    later = []
    for link in sorted(links, key=lambda link: link.photo_id):
        name = had.get(link.photo_id)
        if name is not None and is_variant(name, link.name) and fold(name) not in taken:
            named[name] = link
            taken.add(fold(name))
        else:
            later.append(link)
    for link in later:
        at = entries.get(link.name)
        if at is not None and at.target == link.target and link.name not in ours and link.name not in named:
            name = link.name  # made by us just before a crash
        else:
            name = unique(link.name, taken)
        named[name] = link
        taken.add(fold(name))
    return named


def _unchanged(entry: Written, there: PresentEntry | None) -> bool:
    if there is None:
        return False
    return there.signature == entry.signature if entry.photo_id is None else there.target == entry.content


def _leave(folder: WrittenFolder, present: Present) -> Iterable[Action]:
    """Take out of a folder what is ours, and the folder if nothing else is in it."""
    there = present.folders.get(folder.name)
    for entry in folder.entries:
        if there is None or not _unchanged(entry, there.entries.get(entry.name)):
            yield Forget(folder.name, entry.name)
        elif entry.photo_id is None:
            yield RemoveFile(folder.name, entry.name, entry.signature)
        else:
            yield RemoveLink(folder.name, entry.name, entry.content)
    yield RemoveFolder(folder.person_id, folder.name)
