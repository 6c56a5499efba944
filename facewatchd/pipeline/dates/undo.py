"""
Takes back what was written about capture dates, to the byte.
"""

from __future__ import annotations

from dataclasses import replace

from facewatchd.core.dates.plan import Act
from facewatchd.core.dates.words import undone_words
from facewatchd.core.tree.scope import Scope
from facewatchd.domain import PhotoId
from facewatchd.errors import PhotoBusyError, PhotoError, displayable
from facewatchd.photos.writing.edits import Edit, applied, reversed_edits
from facewatchd.photos.writing.write import read_for_change, remove, restore
from facewatchd.pipeline.dates.look import DateSettings, look
from facewatchd.pipeline.dates.recovery import digest, picture_hash, settle, target_of, temporary_name
from facewatchd.pipeline.dates.writes import Outcome, edits_of, remember, set_state
from facewatchd.store import DateWrite, Store, WriteState


def undo(store: Store, settings: DateSettings, write: DateWrite, now: float, *, asked: bool = False) -> Outcome:
    """
    Take back what was written about a photo, to the byte.

    Args:
        store: The state.
        settings: See there.
        write: What.
        now: Seconds since 1970.
        asked: Whether the user named this photo: then nothing is written about it again until they ask for it.

    Returns:
        `NOTHING` if it is as it was, else `REPORT` and why not.
    """
    path = target_of(store, write)
    if path is None:
        return Outcome(Act.REPORT, "The photo is gone.", set())
    after = WriteState.REFUSED if asked else WriteState.UNDONE
    if not write.changes:
        # the photo said the date already when the user gave it
        set_state(store, write, after)
        scope, has = _look_again(store, settings, write.photo_id, now)
        return Outcome(Act.NOTHING, "", scope, _said(store, write, path, has))
    try:
        settings.refuse_silent(path)
        data, stat = read_for_change(path)
        back = way_back(data, write, path)
        set_state(store, write, WriteState.UNDOING)
        try:
            if write.created:
                remove(path, stat)
            else:
                stat = restore(path, stat, data, back, temporary_name(write), write.old_mtime_ns)
        except PhotoError:
            settle(store, replace(write, state=WriteState.UNDOING))
            raise
    except PhotoChangedError as error:
        if not asked or write.order_id is None:
            return Outcome(Act.REPORT, error.message, set())
        set_state(store, write, after)
        scope, _ = _look_again(store, settings, write.photo_id, now)
        return Outcome(Act.REPORT, f"{error.message} It is left as it is, and its own date holds again.", scope)
    except PhotoError as error:
        return Outcome(Act.REPORT, error.message, set())
    with store.transaction():
        set_state(store, write, after)
        if not write.sidecar:
            store.dates.rewritten(write.photo_id, stat, picture_hash(applied(data, back)))
    scope, has = _look_again(store, settings, write.photo_id, now)
    return Outcome(Act.NOTHING, "", scope, _said(store, write, path, has))


def _said(store: Store, write: DateWrite, path: bytes, has: str) -> str:
    said = undone_words(write.value, write.precision, has, displayable(write.sidecar), removed=write.created)
    return f"{displayable(store.photos.path_of(write.photo_id) or path)}: {said}"


class PhotoChangedError(PhotoBusyError):
    """A file is another one than was written."""


def way_back(data: bytes, write: DateWrite, path: bytes) -> tuple[Edit, ...]:
    """The edits that make a file what it was; none if it is that already, because an undo was broken off."""
    present = digest(data)
    if present == write.old_hash:
        return ()
    back = reversed_edits(edits_of(write))
    if present != write.new_hash or not (write.created or digest(applied(data, back)) == write.old_hash):
        raise PhotoChangedError("The date cannot be taken back", "The file has changed since.", path)
    return back


def _look_again(store: Store, settings: DateSettings, photo_id: PhotoId, now: float) -> tuple[Scope, str]:
    """Returns the people and folders that change, and the capture date that stands in the photo."""
    photo = store.dates.dated_photo(photo_id)
    if photo is None:
        return set(), ""
    try:
        looked = look(photo.path, photo.seen, settings, now)
    except PhotoError:
        return set(), ""  # it has changed, and is taken in again
    return remember(store, photo, looked.finding, looked.beside), looked.evidence.tags.original
