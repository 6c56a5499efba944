"""
The second stage: the user's gestures become corrections in the state, and the manifest learns what they did to the tree.
"""

from __future__ import annotations

from dataclasses import dataclass

from facewatchd.core.tree.entries import Action, Present
from facewatchd.core.tree.gestures import Gesture
from facewatchd.core.tree.owners import Owner
from facewatchd.core.tree.plan import leave
from facewatchd.corrections.gestures import apply_gestures
from facewatchd.domain import PersonId, PhotoId
from facewatchd.people.photo_files import PhotoFiles
from facewatchd.pipeline.tree.idle_copies import due_foundings, is_idle, next_due, remove_idle
from facewatchd.pipeline.tree.notices import tell
from facewatchd.pipeline.tree.read import TreeRead
from facewatchd.pipeline.tree.settings import TreeSettings
from facewatchd.pipeline.tree.take_over import restore, take_over
from facewatchd.store import Store


@dataclass(frozen=True, slots=True)
class Corrected:
    """
    What came of the gestures.

    Attributes:
        gestures: What the user did, without what means nothing.
        present: What is in the tree, where it is not as the gestures found it.
        changed: The owners of the folders that are not as they were left, or change by the gestures.
        is_written: Whether the manifest may be another one now.
        actions: What removes copies that mean nothing, and what folders that are back from elsewhere leave behind.
        told: What was removed so, as sentences.
        asked: Folders about which nothing is done before the user answers.
        held: Links that went to such folders: the owner of the folder that they were in, and the photo.
    """

    gestures: tuple[Gesture, ...]
    present: Present
    changed: frozenset[Owner]
    is_written: bool = False
    actions: tuple[Action, ...] = ()
    told: tuple[str, ...] = ()
    asked: frozenset[bytes] = frozenset()
    held: frozenset[tuple[Owner, PhotoId]] = frozenset()


def as_read(read: TreeRead) -> Corrected:
    """Nothing is corrected."""
    changes = read.changes
    is_written = bool(changes.changed or changes.reading.gestures)
    return Corrected(changes.reading.gestures, read.present, changes.changed, is_written)


def correct(store: Store, settings: TreeSettings, files: PhotoFiles, read: TreeRead, now: float) -> Corrected:
    """
    Carry out what the user did, all of it or nothing.

    Args:
        store: The state; written to.
        settings: Of the tree.
        files: What is known of photos' files that are no symlinks; copies that are to go come in.
        read: What the first stage found.
        now: Seconds since 1970.
    """
    if not _is_needed(store, read, now):
        return as_read(read)
    reading = read.changes.reading
    ours = read.changes.ours
    actions: list[Action] = []
    with store.transaction():
        foundings, waiting = due_foundings(store, reading.half, now)
        gestures = (*reading.gestures, *foundings)
        applied = apply_gestures(store, gestures, now, allow_same_photo=settings.allow_same_photo, halves=read.halves)
        present, told = read.present, tuple[str, ...]()
        if read.is_read:
            idle = {(_place(store, to), photo) for photo, to in applied.idle}
            removed = remove_idle(store, settings.path, present, ours, files, idle, waiting, now)
            present, told = removed.present, removed.told
            actions += removed.actions
        for person_id, path in applied.restored:
            restore(store, settings.path, read.present, path, ours, files)
            for old in read.written:
                if old.owner == person_id and old.name != path:
                    actions += leave(old, read.present, None)
        tell(store, reading, applied.told, applied.questions, now)
        present = take_over(store, settings.path, present, read.written, ours)
    return Corrected(
        tuple(gesture for gesture in gestures if not is_idle(gesture, applied.idle)),
        present,
        read.changes.changed | applied.owners,
        is_written=bool(read.changes.changed or gestures),
        actions=tuple(actions),
        told=told,
        asked=frozenset(path for path, _ in applied.questions),
        held=frozenset(applied.held),
    )


def _is_needed(store: Store, read: TreeRead, now: float) -> bool:
    """Whether there are gestures, or something waits or is told that may have changed."""
    changes = read.changes
    if changes.changed or changes.reading.gestures or changes.reading.half:
        return True
    return read.is_read and bool(next_due(store) is not None or changes.reading.copies or store.notices.all(now))


def _place(store: Store, to: PersonId | bytes) -> bytes:
    """The path of the folder that a link came to."""
    return to if isinstance(to, bytes) else store.manifest.names().get(to, b"")
