"""
One write of a date: what comes of it, what the state remembers of it, and its entry in the journal.

Before a file is touched, how to undo it is on the disk. Afterwards the state knows the file as it is now, in the same step, so
that our own writes are no news to the scanner.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from facewatchd.core.dates.evidence import Evidence, date_prefix
from facewatchd.core.dates.plan import Act
from facewatchd.core.dates.rules import CONFIDENCE_USER
from facewatchd.core.dates.stamps import parse_stamp
from facewatchd.core.tree.scope import Scope
from facewatchd.domain import DateFinding, DateSource, FileStat, Precision, ZoneSource
from facewatchd.errors import PhotoError
from facewatchd.photos.metadata.beside import fingerprint_at
from facewatchd.photos.writing.edits import Edit, applied
from facewatchd.photos.writing.write import write_edits, write_new
from facewatchd.pipeline.dates.recovery import digest, picture_hash, settle, temporary_name
from facewatchd.store import Change, DatedPhoto, DateWrite, Store, WriteState

_OF_THE_PHOTO = frozenset({ZoneSource.TAG, ZoneSource.SIDECAR})


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    What became of the date of a photo.

    Attributes:
        act: What was done; `NOTHING` if its date is right, `REPORT` if nothing could be done.
        why: See `DatePlan.why`; or why it could not be done.
        scope: The people and folders that change by it.
        said: What was written or taken back, as a line for the user: the photo, the old date and the new one, where the new
            one comes from, and which file was written. Empty if nothing was.
    """

    act: Act
    why: str
    scope: Scope
    said: str = ""

    @classmethod
    def nothing(cls, scope: Scope) -> Outcome:
        """Nothing had to be done."""
        return cls(Act.NOTHING, "", scope)


@dataclass(frozen=True, slots=True)
class NewDate:
    """
    A date that is written.

    Attributes:
        value: Wall-clock time; noon if only the day is known.
        precision: Finest part of it that is known.
        source: Where it comes from.
        order_id: The user's order that it belongs to. None if the program writes by itself.
        had: The date that the photo had before, and its precision. None if it had none, or there is no order.
        is_part: Whether another file of the same photo is written after this one.
    """

    value: datetime
    precision: Precision
    source: DateSource
    order_id: int | None = None
    had: tuple[datetime, Precision] | None = None
    is_part: bool = False


def is_ordered(last: DateWrite | None) -> bool:
    """Whether the date of a photo is one that the user gave it by a command. It holds against all evidence."""
    return last is not None and last.state is WriteState.DONE and last.order_id is not None


def as_written(last: DateWrite | None, finding: DateFinding) -> DateFinding:
    """
    The finding, if the date that the program wrote is known better: a date that we wrote ourselves is known from where it was
    known then, and no finer; a date that the user gave holds whatever else is found.
    """
    if last is None or last.state is not WriteState.DONE:
        return finding
    value = last.value.replace(hour=0) if last.precision is Precision.DAY else last.value
    if is_ordered(last):
        is_own = finding.zone_source in _OF_THE_PHOTO
        zone, zone_source = (finding.zone, finding.zone_source) if is_own else ("", ZoneSource.NONE)
        return DateFinding(value, last.precision, last.source, CONFIDENCE_USER, zone, "", zone_source)
    if finding.source not in {DateSource.EXIF, DateSource.XMP} or finding.value.replace(microsecond=0) != last.value:
        return finding
    return replace(finding, value=value, source=last.source, precision=last.precision)


def held(last: DateWrite | None, evidence: Evidence, finding: DateFinding) -> DateFinding | None:
    """
    The date that the user gave, by a command or by a rule, if it holds: one given by a command does in any case, and one by a
    rule while it stands where it was written. It is not judged again: a shift would be added a second time.

    Args:
        last: The last write about the photo.
        evidence: What the photo and its sidecar say now.
        finding: What is found by that.
    """
    if last is None or is_ordered(last):
        return None if last is None else as_written(last, finding)
    if last.state is not WriteState.DONE or last.source is not DateSource.USER:
        return None
    sidecar = evidence.sidecar.original if evidence.sidecar is not None else ""
    stands = parse_stamp(sidecar if last.sidecar else evidence.tags.original)
    value = last.value.replace(hour=0) if last.precision is Precision.DAY else last.value
    if stands is None or stands.value not in {value, last.value}:
        return None
    return replace(finding, value=value, precision=last.precision, source=last.source, problem="")


def remember(store: Store, photo: DatedPhoto, finding: DateFinding, beside: bytes) -> Scope:
    """Store a finding that is not the one stored; returns the people and folders that change."""
    if (finding, beside) == (photo.date, photo.beside):
        return set()
    with store.transaction():
        store.dates.redate(photo.photo_id, finding)
        store.dates.accompanied(photo.photo_id, beside)
    if photo.date is not None and date_prefix(photo.date) == date_prefix(finding):
        return set()
    return {*store.photos.people_in([photo.photo_id]), None}


