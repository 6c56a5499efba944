"""
What became of a date's writing that was broken off: the journal has the entry, the file is one of two, or in between.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os

from facewatchd.domain import FileStat
from facewatchd.errors import PhotoError, displayable
from facewatchd.photos.metadata.content_hash import content_hash
from facewatchd.photos.metadata.orientation import stored_orientation
from facewatchd.photos.writing.edits import Edit, applied
from facewatchd.photos.writing.write import TEMPORARY_PREFIX, read_file, restore
from facewatchd.store import DateWrite, Store, WriteState
from facewatchd.watch.answering import Answers

log = logging.getLogger(__name__)


def recover(store: Store, answers: Answers | None = None) -> None:
    """Look into what was under way when the program last ended. What does not answer now is looked into another time."""
    answers = Answers() if answers is None else answers
    for write in store.date_journal.under_way():
        path = target_of(store, write)
        if path is None or answers.answers(path):
            settle(store, write)
        else:
            log.warning("What became of a date cannot be seen yet: %s", answers.why_not(path))


def settle(store: Store, write: DateWrite) -> None:
    """
    Find out what became of a write or of its undoing: it was done, it was not, or it was done in part and is put back.
    What cannot be looked into now stays in the journal.
    """
    path = target_of(store, write)
    if path is None:
        return
    _remove_temporary(path, write)
    try:
        data, stat = read_file(path)
        if digest(data) == write.new_hash:
            _settled(store, write, WriteState.DONE, stat, data)
        elif write.created or (back := _mixed(data, write)) is None:
            # somebody has changed it since, and it is theirs now
            _never_done(store, write)
        else:
            stat = restore(path, stat, data, back, temporary_name(write), write.old_mtime_ns)
            if back:
                log.info("Put back a date that was written in part: %s", displayable(path))
            _settled(store, write, WriteState.UNDONE, stat, applied(data, back))
    except PhotoError as error:
        if write.created and not os.path.lexists(path):
            _never_done(store, write)
        else:
            log.warning("What became of a date cannot be seen yet: %s", error)


def _settled(store: Store, write: DateWrite, state: WriteState, stat: FileStat, data: bytes) -> None:
    """The file is one of the two, and the state knows which."""
    with store.transaction():
        if state is WriteState.UNDONE and write.state is WriteState.PLANNED:
            store.date_journal.drop(write.write_id)
        else:
            store.date_journal.set_state(write.write_id, state)
        if not write.sidecar:
            store.dates.rewritten(write.photo_id, stat, picture_hash(data))
        if write.order_id is not None:
            # what is known of its date was not brought up to date any more
            store.dates.set_due([write.photo_id])


def _never_done(store: Store, write: DateWrite) -> None:
    with store.transaction():
        if write.state is WriteState.PLANNED:
            store.date_journal.drop(write.write_id)
        else:
            store.date_journal.set_state(write.write_id, WriteState.UNDONE)


def _mixed(data: bytes, write: DateWrite) -> tuple[Edit, ...] | None:
    """What leads back from a file that has some of the new bytes, or none of them; None where it is another file."""
    if digest(data) == write.old_hash:
        return ()
    if any(len(change.old) != len(change.new) for change in write.changes):
        return None
    back = tuple(Edit(change.at, data[change.at : change.at + len(change.old)], change.old) for change in write.changes)
    return back if digest(applied(data, back)) == write.old_hash else None


def _remove_temporary(path: bytes, write: DateWrite) -> None:
    # mostly there is none, and one that stays is hidden and ours
    with contextlib.suppress(OSError):
        os.unlink(os.path.join(os.path.dirname(path), temporary_name(write)))


def target_of(store: Store, write: DateWrite) -> bytes | None:
    """Where the file is now that was written: photos move, and their sidecars with them."""
    path = store.photos.path_of(write.photo_id)
    if path is None or b"\0" in path:
        return None
    return os.path.join(os.path.dirname(path), write.sidecar) if write.sidecar else path


def temporary_name(write: DateWrite) -> bytes:
    return TEMPORARY_PREFIX + b"%d" % write.write_id


def picture_hash(data: bytes) -> bytes:
    return content_hash(data, stored_orientation(data))


def digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=32).digest()
