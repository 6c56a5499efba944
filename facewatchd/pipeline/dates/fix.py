"""
Writes capture dates: plan -> journal -> write -> verify -> commit (R11-R16). If this process dies in between,
`pipeline.dates.recovery` finds the entry in the journal and sees which of the two files is there.
"""

from __future__ import annotations

import logging
import os
from dataclasses import replace

from facewatchd.core.dates.evidence import Evidence
from facewatchd.core.dates.plan import Act, DatePlan, Mode, may_correct, needs_date, unwritable, without_write
from facewatchd.core.dates.words import SOURCE_WORDS, date_words, written_words
from facewatchd.domain import DateFinding, DateSource
from facewatchd.errors import PhotoError, displayable
from facewatchd.photos.metadata.tags import read_tags
from facewatchd.photos.metadata.xmp import parse_xmp
from facewatchd.photos.writing.edits import applied
from facewatchd.photos.writing.sidecars import merge, new_sidecar, sidecar_target, xmp_text
from facewatchd.photos.writing.write import read_file, read_for_change
from facewatchd.pipeline.dates.give import Order, give
from facewatchd.pipeline.dates.look import DateSettings, look, refused, safe_edits
from facewatchd.pipeline.dates.undo import undo, way_back
from facewatchd.pipeline.dates.writes import (
    NewDate,
    Outcome,
    as_written,
    held,
    is_ordered,
    new_sidecar_file,
    remember,
    write_photo,
    write_sidecar,
)
from facewatchd.store import DatedPhoto, DateWrite, Store, WriteState

log = logging.getLogger(__name__)

_WRITING = frozenset({Act.PATCH, Act.EXTEND, Act.EXIF, Act.SIDECAR, Act.SET})


def fix(
    store: Store,
    settings: DateSettings,
    photo: DatedPhoto,
    now: float,
    *,
    asked: bool = False,
    corrects: bool = False,
) -> Outcome:
    """
    Put the date of a photo right, if that may be done.

    Args:
        store: The state.
        settings: See there.
        photo: Which.
        now: Seconds since 1970.
        asked: Whether the user named this photo. Then an earlier undo does not count, and a date that we wrote ourselves may
            be replaced.
        corrects: Whether a date that we wrote gives way to one that is believed more (`core.dates.plan.may_correct`).

    Raises:
        StoreError: The state cannot be written; nothing is done without it.
    """
    if settings.mode is Mode.OFF:
        return Outcome(Act.NOTHING, "", set())
    try:
        looked = look(photo.path, photo.seen, settings, now)
    except PhotoError as error:
        return Outcome(Act.REPORT, error.message, set())
    plan, finding = looked.plan, looked.finding
    last = store.date_journal.last(photo.photo_id)
    if is_ordered(last):
        return Outcome.nothing(remember(store, photo, as_written(last, finding), looked.beside))
    if last is not None and _is_gone(last, looked.evidence, now):
        with store.transaction():
            store.date_journal.drop(last.write_id)
        last = None
    if last is not None and (asked or corrects) and settings.mode is not Mode.REPORT:
        other = outdated(settings, photo, looked.evidence, last, now)
        if other is not None and (asked or may_correct(last.source, other, settings.rules.sources)):
            return _correct(store, settings, photo, last, now)
    if (known := held(last, looked.evidence, finding)) is not None:
        return Outcome.nothing(remember(store, photo, known, looked.beside))
    if last is not None and last.state is WriteState.REFUSED and plan.act in _WRITING and not asked:
        plan = DatePlan(Act.REPORT, f"{plan.why}; you have undone this date")
    known = as_written(last, finding)
    if known.source is not finding.source and photo.date is not None and photo.date.hangs:
        # the clock decided what we wrote
        known = replace(known, hangs=True)
    scope = remember(store, photo, known, looked.beside)
    if plan.act not in _WRITING:
        return Outcome(plan.act, plan.why, scope)
    if plan.act is Act.SET:
        is_shift = settings.rules.rule_for(photo.seen.path) is None
        outcome = give(store, settings, photo, Order(finding.value, finding.precision, is_shift=is_shift), now)
        return replace(outcome, scope=outcome.scope | scope)
    sidecar = b""
    try:
        if plan.act is Act.SIDECAR:
            sidecar = _write_sidecar(store, photo, plan, finding, now)
        else:
            _write_photo(store, settings, photo, plan, finding, now)
    except PhotoError as error:
        log.info("No date was written: %s", error)
        return Outcome(Act.REPORT, refused(plan, error).why, scope)
    assert plan.value is not None
    name = displayable(sidecar) if sidecar else ""
    said = written_words(looked.evidence.tags.original, plan.value, plan.precision, finding.source, name)
    return Outcome(plan.act, plan.why, scope, f"{displayable(photo.path)}: {said}")


