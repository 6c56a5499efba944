"""
Idle copies of links: where every face of the photo is somebody's for sure, a copy takes none. It waits for a while, as it may
be half of a move (`core.tree.half_moves`), and is removed then.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from facewatchd.core.tree.entries import Present, RemoveLink, is_copy
from facewatchd.core.tree.gestures import Founded, Gesture, Moved
from facewatchd.core.tree.half_moves import WHILE_S
from facewatchd.domain import PersonId, PhotoId
from facewatchd.errors import displayable
from facewatchd.people.photo_files import PhotoFiles
from facewatchd.pipeline.tree.links import Ours, links_in
from facewatchd.store import Store

Idle = tuple[bytes, PhotoId]
"""A folder's path in the tree, and the photo that a copy in it leads to."""

_MOST_NAMES = 4


@dataclass(frozen=True, slots=True)
class RemovedCopies:
    """
    Attributes:
        present: The tree without the copies.
        actions: What removes them.
        told: A sentence per folder.
    """

    present: Present
    actions: tuple[RemoveLink, ...] = ()
    told: tuple[str, ...] = ()


def due_foundings(store: Store, half: Sequence[Founded], now: float) -> tuple[list[Founded], set[Idle]]:
    """Of folders that may be half of a move, those that nothing else came of for a while, and what is in the others."""
    since = store.half_moves.waiting()
    due, waiting = [], set()
    for founded in half:
        copies = {(founded.path, photo) for photo, _ in founded.photos}
        if all(since.get(copy, now) <= now - WHILE_S for copy in copies):
            due.append(founded)
        else:
            waiting |= copies
    return due, waiting


def next_due(store: Store) -> float | None:
    """When the first of the waiting copies has waited long enough, seconds since 1970."""
    return min((since + WHILE_S for since in store.half_moves.waiting().values()), default=None)


def is_idle(gesture: Gesture, idle: Collection[tuple[PhotoId, PersonId | bytes]]) -> bool:
    """Whether a gesture means nothing: copies that take no face, by the photo and the person or folder that they came to."""
    match gesture:
        case Moved(photo_id, None, to):
            return (photo_id, to) in idle
        case Founded(path, photos):
            return all((photo_id, path) in idle for photo_id, _ in photos)
        case _:
            return False


def remove_idle(
    store: Store,
    tree: bytes,
    present: Present,
    ours: Ours,
    files: PhotoFiles,
    idle: Collection[Idle],
    waiting: Collection[Idle],
    now: float,
) -> RemovedCopies:
    """
    Let copies wait, and remove those that have waited long enough.

    Args:
        store: The state; written to.
        tree: The people directory.
        present: What is there now.
        ours: The links that were written.
        files: What is known of photos' files that are no symlinks; copies that are to go come in.
        idle: The copies that take no face.
        waiting: Copies that wait for something else.
        now: Seconds since 1970.
    """
    since = store.half_moves.waiting()
    over = {copy for copy in idle if since.get(copy, now) <= now - WHILE_S}
    store.half_moves.keep_waiting({*idle, *waiting} - over, now)
    folders: dict[bytes, set[PhotoId]] = defaultdict(set)
    for path, photo in over:
        folders[path].add(photo)
    there = dict(present.folders)
    actions: list[RemoveLink] = []
    told = []
    for path, photos in sorted(folders.items()):
        if path not in there:
            continue
        links = [link for link in links_in(store, tree, path, there[path], ours) if link.photo_id in photos]
        gone = {link.name for link in links}
        left = {name: entry for name, entry in there[path].entries.items() if name not in gone}
        there[path] = replace(there[path], entries=left)
        actions += [RemoveLink(path, link.name, link.content) for link in links]
        # byte for byte the photo, which is still there: no file of the user's own
        files.copies.update({link.signature: link.content for link in links if is_copy(link.content)})
        told.append(_sentence(store, path, sorted(photos)))
    return RemovedCopies(replace(present, folders=there), tuple(actions), tuple(told))


def _sentence(store: Store, path: bytes, photos: Sequence[PhotoId]) -> str:
    folder = displayable(path)
    if len(photos) > 1:
        return (
            f"{len(photos)} links were copied to {folder}, but every face in their photos is somebody's already: the links "
            f"are gone again. To say that somebody there is {folder}, move the links out of that person's folder."
        )
    name = displayable(posixpath.basename(store.photos.path_of(photos[0]) or b"?"))
    people = {face.person_id for face in store.faces.of_photo(photos[0]) if face.person_id is not None}
    titles = sorted(person.title for person in map(store.people.get, people) if person is not None)
    owners = " and ".join(titles) if 0 < len(titles) <= _MOST_NAMES else f"{len(titles)} people"
    return (
        f"{name} was copied to {folder}, but every face in it is somebody's already ({owners}): the link is gone again. To "
        f"say that one of them is {folder}, move the link out of that person's folder."
    )