def write_photo(
    store: Store,
    photo: DatedPhoto,
    content: tuple[bytes, FileStat],
    edits: Sequence[Edit],
    date: NewDate,
    finding: DateFinding,
    now: float,
) -> DateWrite:
    """
    Change a photo, with its entry in the journal.

    Args:
        store: The state.
        photo: Which.
        content: The whole file and its stat, as `read_for_change` saw them.
        edits: The change, found to be without a flaw.
        date: What is written.
        finding: What is known of the date afterwards.
        now: Seconds since 1970.

    Raises:
        PhotoError: It could not be changed, and is as before.
    """
    data, stat = content
    new = applied(data, edits)
    write = _journalled(store, photo, b"", date, edits, (data, new), stat.mtime_ns, now)
    try:
        # an order may find that the photo says the date already: it is entered, and nothing is written
        written = write_edits(photo.path, stat, data, edits, temporary_name(write)) if edits else stat
    except PhotoError:
        settle(store, write)
        raise
    with store.transaction():
        set_state(store, write, WriteState.DONE)
        store.dates.rewritten(photo.photo_id, written, picture_hash(new))
        store.dates.redate(photo.photo_id, finding)
    return replace(write, state=WriteState.DONE)


def write_sidecar(
    store: Store,
    photo: DatedPhoto,
    sidecar: bytes,
    content: tuple[bytes, FileStat],
    edits: Sequence[Edit],
    date: NewDate,
    now: float,
) -> DateWrite:
    """
    Change a sidecar of a photo, with its entry in the journal.

    Args:
        store: The state.
        photo: Which.
        sidecar: Its name, in the folder of the photo.
        content: The whole sidecar and its stat, as `read_for_change` saw them.
        edits: The change.
        date: What is written.
        now: Seconds since 1970.

    Raises:
        PhotoError: It could not be changed, and is as before.
    """
    data, stat = content
    path = os.path.join(os.path.dirname(photo.path), sidecar)
    write = _journalled(store, photo, sidecar, date, edits, (data, applied(data, edits)), stat.mtime_ns, now)
    try:
        if edits:
            write_edits(path, stat, data, edits, temporary_name(write))
    except PhotoError:
        settle(store, write)
        raise
    return _with_sidecar(store, photo, write)


def new_sidecar_file(
    store: Store, photo: DatedPhoto, sidecar: bytes, content: bytes, like: os.stat_result, date: NewDate, now: float
) -> DateWrite:
    """
    Make a sidecar for a photo, with its entry in the journal.

    Args:
        store: The state.
        photo: Which.
        sidecar: Its name, in the folder of the photo.
        content: What it holds.
        like: See `write_new`.
        date: What is written.
        now: Seconds since 1970.

    Raises:
        PhotoError: It could not be made.
    """
    path = os.path.join(os.path.dirname(photo.path), sidecar)
    write = _journalled(store, photo, sidecar, date, (Edit(0, b"", content),), (None, content), 0, now)
    try:
        write_new(path, content, temporary_name(write), like)
    except PhotoError:
        settle(store, write)
        raise
    return _with_sidecar(store, photo, write)


def _with_sidecar(store: Store, photo: DatedPhoto, write: DateWrite) -> DateWrite:
    with store.transaction():
        set_state(store, write, WriteState.DONE)
        # our own writing is no news
        store.dates.accompanied(photo.photo_id, fingerprint_at(photo.path))
    return replace(write, state=WriteState.DONE)


def _journalled(
    store: Store,
    photo: DatedPhoto,
    sidecar: bytes,
    date: NewDate,
    edits: Sequence[Edit],
    contents: tuple[bytes | None, bytes],
    mtime_ns: int,
    now: float,
) -> DateWrite:
    """Enter what will be done; it is on the disk when this returns."""
    old, new = contents
    write = DateWrite(
        write_id=0,
        photo_id=photo.photo_id,
        sidecar=sidecar,
        state=WriteState.PLANNED,
        created=old is None,
        changes=tuple(Change(edit.at, edit.old, edit.new) for edit in edits),
        old_hash=b"" if old is None else digest(old),
        new_hash=digest(new),
        old_mtime_ns=mtime_ns,
        value=date.value,
        precision=date.precision,
        source=date.source,
        at=now,
        order_id=date.order_id,
        had=date.had,
        is_part=date.is_part,
    )
    with store.transaction():
        return replace(write, write_id=store.date_journal.plan(write))


def set_state(store: Store, write: DateWrite, state: WriteState) -> None:
    """How far a write has come."""
    with store.transaction():
        store.date_journal.set_state(write.write_id, state)


def edits_of(write: DateWrite) -> tuple[Edit, ...]:
    """The changes of a write, as edits."""
    return tuple(Edit(change.at, change.old, change.new) for change in write.changes)