def outdated(
    settings: DateSettings, photo: DatedPhoto, evidence: Evidence, last: DateWrite, now: float
) -> DateFinding | None:
    """
    What would be found now had we not written a photo's date: where it is another date, and one that may be written. None
    where it is not, or what we wrote is not there any more.
    """
    if last.state is not WriteState.DONE:
        return None
    before = without_write(evidence, last.value, in_sidecar=bool(last.sidecar))
    # what the clock decided may have gone with what was written
    hangs = photo.date is not None and photo.date.hangs
    # and a rule may have replaced a valid date
    in_doubt = hangs or last.source is DateSource.USER
    if not in_doubt and not _is_other(settings, before, last, now):
        return None
    # it may be: what was there before says so for sure
    path = os.path.join(os.path.dirname(photo.path), last.sidecar) if last.sidecar else photo.path
    try:
        data, _ = read_file(path)
        old = b"" if last.created else applied(data, way_back(data, last, path))
    except PhotoError:
        return None
    if last.sidecar:
        before = replace(evidence, sidecar=None if last.created else parse_xmp(old))
    else:
        before = replace(evidence, tags=read_tags(old))
    return _is_other(settings, before, last, now)


def _is_other(settings: DateSettings, evidence: Evidence, last: DateWrite, now: float) -> DateFinding | None:
    """What is found, where it may be written and is not what was."""
    found = settings.rules.finding(evidence, now, settings.timezone)
    if date_words(found.value, found.precision) == date_words(last.value, last.precision):
        return None
    return None if unwritable(evidence, found, write_date_only=settings.write_date_only) else found


def _correct(store: Store, settings: DateSettings, photo: DatedPhoto, last: DateWrite, now: float) -> Outcome:
    """Take back what we wrote, and write what is found without it."""
    back = undo(store, settings, last, now)
    again = store.dates.dated_photo(photo.photo_id)
    if back.act is not Act.NOTHING or again is None:
        return back
    outcome = fix(store, settings, again, now)
    had = f"it had {date_words(last.value, last.precision)}, written by {SOURCE_WORDS[last.source]} before"
    said = f"{outcome.said}; {had}" if outcome.said else back.said
    return replace(outcome, scope=outcome.scope | back.scope, said=said)


def _is_gone(last: DateWrite, evidence: Evidence, now: float) -> bool:
    """Whether another file has taken a photo's place since, without the date: there is nothing left to undo."""
    return last.state is WriteState.DONE and not last.sidecar and needs_date(evidence, now)


# --- one write


def _write_photo(
    store: Store, settings: DateSettings, photo: DatedPhoto, plan: DatePlan, finding: DateFinding, now: float
) -> None:
    assert plan.value is not None
    assert settings.checker is not None
    data, stat = read_for_change(photo.path, photo.seen.stat)
    edits = safe_edits(photo.path, data, plan, finding, settings.checker, now)
    date = NewDate(plan.value, plan.precision, finding.source)
    write_photo(store, photo, (data, stat), edits, date, replace(finding, problem=""), now)


def _write_sidecar(store: Store, photo: DatedPhoto, plan: DatePlan, finding: DateFinding, now: float) -> bytes:
    """Returns the sidecar's name."""
    assert plan.value is not None
    folder, name = os.path.split(photo.path)
    text = xmp_text(plan.value, plan.precision, finding.zone)
    try:
        present = os.listdir(folder)
        like = os.lstat(photo.path)
    except OSError as error:
        raise PhotoError("The date cannot be written", f"{error.strerror}.", photo.path) from error
    sidecar = sidecar_target(name, present)
    path = os.path.join(folder, sidecar)
    date = NewDate(plan.value, plan.precision, finding.source)
    if sidecar not in present:
        new_sidecar_file(store, photo, sidecar, new_sidecar(text), like, date, now)
        return sidecar
    data, stat = read_for_change(path)
    try:
        edits = merge(data, text, now)
    except ValueError as error:
        raise PhotoError("The date cannot be written", f"{error}.", path) from error
    write_sidecar(store, photo, sidecar, (data, stat), edits, date, now)
    return sidecar
