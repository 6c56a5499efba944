"""
The people tree, three-way: what the state wants, what was written last (the manifest), what is there now.

The difference becomes a list of actions, complete before anything is touched (what the user did in the meantime is told
by `core.gestures` before).
We own what the manifest names *and* what still is as we left it; everything else is the user's and stays (R32), even
in the way of a name that we wanted: then ours gets a number.
"""

from __future__ import annotations

from collections import Counter
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
    """
    Make the folder, unless it stands there (a pool's, whose name is fixed; one made before a crash), and start its
    manifest afresh.
    """

    person_id: PersonId | None
    folder: bytes


@dataclass(frozen=True, slots=True)
class RenameFolder:
    person_id: PersonId | None
    folder: bytes
    to: bytes


@dataclass(frozen=True, slots=True)
class RemoveFolder:
    """Only if it is empty by then; the user's own files keep it. Whatever the manifest has of it is struck out."""

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
    ours = {folder.person_id: folder for folder in manifest if _is_ours(folder, present)}
    kept = {folder.person_id for folder in wanted}
    vacated = set()
    for left in manifest:
        if left.person_id not in kept:
            actions += _leave(left, present)
            if left.person_id in ours and _empties(left, present):
                vacated.add(left.name)

    # how many names there are that a file system may take for one
    standing = Counter(fold(name) for name in present.names - vacated)
    standing.update(fold(name) for name in RESERVED)
    taken = set(standing)
    orphans = _orphans(ours.values(), present)
    # people first: one whose folder has the name of a pool makes way for it
    for folder in sorted(wanted, key=lambda folder: folder.person_id is None):
        written = ours.get(folder.person_id)
        at = written.name if written else _orphan(folder, orphans)
        if at is not None and standing[fold(at)] == 1:
            taken.discard(fold(at))
        name = _folder_name(folder, at, taken)
        if written is None:
            actions.append(MakeFolder(folder.person_id, at or name))
        if at is not None and name != at:
            actions.append(RenameFolder(folder.person_id, at, name))
            vacated.add(at)
        taken |= {fold(name)} if at is None else {fold(name), fold(at)}
        there = present.folders.get(at) if at is not None else None
        if at is None and name not in vacated:
            there = present.folders.get(name)
        actions += _fill(folder, name, written.entries if written else (), there)
    return actions


def _is_ours(written: WrittenFolder, present: Present) -> bool:
    """A written folder that still stands there as a real folder, and is not somebody else's by its marker."""
    there = present.folders.get(written.name)
    return there is not None and there.marker in {None, written.person_id}


def _empties(folder: WrittenFolder, present: Present) -> bool:
    """Whether nothing is left in a folder once all that is ours is taken out, so that its name is free again."""
    entries = present.folders[folder.name].entries
    mine = {entry.name for entry in folder.entries if _unchanged(entry, entries.get(entry.name))}
    return mine == set(entries)


def _orphans(ours: Iterable[WrittenFolder], present: Present) -> dict[PersonId, list[bytes]]:
    """Folders with a person's marker that the manifest does not know: made just before a crash, or the user's copies."""
    known = {folder.name for folder in ours}
    found: dict[PersonId, list[bytes]] = {}
    for name, folder in sorted(present.folders.items()):
        if folder.marker is not None and name not in known:
            found.setdefault(folder.marker, []).append(name)
    return found


def _orphan(folder: WantedFolder, orphans: Mapping[PersonId, Sequence[bytes]]) -> bytes | None:
    """The folder of a person that was made but not written down; a copy has another name, or there are two."""
    if folder.person_id is None:
        return None
    found = orphans.get(folder.person_id, ())
    return found[0] if len(found) == 1 and is_variant(found[0], folder_name(folder.title)) else None


def _folder_name(folder: WantedFolder, at: bytes | None, taken: AbstractSet[str]) -> bytes:
    if folder.person_id is None:
        return folder.title.encode()
    base = folder_name(folder.title)
    if at is not None and is_variant(at, base) and fold(at) not in taken:
        return at
    return unique(base, taken)


def _fill(
    folder: WantedFolder, name: bytes, written: Sequence[Written], there: PresentFolder | None
) -> Iterable[Action]:
    """The actions inside one wanted folder, whose name is `name` by then."""
    entries = there.entries if there else {}
    ours = {entry.name: entry for entry in written if _unchanged(entry, entries.get(entry.name))}
    foreign = {fold(entry) for entry in entries if entry not in ours}
    files = {file.name for file in folder.files}
    links = _named_links(folder.links, written, ours, foreign | {fold(file) for file in files}, entries)
    for entry in written:
        if entry.name not in ours:
            if entry.name in entries or entry.name not in files | links.keys():
                yield Forget(name, entry.name)
        elif entry.photo_id is None and entry.name not in files:
            yield RemoveFile(name, entry.name, entry.signature)
        elif entry.photo_id is not None and entry.name not in links:
            yield RemoveLink(name, entry.name, entry.content)
    for file in folder.files:
        mine = ours.get(file.name)
        if mine is not None and mine.photo_id is None:
            if mine.content != file.version.encode():
                yield PutFile(folder.person_id, name, file.name, file.version, mine.signature)
        elif there and file.name == MARKER in entries and there.marker is not None and there.marker == folder.person_id:
            # whoever touched it last (a restored backup, a crash), it says what ours says
            yield PutFile(folder.person_id, name, file.name, file.version, entries[MARKER].signature)
        elif fold(file.name) not in foreign:
            yield PutFile(folder.person_id, name, file.name, file.version)
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
    # links that are not written down but as wanted: made by us just before a crash
    strays: dict[bytes, list[bytes]] = {}
    for name, entry in sorted(entries.items()):
        if entry.target is not None and name not in ours:
            strays.setdefault(entry.target, []).append(name)
    named: dict[bytes, WantedLink] = {}
    taken = set(foreign)
    later = []
    for link in sorted(links, key=lambda link: link.photo_id):
        own = had.get(link.photo_id)
        made = next((at for at in strays.get(link.target, ()) if is_variant(at, link.name)), None)
        if own is not None and is_variant(own, link.name) and fold(own) not in taken and (own in ours or made is None):
            named[own] = link
            taken.add(fold(own))
        else:
            later.append((link, made))
    for link, made in later:
        name = made if made is not None and made not in named else unique(link.name, taken)
        named[name] = link
        taken.add(fold(name))
    return named


def _unchanged(entry: Written, there: PresentEntry | None) -> bool:
    if there is None:
        return False
    return there.signature == entry.signature if entry.photo_id is None else there.target == entry.content


def _leave(folder: WrittenFolder, present: Present) -> Iterable[Action]:
    """Take out of a folder what is ours, and the folder if nothing else is in it."""
    if _is_ours(folder, present):
        there = present.folders[folder.name].entries
        for entry in folder.entries:
            if not _unchanged(entry, there.get(entry.name)):
                yield Forget(folder.name, entry.name)
            elif entry.photo_id is None:
                yield RemoveFile(folder.name, entry.name, entry.signature)
            else:
                yield RemoveLink(folder.name, entry.name, entry.content)
    yield RemoveFolder(folder.person_id, folder.name)
