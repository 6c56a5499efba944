"""
The first stage: what is in the people tree now, and what the user did to it since it was written.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from facewatchd.core.tree.entries import (
    Present,
    PresentFolder,
    WrittenFolder,
    is_copy,
    is_hard_link,
)
from facewatchd.core.tree.gestures import FoundFolder, LeftFolder, Reading
from facewatchd.core.tree.half_moves import WHILE_S, HalfMove, OpenHalves, open_halves
from facewatchd.core.tree.owners import Owner, Review
from facewatchd.core.tree.reading import read_gestures
from facewatchd.domain import PhotoId, Pool
from facewatchd.errors import TreeError
from facewatchd.people.claims import SIGNS
from facewatchd.people.looked import last_changed
from facewatchd.people.tree import PeopleTree
from facewatchd.pipeline.tree.idle_copies import next_due
from facewatchd.pipeline.tree.links import Ours, depth_of, links_in, moved_photo, ours_in
from facewatchd.pipeline.tree.notices import has_questions, known_copies
from facewatchd.pipeline.tree.picture_reading import has_its_pictures, read_pictures
from facewatchd.pipeline.tree.settings import TreeSettings
from facewatchd.pipeline.tree.take_over import recover
from facewatchd.store import Store


@dataclass(frozen=True, slots=True)
class TreeChanges:
    """
    What differs from what was written.

    Attributes:
        reading: The user's gestures.
        changed: The owners of the folders that are not as they were left, whatever that means.
        ours: The links that were written; empty where no folder has others than were written into it.
    """

    reading: Reading = field(default_factory=lambda: Reading(()))
    changed: frozenset[Owner] = frozenset()
    ours: Ours = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TreeRead:
    """
    What the first stage found.

    Attributes:
        names: Where each owner's folder was when the tree was written.
        present: What is there now.
        written: All of the manifest, as it was before any gesture; empty where nothing changed and not all is looked after.
        changes: What differs.
        halves: Halves of moves that the gestures may complete.
        is_read: Whether there was something to read: else nothing has changed since the last look.
    """

    names: Mapping[Owner, bytes]
    present: Present
    written: Sequence[WrittenFolder]
    changes: TreeChanges
    halves: Sequence[HalfMove]
    is_read: bool


def read_tree(
    store: Store,
    settings: TreeSettings,
    tree: PeopleTree,
    now: float,
    *,
    everything: bool,
    rebuild: bool,
    dry_run: bool,
) -> TreeRead:
    """
    Look at the tree, and tell what the user did to it. Where nothing changed since the last look, nothing else is read.

    Args:
        store: The state; only what a crash kept out of the manifest is written, unless `dry_run`.
        settings: Of the tree.
        tree: The tree, open.
        now: Seconds since 1970.
        everything: Whether all folders are looked after.
        rebuild: Whether a tree of which nothing is left is built again.
        dry_run: Write nothing.

    Raises:
        TreeError: The tree cannot be read, or is not there.
    """
    names = store.manifest.names()
    needed = {*names.values()}
    present = tree.look(needed)
    if somebody_is_lost(names, present):
        present = tree.look(needed, deeper=True)
    if names and not rebuild and present.names.isdisjoint(SIGNS.union(names.values())):
        raise lost_tree(settings)
    if not dry_run:
        recover(store, present)
    due = next_due(store)
    is_read = bool(tree.changed) or (due is not None and due <= now) or has_questions(store, now)
    written = store.manifest.folders() if is_read or everything else []
    if not is_read:
        return TreeRead(names, present, written, TreeChanges(), (), is_read)
    # where nobody looked for longer, what came or went did so when the tree was last changed, or before
    halves = store.half_moves.since(min(now, last_changed(settings.path)) - WHILE_S)
    changes = read_changes(
        store, settings.path, present, written, settings.max_deletions, open_halves(halves), known_copies(store, now)
    )
    return TreeRead(names, present, written, changes, halves, is_read)


def lost_tree(settings: TreeSettings) -> TreeError:
    """The error that nothing of a tree is where it was."""
    return TreeError(
        "The people tree is not there",
        "Mount its disk; if it is gone for good, 'facewatchd tree' makes it again from the state.",
        settings.path,
    )


def somebody_is_lost(names: Mapping[Owner, bytes], present: Present) -> bool:
    """Whether a person's folder is neither where it was nor anywhere that was looked into."""
    marked = {folder.marker for folder in present.folders.values()}
    return any(isinstance(who, int) and at not in present.folders and who not in marked for who, at in names.items())


def read_changes(
    store: Store,
    path: bytes,
    present: Present,
    written: list[WrittenFolder],
    max_deletions: float,
    halves: OpenHalves,
    copies: Mapping[bytes, bool],
) -> TreeChanges:
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
    ours = ours_in(written) if has_links else {}
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
    return TreeChanges(
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
            if is_newer or moved_photo(ours, depth_of(folder.name, entry.name, at.target), at.target) == entry.photo_id:
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


def _saved_over(folder: PresentFolder, was: WrittenFolder | None) -> Iterator[PhotoId]:
    """
    Photos with a link that is a file of the user's now, or another photo's link: an editor saves by putting a new file in the old
    one's place, another link is given its name, and neither takes a person out of the photo.
    """
    own = {entry.content for entry in was.entries if entry.photo_id is not None} if was is not None else set()
    for entry in was.entries if was is not None else ():
        now = folder.entries.get(entry.name)
        if entry.photo_id is None or now is None:
            continue
        if now.signature is not None or (now.target != entry.content and now.target in own):
            yield entry.photo_id
