"""
Gives a photo the date that the user said: all that states when it was taken says it afterwards, in the photo where that is
lossless, else in a sidecar. Journal, check and undo are those of every write of a date.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, replace
from datetime import datetime

from facewatchd.core.dates.evidence import Evidence
from facewatchd.core.dates.given import noon_if_day
from facewatchd.core.dates.plan import Act, Mode
from facewatchd.core.dates.stamps import parse_stamp
from facewatchd.core.dates.words import written_words
from facewatchd.core.name_forms import composed
from facewatchd.domain import DateFinding, DateSource, FileStat, Precision, ZoneSource
from facewatchd.errors import PhotoBusyError, PhotoError, displayable
from facewatchd.photos.decoding.date_evidence import read_evidence
from facewatchd.photos.metadata.beside import fingerprint_at
from facewatchd.photos.metadata.tags import sidecar_names
from facewatchd.photos.metadata.xmp import parse_xmp
from facewatchd.photos.writing.edits import Edit, applied
from facewatchd.photos.writing.given import Given, edits_to_give, sidecar_edits, stated
from facewatchd.photos.writing.sidecars import new_sidecar, sidecar_target, xmp_text
from facewatchd.photos.writing.verify import flaw
from facewatchd.photos.writing.write import obstacle, read_file
from facewatchd.pipeline.dates.look import DateSettings
from facewatchd.pipeline.dates.undo import undo
from facewatchd.pipeline.dates.writes import (
    NewDate,
    Outcome,
    as_written,
    new_sidecar_file,
    remember,
    write_photo,
    write_sidecar,
)
from facewatchd.store import DatedPhoto, DateWrite, Store

log = logging.getLogger(__name__)

_TITLE = "The date cannot be written"
_FILMS = frozenset({b".mov", b".mp4"})
_EXACT = frozenset({Precision.SECOND, Precision.DAY})
_OF_THE_PHOTO = frozenset({ZoneSource.TAG, ZoneSource.SIDECAR})


@dataclass(frozen=True, slots=True)
class Order:
    """
    What the user says of a photo, by a command or by a rule of the configuration.

    Attributes:
        value: Wall-clock time; the parts finer than `precision` are the smallest possible.
        precision: Finest part of it that is known.
        order_id: The order that it belongs to. None if a rule says it.
        had: The date that the photo had, and its precision. None if it had none, or a rule says it.
        is_shift: Whether a clock is put right, and parts of a second stay.
        mates: Names of files in its folder that get the same date: the other files of its stack.
    """

    value: datetime
    precision: Precision
    order_id: int | None = None
    had: tuple[datetime, Precision] | None = None
    is_shift: bool = False
    mates: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class _File:
    """A file to write, as it is and how it changes. The name is empty for the photo, and `content` None for a new file."""

    name: bytes
    content: tuple[bytes, FileStat] | None
    edits: tuple[Edit, ...]


def give(store: Store, settings: DateSettings, photo: DatedPhoto, order: Order, now: float) -> Outcome:
    """
    Give a photo a date.

    Args:
        store: The state.
        settings: See there.
        photo: Which.
        order: The date.
        now: Seconds since 1970.

    Returns:
        `SET` if the photo was written, `SIDECAR` if only its sidecar was, `NOTHING` if both said the date already; `REPORT`
        and why if it cannot be done, and then all is as before.

    Raises:
        StoreError: The state cannot be written; nothing is done without it.
    """
    try:
        settings.refuse_silent(photo.path)
        evidence = read_evidence(photo.path, photo.seen.path, photo.seen.stat)
        finding = settings.rules.finding(evidence, now, settings.timezone)
        files = _files(settings, photo, order, evidence, finding, now)
        write = _written(store, settings, photo, order, files, finding, now)
    except PhotoError as error:
        log.info("No date was written: %s", error)
        return Outcome(Act.REPORT, error.message, set())
    known = _known(order, finding) if write is None else as_written(write, finding)
    scope = remember(store, photo, known, fingerprint_at(photo.path))
    changed = [file for file in files if file.edits]
    if not changed:
        return Outcome.nothing(scope)
    said = written_words(
        evidence.tags.original,
        noon_if_day(order.value, order.precision),
        order.precision,
        DateSource.USER,
        next((displayable(file.name) for file in changed if file.name), ""),
        with_photo=any(not file.name for file in changed),
    )
    act = Act.SET if any(not file.name for file in changed) else Act.SIDECAR
    return Outcome(act, "", scope, f"{displayable(photo.path)}: {said}")


def _known(order: Order, finding: DateFinding) -> DateFinding:
    return replace(finding, value=order.value, precision=order.precision, source=DateSource.USER, problem="")


# --- what would be written


def _files(
    settings: DateSettings, photo: DatedPhoto, order: Order, evidence: Evidence, finding: DateFinding, now: float
) -> list[_File]:
    """
    The files to write, the sidecar first; with no edits if a file says the date already.

    Raises:
        PhotoError: It cannot be written anywhere.
    """
    value = noon_if_day(order.value, order.precision)
    given = Given(value, _before(evidence), order.is_shift, now)
    in_photo = _in_photo(settings, photo, order, given)
    zone = finding.zone if finding.zone_source in _OF_THE_PHOTO else ""
    text = xmp_text(order.value.replace(microsecond=0), order.precision, zone)
    beside = _beside(photo, order, given, text, must_have=in_photo is None)
    return [file for file in (beside, in_photo) if file is not None]


def _before(evidence: Evidence) -> datetime | None:
    """The date that the photo states, the most trusted first."""
    sidecar = () if evidence.sidecar is None else (evidence.sidecar.original, evidence.sidecar.created)
    stamps = (parse_stamp(text) for text in (*stated(evidence.tags), *sidecar))
    return next((stamp.value for stamp in stamps if stamp is not None), None)


def _in_photo(settings: DateSettings, photo: DatedPhoto, order: Order, given: Given) -> _File | None:
    """How the photo itself changes; None if the date goes into a sidecar."""
    if settings.mode is not Mode.INPLACE or order.precision not in _EXACT:
        return None
    data, stat = read_file(photo.path)
    if not stat.same_content(photo.seen.stat):
        raise PhotoBusyError(_TITLE, "The file changed meanwhile. It is left as it is.", photo.path)
    try:
        edits = edits_to_give(data, given)
    except ValueError as error:
        log.debug("%s: the date goes into a sidecar: %s", displayable(photo.path), error)
        return None
    if edits:
        if why := obstacle(photo.path):
            raise PhotoError(_TITLE, why, photo.path)
        assert settings.checker is not None
        if why := flaw(data, applied(data, edits), edits, given.value, settings.checker):
            log.debug("%s: the date goes into a sidecar: %s", displayable(photo.path), why)
            return None
    return _File(b"", (data, stat), edits)


def _beside(photo: DatedPhoto, order: Order, given: Given, text: str, *, must_have: bool) -> _File | None:
    """How the sidecar changes; None if it need not be there, and states no date."""
    folder, name = os.path.split(photo.path)
    present = {each for each in sidecar_names(name) if os.path.lexists(os.path.join(folder, each))}
    if present:
        # folders may be large, and few photos have a sidecar
        try:
            present = set(os.listdir(folder))
        except OSError as error:
            raise PhotoError(_TITLE, f"{error.strerror}.", photo.path) from error
    others = {each for each in present if each not in order.mates and not _is_film_of(each, name)}
    sidecar = sidecar_target(name, others)
    if sidecar not in present:
        return _File(sidecar, None, (Edit(0, b"", new_sidecar(text)),)) if must_have else None
    path = os.path.join(folder, sidecar)
    data, stat = read_file(path)
    says = parse_xmp(data)
    if not must_have and not (says.original or says.created or says.digitized):
        return None
    try:
        edits = sidecar_edits(data, text, given, must_have=must_have)
    except ValueError as error:
        raise PhotoError(_TITLE, f"{error} ({displayable(sidecar)}).", path) from error
    if edits and (why := obstacle(path)):
        raise PhotoError(_TITLE, why, path)
    return _File(sidecar, (data, stat), edits)


def _is_film_of(other: bytes, photo: bytes) -> bool:
    """Whether a file is the film of a Live Photo, which shares its sidecar."""
    stem, ending = os.path.splitext(other)
    return ending.lower() in _FILMS and composed(stem) == composed(os.path.splitext(photo)[0])


# --- writing it


def _written(
    store: Store,
    settings: DateSettings,
    photo: DatedPhoto,
    order: Order,
    files: list[_File],
    finding: DateFinding,
    now: float,
) -> DateWrite | None:
    """Write what changes. An order is entered in the journal even if nothing changes, because it holds from now on."""
    date = NewDate(
        noon_if_day(order.value, order.precision), order.precision, DateSource.USER, order.order_id, order.had
    )
    changing = [file for file in files if file.edits]
    if not changing and order.order_id is not None:
        changing = files[-1:]
    done: list[DateWrite] = []
    for file in changing:
        each = replace(date, is_part=file is not changing[-1])
        try:
            done.append(_write(store, photo, file, each, _known(order, finding), now))
        except PhotoError:
            _take_back(store, settings, photo, done, now)
            raise
    return done[-1] if done else None


def _take_back(store: Store, settings: DateSettings, photo: DatedPhoto, done: list[DateWrite], now: float) -> None:
    """A part of a date could not be written: all is as before, and what was known of the date, too."""
    for write in reversed(done):
        if undo(store, settings, write, now).act is Act.NOTHING:
            with store.transaction():
                store.date_journal.drop(write.write_id)
                store.dates.redate(photo.photo_id, photo.date)


def _write(store: Store, photo: DatedPhoto, file: _File, date: NewDate, finding: DateFinding, now: float) -> DateWrite:
    if not file.name:
        assert file.content is not None
        return write_photo(store, photo, file.content, file.edits, date, finding, now)
    if file.content is not None:
        return write_sidecar(store, photo, file.name, file.content, file.edits, date, now)
    try:
        like = os.lstat(photo.path)
    except OSError as error:
        raise PhotoError(_TITLE, f"{error.strerror}.", photo.path) from error
    return new_sidecar_file(store, photo, file.name, file.edits[0].new, like, date, now)
