"""
Dates that hang on more than the photo's content: on its name and folder, on the rules of the configuration, and on the clock.
Where one of these changes, the photos that may be dated otherwise are marked, and looked at again a few at a time: the
beginning of the file is read, nothing is decoded.

What was found otherwise may be written by the rules that hold for a new photo; see `date_fix.fix` for what we wrote before.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from facewatchd.core.dates.changes import Basis, may_change
from facewatchd.core.dates.evidence import date_prefix
from facewatchd.core.dates.plan import Mode, may_correct
from facewatchd.core.dates.rules import ClockShift, DateRules, FolderRule
from facewatchd.core.dates.stamps import AHEAD, latest_date
from facewatchd.core.dates.words import SOURCE_WORDS, date_words
from facewatchd.core.tree.scope import Scope
from facewatchd.domain import DateFinding, DateSource, PhotoId, Precision
from facewatchd.errors import PhotoError, displayable
from facewatchd.pipeline.dates.fix import fix, outdated
from facewatchd.pipeline.dates.look import DateSettings, look
from facewatchd.pipeline.dates.writes import Outcome, as_written, is_ordered
from facewatchd.store import DatedPhoto, DateMarking, Store, WriteState

log = logging.getLogger(__name__)

_EVIDENCE_VERSION = 2
"""Counts up where the program reads other dates than before: then all photos are looked at again."""

_PER_PIECE = 2000
_NUMBERS_PER_PIECE = 20_000


def machine_zone() -> str:
    """What tells the zone of this computer from others, the same all the year round."""
    return f"{'/'.join(time.tzname)} {time.timezone}"


def basis_of(settings: DateSettings, machine_zone: str) -> Basis:
    """
    What photos are dated by.

    Args:
        settings: See there.
        machine_zone: Name of the zone of this computer, which holds where none is configured.
    """
    zone = settings.timezone.key if settings.timezone is not None else f"machine: {machine_zone}"
    return Basis(None if settings.mode is Mode.OFF else settings.rules, zone)


def is_settled(store: Store, basis: Basis) -> bool:
    """Whether all photos were dated by this, but for those that are to be dated again."""
    marking = store.date_marking()
    return not marking.towards and marking.before == _text(basis)


def mark_by_rules(store: Store, basis: Basis) -> bool:
    """
    Hold some photos against the rules, where they are not those that all were dated by.

    Returns:
        Whether there are more.
    """
    marking, text = store.date_marking(), _text(basis)
    if text != (marking.towards or marking.before):
        # where the rules change while photos are held against others, nothing is known of what these were dated by
        marking = DateMarking("" if marking.towards else marking.before, text)
    elif not marking.towards:
        return False
    before = _basis(marking.before)
    found = store.dates.findings(marking.next, _PER_PIECE)
    due = [photo for photo, path, date in found if before is None or may_change(before, basis, path, date)]
    with store.transaction():
        store.dates.set_due(due)
        store.set_date_marking(replace(marking, next=found[-1][0]) if found else DateMarking(text))
    if not found and (count := store.dates.count_due()):
        log.info(
            "The capture dates of %d %s are looked for again in the background: %s",
            count,
            "photo" if count == 1 else "photos",
            "another version of facewatchd found them, or by other rules"
            if before is None
            else "what they are found by has changed",
        )
    return bool(found)


def mark_by_clock(store: Store, after: PhotoId, now: float) -> PhotoId | None:
    """
    Mark some photos, of which the clock decides when they were taken.

    Args:
        store: The state.
        after: Where to begin, 0 at first.
        now: Seconds since 1970.

    Returns:
        Where to go on; None where this was the end.
    """
    with store.transaction():
        return store.dates.due_by_clock(
            after, _NUMBERS_PER_PIECE, latest_date(now), int((now + AHEAD.total_seconds()) * 1e9)
        )


def look_again(store: Store, settings: DateSettings, photo: DatedPhoto, now: float) -> Outcome | None:
    """
    Date a photo that was marked, and put its date right where that may be done and something else was found than before. The
    mark stays: who looks at many takes it from them in one go (`PhotoDates.set_due`).

    Args:
        store: The state.
        settings: See there.
        photo: Which.
        now: Seconds since 1970.

    Returns:
        What became of it; None where it cannot be looked at now, and is to stay marked.
    """
    return _without_date(store, photo) if settings.mode is Mode.OFF else _dated_again(store, settings, photo, now)


def _without_date(store: Store, photo: DatedPhoto) -> Outcome:
    """Dates are not looked at any more."""
    with store.transaction():
        store.dates.redate(photo.photo_id, None)
    return Outcome.nothing(_folders(store, photo, None))


def _dated_again(store: Store, settings: DateSettings, photo: DatedPhoto, now: float) -> Outcome | None:
    looking = replace(settings, mode=Mode.REPORT)
    try:
        looked = look(photo.path, photo.seen, looking, now)
    except PhotoError:
        return None
    last = store.date_journal.last(photo.photo_id)
    if is_ordered(last):
        return fix(store, looking, photo, now)
    is_news = photo.date is not None and not _is_same(as_written(last, looked.finding), photo.date)
    if last is not None and last.state is WriteState.DONE:
        other = outdated(settings, photo, looked.evidence, last, now)
        if other is not None and may_correct(last.source, other, settings.rules.sources):
            is_news = True
        elif other is not None:
            _tell_kept(photo, other, last.value, last.precision, last.source)
    # a sidecar that was left behind may be on its way
    has_lost = bool(photo.beside) and not looked.beside
    may_write = is_news and not has_lost and (last is None or last.state is WriteState.DONE)
    return fix(store, settings if may_write else looking, photo, now, corrects=may_write)


def _is_same(one: DateFinding, other: DateFinding) -> bool:
    """Whether two findings are one date from one source."""
    return (one.value, one.precision, one.source) == (other.value, other.precision, other.source)


def _tell_kept(
    photo: DatedPhoto, other: DateFinding, value: datetime, precision: Precision, source: DateSource
) -> None:
    log.info(
        "%s keeps the date %s, which was written by %s before; by %s it would be %s. To have that written: facewatchd dates "
        "fix, with the photo's path",
        displayable(photo.path),
        date_words(value, precision),
        SOURCE_WORDS[source],
        SOURCE_WORDS[other.source],
        date_words(other.value, other.precision),
    )


def _folders(store: Store, photo: DatedPhoto, date: DateFinding | None) -> Scope:
    """Whose folders change where a photo is dated like this now."""
    before, after = (date_prefix(one) if one is not None else "" for one in (photo.date, date))
    return set() if before == after else {*store.photos.people_in([photo.photo_id]), None}


# --- the basis as a text


def _text(basis: Basis) -> str:
    rules = basis.rules
    document = None
    if rules is not None:
        document = {
            "folders": [(rule.path, rule.value.isoformat(), rule.precision) for rule in rules.folders],
            "shifts": [
                (shift.model, shift.by.total_seconds(), _iso(shift.start), _iso(shift.end)) for shift in rules.shifts
            ],
            "sources": list(rules.sources),
        }
    return json.dumps({"evidence": _EVIDENCE_VERSION, "timezone": basis.timezone, "rules": document})


def _basis(text: str) -> Basis | None:
    """None where it cannot be known: nothing was written down, or another version did it."""
    try:
        document = json.loads(text)
        if document["evidence"] != _EVIDENCE_VERSION:
            return None
        rules = document["rules"]
        return Basis(_rules(rules) if rules is not None else None, document["timezone"])
    except (ValueError, KeyError, TypeError):
        return None


def _rules(document: Mapping[str, Any]) -> DateRules:
    return DateRules(
        tuple(
            FolderRule(path, datetime.fromisoformat(value), Precision(precision))
            for path, value, precision in document["folders"]
        ),
        tuple(
            ClockShift(model, timedelta(seconds=by), _date(start), _date(end))
            for model, by, start, end in document["shifts"]
        ),
        tuple(DateSource(source) for source in document["sources"]),
    )


def _iso(date: datetime | None) -> str | None:
    return date.isoformat() if date is not None else None


def _date(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text is not None else None
