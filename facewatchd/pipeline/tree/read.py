"""
What the user did to the people tree, read from the manifest and from what is there now.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from facewatchd.core.tree.entries import (
    MARKER,
    Present,
    PresentFolder,
    Written,
    WrittenFolder,
    is_copy,
    is_hard_link,
    is_symlink,
)
from facewatchd.core.tree.gestures import FoundFolder, Gesture, LeftFolder, Reading
from facewatchd.core.tree.half_moves import OpenHalves
from facewatchd.core.tree.owners import Owner, Review
from facewatchd.core.tree.reading import read_gestures
from facewatchd.domain import PhotoId, Pool
from facewatchd.people.photo_files import PhotoFiles
from facewatchd.pipeline.tree.files import photo_of_file
from facewatchd.pipeline.tree.picture_reading import has_its_pictures, read_pictures, take_over_pictures
from facewatchd.store import Store

# how many folders deep links of ours may lie: a review's or a year's, moved into another folder
_DEEPEST = 4

# a link in a year's folder
_YEAR = re.compile(rb"[0-9]{4}/[^/]+", re.DOTALL)

Ours = dict[tuple[int, bytes], PhotoId]
"""
How deep in the tree a link of ours lies (0 for a file, which is a photo's anywhere), and what it leads to -> the photo.
"""


@dataclass(frozen=True, slots=True)
class TreeReading:
    """
    Attributes:
        reading: The user's gestures.
        changed: Whose folders are not as they were left, whatever that means.
        ours: The links that were written; empty where no folder has others than were written into it.
    """

    reading: Reading = field(default_factory=lambda: Reading(()))
    changed: frozenset[Owner] = frozenset()
    ours: Ours = field(default_factory=dict)

    def with_gestures(self, more: Sequence[Gesture]) -> TreeReading:
        """... with these, too."""
        return replace(self, reading=replace(self.reading, gestures=(*self.reading.gestures, *more)))


def _depth(path: bytes, name: bytes, target: bytes) -> int:
    return path.count(b"/") + name.count(b"/") + 1 if is_symlink(target) else 0


def _ours(written: Sequence[WrittenFolder]) -> Ours:
    return {
        (_depth(folder.name, entry.name, entry.content), entry.content): entry.photo_id
        for folder in written
        for entry in folder.entries
        if entry.photo_id is not None
    }


def _moved(ours: Ours, depth: int, target: bytes) -> PhotoId | None:
    """The photo of a link that we wrote at another depth, so that it leads nowhere here."""
    if (depth, target) in ours:
        return None
    return next((ours[at, target] for at in range(1, _DEEPEST + 1) if (at, target) in ours), None)


def take_over(store: Store, tree: bytes, present: Present, written: Sequence[WrittenFolder], ours: Ours) -> Present:
    """
    What the user moved into folders of ours, and cannot stay as it is: links that lead nowhere from there, or nowhere any
    more, or have no business there, and markers. They are ours to put right or take away. To be done with the gestures
    that they were, all or nothing.

    Args:
        store: The state; written to.
        tree: The people directory.
        present: What is there now.
        written: All of the manifest, as it was before the gestures.
        ours: The links in it.
    """
    left = {folder.owner: {entry.name for entry in folder.entries} for folder in written}
    folders = dict(present.folders)
    missing = store.photos.missing()
    ignored = Pool.IGNORED.encode()
    if ignored in folders and Pool.IGNORED not in store.manifest.names():
        # stands in every tree; from the first link on that the user moves there it is looked after
        store.manifest.made(Pool.IGNORED, ignored)
    for owner, path in store.manifest.names().items():
        folder = folders.get(path)
        if folder is None:
            continue
        for name, entry in folder.entries.items():
            if entry.target is None:
                continue
            depth = _depth(path, name, entry.target)
            photo, here = _moved(ours, depth, entry.target), ours.get((depth, entry.target))
            # in the others there is nothing to be put but by us
            is_stray = here in missing or not isinstance(owner, int | Pool) or _YEAR.fullmatch(name) is not None
            # the user moved the link, and then its photo went elsewhere
            if here is not None and not is_stray and is_symlink(entry.target) and name not in left.get(owner, ()):
                place = os.path.join(tree, path, os.path.dirname(name))
                is_stray = os.path.normpath(os.path.join(place, entry.target)) != store.photos.path_of(here)
            if is_stray:
                photo = photo or here
            if photo is not None:
                store.manifest.put(path, Written(name, photo, entry.target, entry.signature or b""))
        take_over_pictures(store, path, folder)
        marker = folder.entries.get(MARKER)
        if isinstance(folder.marker, Review) and folder.marker != owner and marker is not None and marker.signature:
            store.manifest.put(path, Written(MARKER, None, b"", marker.signature))
            folders[path] = replace(folder, marker=owner)
    return replace(present, folders=folders)


def take_over_all(store: Store, tree: bytes, present: Present) -> None:
    """
    The state is a copy that was put back, perhaps with a copy of the tree, where files have other inodes: a file under the
    name and with the size of one of ours is ours; and so is every symbolic link to a photo in a folder of ours, so that it
    goes where the state does not want it. To be done in a transaction.
    """
    for written in store.manifest.folders():
        folder = present.folders.get(written.name)
        known = {entry.name: entry for entry in written.entries}
        for name, entry in folder.entries.items() if folder is not None else ():
            ours = known.get(name)
            if ours is not None and ours.signature and entry.signature:
                if _size(ours.signature) == _size(entry.signature):
                    store.manifest.put(written.name, ours._replace(signature=entry.signature))
            elif entry.target is not None and is_symlink(entry.target) and (ours is None or ours.photo_id is not None):
                # also under a known name: the folder may lie deeper by now, or less deep
                place = os.path.join(tree, written.name, os.path.dirname(name))
                photo = store.photos.at(os.path.normpath(os.path.join(place, entry.target)))
                if photo is not None:
                    store.manifest.put(written.name, Written(name, photo, entry.target, b""))


def _size(signature: bytes) -> bytes:
    return signature.split(b" ", 1)[0]


def read_tree(
    store: Store,
    path: bytes,
    present: Present,
    written: list[WrittenFolder],
    max_deletions: float,
    halves: OpenHalves,
    copies: Mapping[bytes, bool],
) -> TreeReading:
    """
    Read what the user did to the tree since it was written. Folders that we were about to write say nothing.

    Args:
        store: The state; only read.
        path: The people directory.
        present: What is there now.
        written: All of the manifest.
        max_deletions: See `read_gestures`.
        halves: See there.
        copies: See there.
    """
    busy = store.manifest.busy()
    # the faces may have gone over to another file of the photo since
    shown = store.stacks.shown()
    left: list[LeftFolder] = []
    same: dict[bytes, frozenset[PhotoId]] = {}
    changed: set[Owner] = set()
    for folder in written:
        if folder.name in busy:
            continue
        links = {entry.name: entry.content for entry in folder.entries if entry.photo_id is not None}
        photos = _as_shown({entry.photo_id for entry in folder.entries if entry.photo_id is not None}, shown)
        left.append(LeftFolder(folder.owner, folder.name, photos))
        there = present.folders.get(folder.name)
        if there is None or not _is_there(links, there) or not has_its_pictures(folder, there):
            changed.add(folder.owner)
        elif len(links) == len(photos):
            same[folder.name] = photos
    # nearly all folders are as they were left; only in the others is each link looked at
    others = [folder for at, folder in present.folders.items() if at not in same]
    has_links = any(entry.target is not None for folder in others for entry in folder.entries.values())
    ours = _ours(written) if has_links else {}
    by_path = {folder.name: folder for folder in written}
    by_owner: dict[Owner | None, WrittenFolder] = {folder.owner: folder for folder in written}
    found = [
        FoundFolder(at, folder.marker, same[at])
        if at in same
        else _found(
            store,
            at,
            folder.marker,
            _counted(_photos(store, path, at, folder, ours), shown)
            | _counted(iter({*_saved_over(folder, by_path.get(at, by_owner.get(folder.marker)))}), shown),
        )
        for at, folder in present.folders.items()
        if at not in busy
    ]
    found = _put_over(store, path, written, present, found, ours)
    pictures = read_pictures(store, written, present, shown, same)
    left = [replace(folder, faces=pictures.left.get(folder.path, {})) for folder in left]
    found = [replace(folder, faces=pictures.found.get(folder.path, {})) for folder in found]
    return TreeReading(
        read_gestures(left, found, store.people.hidden(), max_deletions, halves=halves, copies=copies),
        frozenset(changed),
        ours,
    )


def _put_over(
    store: Store,
    tree: bytes,
    written: Sequence[WrittenFolder],
    present: Present,
    found: list[FoundFolder],
    ours: Ours,
) -> list[FoundFolder]:
    """
    Note the links of people that others of the same photo, out of the unknown pool or a review, were put over: what a link
    leads to is the same, but it is newer than our last look. A hard link tells nothing: all names of a file are one.
    """
    now = {folder.path: folder.photos for folder in found}
    lost = {
        entry.photo_id
        for folder in written
        if folder.owner is Pool.UNKNOWN or isinstance(folder.owner, Review)
        for entry in folder.entries
        if entry.photo_id is not None and entry.photo_id not in now.get(folder.name, ())
    }
    over: dict[bytes, set[PhotoId]] = {}
    for folder in written if lost else ():
        there = present.folders.get(folder.name)
        if not isinstance(folder.owner, int) or there is None:
            continue
        for entry in folder.entries:
            if entry.photo_id is None or entry.photo_id not in lost or is_hard_link(entry.content):
                continue
            at = there.entries.get(entry.name)
            if at is None or at.target is None:
                continue
            is_newer = at.target == entry.content and _is_newer(store, tree, folder.name, entry.name)
            # a link out of a folder that lies deeper leads nowhere here
            if is_newer or _moved(ours, _depth(folder.name, entry.name, at.target), at.target) == entry.photo_id:
                over.setdefault(folder.name, set()).add(entry.photo_id)
    return (
        [replace(folder, again=folder.again | over.get(folder.path, frozenset())) for folder in found]
        if over
        else found
    )


def _is_newer(store: Store, tree: bytes, folder: bytes, name: bytes) -> bool:
    seen_ns = store.tree_seen_ns()
    try:
        return 0 < seen_ns < os.lstat(os.path.join(tree, folder, name)).st_ctime_ns
    except OSError:
        return False


def _as_shown(photos: set[PhotoId], shown: Mapping[PhotoId, PhotoId]) -> frozenset[PhotoId]:
    """The photos, each by the file of it that is shown."""
    others = shown.keys() & photos
    return frozenset(photos - others | {shown[photo] for photo in others})


def _is_there(links: Mapping[bytes, bytes], there: PresentFolder) -> bool:
    """Whether a folder has these links, by name, and no others."""
    return links == {name: entry.target for name, entry in there.entries.items() if entry.target is not None}


def _counted(photos: Iterator[PhotoId], shown: Mapping[PhotoId, PhotoId]) -> Counter[PhotoId]:
    """How often each photo is linked to; links to two files of one photo are one and the same link."""
    links: Counter[PhotoId] = Counter()
    for photo, count in Counter(photos).items():
        one = shown.get(photo, photo)
        links[one] = max(links[one], count)
    return links


def _found(store: Store, path: bytes, marker: Owner | None, links: Counter[PhotoId]) -> FoundFolder:
    """A folder with how often it links to each photo; of somebody's two faces in a photo, two links are no news."""
    again = {
        photo
        for photo, count in links.items()
        if count > 1 and count > sum(face.person_id == marker for face in store.faces.of_photo(photo))
    }
    return FoundFolder(path, marker, frozenset(links), frozenset(again))


def _photos(store: Store, tree: bytes, path: bytes, folder: PresentFolder, ours: Ours) -> Iterator[PhotoId]:
    """The photos that a folder links to; links to anything else are the user's business."""
    linked = set()
    # copies last: beside a link, one is just a copy
    for link in sorted(links_in(store, tree, path, folder, ours), key=lambda link: is_copy(link.content)):
        if link.photo_id is not None and not (is_copy(link.content) and link.photo_id in linked):
            yield link.photo_id
            if not is_copy(link.content):
                linked.add(link.photo_id)


def links_in(store: Store, tree: bytes, path: bytes, folder: PresentFolder, ours: Ours) -> Iterator[Written]:
    """What stands for photos in a folder, whoever made it."""
    for name, entry in folder.entries.items():
        if entry.target is None:
            continue
        depth = _depth(path, name, entry.target)
        photo = ours.get((depth, entry.target)) or _moved(ours, depth, entry.target)
        if photo is None and not is_symlink(entry.target):
            photo = photo_of_file(store, tree, entry.target)
        elif photo is None:
            # a link moved with its folder leads from where it was: one level up
            base = os.path.join(tree, path.rpartition(b"/")[2], os.path.dirname(name))
            photo = store.photos.at(os.path.normpath(os.path.join(base, entry.target)))
        if photo is not None:
            yield Written(name, photo, entry.target, entry.signature or b"")


def somebody_is_lost(names: Mapping[Owner, bytes], present: Present) -> bool:
    """Whether a person's folder is neither where it was nor anywhere that was looked into."""
    marked = {folder.marker for folder in present.folders.values()}
    return any(isinstance(who, int) and at not in present.folders and who not in marked for who, at in names.items())


def restore(store: Store, tree: bytes, present: Present, path: bytes, ours: Ours, files: PhotoFiles) -> None:
    """A folder of ours is back from elsewhere: its links were ours, and go where the state does not want them any more."""
    folder = present.folders.get(path)
    for link in links_in(store, tree, path, folder, ours) if folder is not None else ():
        store.manifest.put(path, link)
        if is_copy(link.content):
            # byte for byte the photo, which is still there: no file of the user's own
            files.copies[link.signature] = link.content


def _saved_over(folder: PresentFolder, was: WrittenFolder | None) -> Iterator[PhotoId]:
    """
    Photos whose link is a file of the user's now, or another photo's link: an editor saves by putting a new file in the old
    one's place, another link is given its name, and neither takes anybody out of the photo.
    """
    own = {entry.content for entry in was.entries if entry.photo_id is not None} if was is not None else set()
    for entry in was.entries if was is not None else ():
        now = folder.entries.get(entry.name)
        if entry.photo_id is None or now is None:
            continue
        if now.signature is not None or (now.target != entry.content and now.target in own):
            yield entry.photo_id


def recover(store: Store, present: Present) -> None:
    """A folder whose renaming a crash kept out of the manifest is known by its marker, with all that is ours in it."""
    names = store.manifest.names()
    for name in store.manifest.busy() - present.folders.keys():
        owner = next(owner for owner, known in names.items() if known == name)
        marked = [path for path, folder in present.folders.items() if folder.marker == owner]
        if len(marked) == 1 and marked[0] not in names.values():
            with store.transaction():
                store.manifest.renamed(owner, marked[0])
