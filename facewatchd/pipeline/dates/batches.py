"""
Dates of a whole archive are put right or taken back a little at a time, so that the daemon can do something else in between.
And dates of single photos that were just taken in, or have a new file beside them.
"""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeVar

from facewatchd.core.dates.plan import Act, Mode
from facewatchd.core.tree.scope import Scope
from facewatchd.domain import DateSource, PhotoId, Root, SeenFile
from facewatchd.errors import FacewatchError, displayable
from facewatchd.photos.metadata.beside import beginning_of_photos, fingerprint_at, names_beside
from facewatchd.pipeline.dates.fix import fix
from facewatchd.pipeline.dates.look import DateSettings
from facewatchd.pipeline.dates.recovery import recover
from facewatchd.pipeline.dates.undo import undo
from facewatchd.pipeline.dates.writes import Outcome, as_written, is_ordered, remember
from facewatchd.store import DatedPhoto, Store, WriteState

log = logging.getLogger(__name__)

BATCH_S = 0.5
"""How long the daemon may be kept from its other work, seconds."""

_MOST_TROUBLES = 10
_CHUNK = 50

Thing = TypeVar("Thing")


@dataclass(slots=True)
class Batch:
    """
    The result of a batch.

    Attributes:
        counts: Photos by what was done.
        troubles: Path and reason of some that could not be done.
        said: What was written or taken back, a line each; see `Outcome.said`.
        next: Where the next batch begins; None if this was the last.
        scope: The people and folders that change.
    """

    counts: Counter[str] = field(default_factory=Counter)
    troubles: list[tuple[str, str]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    next: int | None = None
    scope: Scope = field(default_factory=set)

    def add(self, path: bytes, outcome: Outcome, done: str, most_troubles: int = _MOST_TROUBLES) -> None:
        """Count a photo in."""
        self.counts[done] += 1
        self.scope |= outcome.scope
        if outcome.said:
            self.said.append(outcome.said)
        if outcome.act is Act.REPORT and len(self.troubles) < most_troubles:
            self.troubles.append((displayable(path), outcome.why))


def fix_batch(store: Store, settings: DateSettings, *, photo: bytes | None = None, after: int = 0) -> Batch:
    """
    Put right what can be.

    Args:
        store: The state.
        settings: See there.
        photo: The absolute path of the one photo to look at; None for all.
        after: Of all photos, the `next` of the batch before; 0 at first.

    Raises:
        FacewatchError: There is no such photo, or the mode says that nothing is written.
    """
    refuse_to_write(settings)
    named = None if photo is None else _named(store, photo)
    if not after:
        recover(store, settings.answers)
    batch = Batch()
    due = _in_time(batch, _photos_after(store, after), lambda one: one.photo_id) if named is None else [named]
    for one in due:
        if named is not None:
            with store.transaction():
                store.date_journal.forgive(one.photo_id)
        outcome = fix(store, settings, one, time.time(), asked=named is not None, corrects=True)
        batch.add(one.path, outcome, outcome.act.value)
    return batch


def refuse_to_write(settings: DateSettings) -> None:
    """
    Raises:
        FacewatchError: The mode says that nothing is written.
    """
    if settings.mode in {Mode.REPORT, Mode.OFF}:
        raise FacewatchError(
            "No dates are written", f"dates.mode is {settings.mode}; set it to inplace or sidecar in the configuration."
        )


def undo_batch(store: Store, settings: DateSettings, *, photo: bytes | None = None, after: int = 0) -> Batch:
    """
    Take back what was written, the latest first.

    Args:
        store: The state.
        settings: See there.
        photo: The absolute path of a photo, or of a folder, which means all photos in it and below it. None for all.
        after: The `next` of the batch before; 0 at first.

    Raises:
        FacewatchError: There is no such photo, or nothing was written about it.
    """
    named = None if photo is None else photos_at(store, photo)
    if not after:
        recover(store, settings.answers)
    batch = Batch()
    writes = store.date_journal.done(None if named is None else [each.photo_id for each in named])
    is_one = named is not None and len(named) == 1
    if photo is not None and not writes and not after:
        which = "this photo" if is_one else "these photos"
        raise FacewatchError(f"No date was written for {which}", "There is nothing to take back.", photo)
    waiting = [write for write in writes if not after or write.write_id < after]
    for write in waiting if is_one else _in_time(batch, waiting, lambda write: write.write_id):
        outcome = undo(store, settings, write, time.time(), asked=named is not None)
        path = store.photos.path_of(write.photo_id) or b""
        batch.add(path, outcome, "undone" if outcome.act is Act.NOTHING else "kept")
    return batch


def arrived(store: Store, settings: DateSettings, seen: SeenFile, now: float) -> Scope:
    """
    A photo was just taken in: put its date right, if that may be done and the user has not undone it.

    Returns:
        The people and folders that change.
    """
    known = store.photos.find(seen.root_id, seen.path)
    photo = store.dates.dated_photo(known.photo_id) if known is not None else None
    if photo is None or photo.date is None:
        return set()
    if fingerprint_at(photo.path) != photo.beside:
        # a sidecar came while the photo was taken in
        return _look_beside(store, settings, photo, now, may_write=True)
    last = store.date_journal.last(photo.photo_id)
    if is_ordered(last):
        return remember(store, photo, as_written(last, photo.date), photo.beside)
    if last is not None and last.state is WriteState.DONE and last.source is DateSource.USER:
        # a rule would be applied a second time
        return _told(fix(store, settings, photo, now))
    if not photo.date.problem:
        if last is None or as_written(last, photo.date) == photo.date:
            return set()
        with store.transaction():
            store.dates.redate(photo.photo_id, as_written(last, photo.date))
        return {*store.photos.people_in([photo.photo_id]), None}
    if settings.mode in {Mode.REPORT, Mode.OFF}:
        return set()
    if last is not None and last.state is not WriteState.DONE:
        return set()
    return _told(fix(store, settings, photo, now))


def spoken_of(store: Store, root: Root, path: bytes) -> list[DatedPhoto]:
    """The photos taken in to which a sidecar may belong; `path` is the path of the sidecar, relative to the root."""
    folder, name = os.path.split(path)
    beginning = os.path.join(folder, beginning_of_photos(name))
    found = store.dates.dated_beginning(root.root_id, beginning)
    return [photo for photo in found if name in names_beside(os.path.basename(photo.path))]


def accompanied(store: Store, settings: DateSettings, root: Root, path: bytes, now: float) -> Scope:
    """
    A sidecar has come, changed or gone: date its photos again, as `arrived` does. Nothing is decoded.

    Args:
        store: The state.
        settings: See there.
        root: Where it is, or was.
        path: The sidecar, relative to the root.
        now: Seconds since 1970.

    Returns:
        The people and folders that change.
    """
    # a program that saves a sidecar may remove the old one first, and what is written without it would stay
    may_write = os.path.lexists(os.path.join(root.path, path))
    scope: Scope = set()
    for photo in spoken_of(store, root, path):
        scope |= _look_beside(store, settings, photo, now, may_write=may_write)
    return scope


def _look_beside(store: Store, settings: DateSettings, photo: DatedPhoto, now: float, *, may_write: bool) -> Scope:
    """Date a photo again if the sidecars beside it are not those by which it was dated."""
    beside = fingerprint_at(photo.path)
    if beside == photo.beside:
        return set()
    if settings.mode is Mode.OFF:
        with store.transaction():
            store.dates.accompanied(photo.photo_id, beside)
        return set()
    last = store.date_journal.last(photo.photo_id)
    if not may_write or (last is not None and last.state is not WriteState.DONE):
        settings = replace(settings, mode=Mode.REPORT)
    return _told(fix(store, settings, photo, now))


def _told(outcome: Outcome) -> Scope:
    """Log what the daemon wrote without being asked; returns the people with folders that change."""
    if outcome.said:
        log.info("%s", outcome.said)
    return outcome.scope


def _named(store: Store, path: bytes) -> DatedPhoto:
    photo = photo_at(store, path)
    if photo is None:
        raise FacewatchError(
            "The photo is not known", "Give the path of a photo that was taken in ('facewatchd status').", path
        )
    return photo


def photo_at(store: Store, path: bytes) -> DatedPhoto | None:
    """The photo at an absolute path; None if none was taken in there."""
    known = None
    for root in store.roots.all().values():
        if path.startswith(root.path + b"/"):
            known = known or store.photos.find(root.root_id, path[len(root.path) + 1 :])
    return store.dates.dated_photo(known.photo_id) if known is not None else None


def photos_at(store: Store, path: bytes) -> list[DatedPhoto]:
    """
    The photo at an absolute path, or the photos that were taken in below it, if it is a folder.

    Raises:
        FacewatchError: None was taken in there.
    """
    if (photo := photo_at(store, path)) is not None:
        return [photo]
    found: list[DatedPhoto] = []
    for root in store.roots.all().values():
        if path == root.path:
            found += store.dates.dated_below(root.root_id, b"")
        elif path.startswith(root.path + b"/"):
            found += store.dates.dated_below(root.root_id, path[len(root.path) + 1 :])
    return found or [_named(store, path)]


def _photos_after(store: Store, after: PhotoId) -> Iterator[DatedPhoto]:
    while photos := store.dates.dated(after, _CHUNK):
        yield from photos
        after = photos[-1].photo_id


def _in_time(batch: Batch, things: Iterable[Thing], number: Callable[[Thing], int]) -> Iterator[Thing]:
    """As many as there is time for, at least one; says where the next batch begins."""
    deadline = time.monotonic() + BATCH_S
    for thing in things:
        yield thing
        if time.monotonic() >= deadline:
            batch.next = number(thing)
            return
