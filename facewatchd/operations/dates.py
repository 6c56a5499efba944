"""
Capture dates: what is wrong with them, putting them right, and taking that back.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated

from pydantic import Field

from facewatchd.core.dates.evidence import Standing
from facewatchd.core.dates.neighbours import Between, neighbours
from facewatchd.core.dates.plan import Act, Mode
from facewatchd.domain import DateFinding, Precision
from facewatchd.operations.base import Nothing, Read, Record, Text, Write
from facewatchd.operations.context import Reading, Writing
from facewatchd.pipeline.dates.batches import Batch, fix_batch, undo_batch
from facewatchd.pipeline.dates.look import DateSettings
from facewatchd.pipeline.dates.report import WRITING, Entry, entries, is_known
from facewatchd.store import Store

# --- report


class Neighbours(Record):
    """
    The photos beside one in its folder that have good dates.

    Attributes:
        before: The path of the one before it.
        after: The path of the one after it.
        earliest: When the former was taken, ISO 8601.
        latest: When the latter was.
    """

    before: str
    after: str
    earliest: str
    latest: str


class UnreadableDate(Record):
    """A photo that could not be looked at: its path, its state, what is done (nothing but to report it), and why."""

    photo: str
    state: str
    action: str
    why: str


class DateChange(Record):
    """
    A photo with a date that is not right, or that will be written.

    Attributes:
        photo: Absolute path.
        state: One of `pipeline.dates.report.STATES`.
        has: What the photo says itself, as it stands there.
        date: What was found, as fine as it is known, ISO 8601.
        precision: How fine that is, a `domain.Precision`.
        source: Where it was found, a `domain.DateSource`.
        confidence: 0..1.
        zone: Its time zone; empty where that is not known.
        zone_source: Where that was found, a `domain.ZoneSource`.
        action: What is done, a `core.dates.plan.Act`.
        why: Why, as a sentence without a full stop.
        between: None where no neighbours say more.
    """

    photo: str
    state: str
    has: str
    date: str
    precision: str
    source: str
    confidence: float
    zone: str
    zone_source: str
    action: str
    why: str
    between: Neighbours | None


class DatesFolder(Record):
    """
    The photos of a folder.

    Attributes:
        folder: Absolute path.
        root: The photo folder that it is in.
        photos: How many photos; those with `right` dates, dates that were `fixed`, and so on.
        first: The day of the first right date; None where there is none.
        last: The day of the last.
        writable: How many dates would be written.
        changes: Those with dates that are not right, or that will be written.
    """

    folder: str
    root: str
    photos: int
    right: int
    fixed: int
    wrong: int
    missing: int
    unreadable: int
    first: str | None = Field(validation_alias="from", serialization_alias="from")
    last: str | None = Field(validation_alias="to", serialization_alias="to")
    writable: int
    changes: tuple[DateChange | UnreadableDate, ...]


class DatesReport(Record):
    """
    The dates of all photos taken in.

    Attributes:
        mode: `dates.mode`.
        known: Whether the state was made by the configuration as it is, so that `status` counts the same.
        photos: How many photos; those with `right` dates, dates that were `fixed`, and so on.
        dates: The same as `status` has them.
        actions: How many photos each `core.dates.plan.Act` is for.
        roots: The photo folders.
        folders: By their paths.
    """

    mode: str
    known: bool
    photos: int
    right: int
    fixed: int
    wrong: int
    missing: int
    unreadable: int
    dates: dict[str, int]
    actions: dict[str, int]
    roots: tuple[str, ...]
    folders: tuple[DatesFolder, ...]


def report(store: Store, settings: DateSettings, now: float) -> DatesReport:
    """
    What is known of all dates, and what would be done.

    Args:
        store: The state.
        settings: What may be done.
        now: Seconds since 1970.
    """
    found = list(entries(store, settings, now))
    between: dict[tuple[int, bytes], Between] = {}
    for root_id in {entry.photo.root.root_id for entry in found}:
        dated = [
            (entry.photo.seen.path, entry.finding)
            for entry in found
            if entry.finding is not None and entry.photo.root.root_id == root_id
        ]
        between |= {(root_id, path): hint for path, hint in neighbours(dated).items()}
    of_folder: dict[bytes, list[Entry]] = {}
    for entry in found:
        of_folder.setdefault(os.path.dirname(entry.photo.path), []).append(entry)
    acts = Counter(entry.act for entry in found)
    states = Counter(entry.state for entry in found)
    folders = tuple(_folder(folder, content, between) for folder, content in sorted(of_folder.items()))
    return DatesReport(
        mode=settings.mode.value,
        known=is_known(store, settings),
        photos=len(found),
        right=states["right"],
        fixed=states["fixed"],
        wrong=states["wrong"],
        missing=states["missing"],
        unreadable=states["unreadable"],
        dates={
            "right": states["right"],
            "fixed": states["fixed"],
            "reported": sum(states[key] for key in ("wrong", "missing", "unreadable")),
        },
        actions={act.value: acts[act] for act in Act if act is not Act.NOTHING},
        roots=tuple(sorted({folder.root for folder in folders})),
        folders=folders,
    )


def _folder(folder: bytes, content: Sequence[Entry], between: Mapping[tuple[int, bytes], Between]) -> DatesFolder:
    states = Counter(entry.state for entry in content)
    first, last = _range(content)
    return DatesFolder(
        folder=os.fsdecode(folder),
        root=os.fsdecode(content[0].photo.root.path),
        photos=len(content),
        right=states["right"],
        fixed=states["fixed"],
        wrong=states["wrong"],
        missing=states["missing"],
        unreadable=states["unreadable"],
        first=first,
        last=last,
        writable=sum(1 for entry in content if entry.act in WRITING),
        changes=tuple(
            _change(entry, between.get((entry.photo.root.root_id, entry.photo.seen.path)))
            for entry in content
            if entry.standing is Standing.REPORTED or entry.act in WRITING
        ),
    )


def _range(content: Iterable[Entry]) -> tuple[str | None, str | None]:
    """First and last day of the right dates."""
    values = [
        entry.finding.value
        for entry in content
        if entry.finding is not None and entry.standing is not Standing.REPORTED
    ]
    return (f"{min(values):%Y-%m-%d}", f"{max(values):%Y-%m-%d}") if values else (None, None)


def _change(entry: Entry, between: Between | None) -> DateChange | UnreadableDate:
    path = os.fsdecode(entry.photo.path)
    if entry.looked is None:
        return UnreadableDate(photo=path, state=entry.state, action=Act.REPORT.value, why=entry.error)
    finding, planned = entry.looked.finding, entry.looked.plan
    return DateChange(
        photo=path,
        state=entry.state,
        has=entry.looked.evidence.tags.original.strip(" \0"),
        date=date_text(finding),
        precision=finding.precision.value,
        source=finding.source.value,
        confidence=finding.confidence,
        zone=finding.zone,
        zone_source=finding.zone_source.value,
        action=planned.act.value,
        why=planned.why,
        between=None
        if between is None
        else Neighbours(
            before=os.fsdecode(between.before),
            after=os.fsdecode(between.after),
            earliest=between.earliest.isoformat(),
            latest=between.latest.isoformat(),
        ),
    )


def date_text(finding: DateFinding) -> str:
    """A date as fine as it is known, in ISO 8601."""
    keep = {Precision.YEAR: 4, Precision.MONTH: 7, Precision.DAY: 10}.get(finding.precision, 19)
    return finding.value.isoformat()[:keep]


def _report(reading: Reading, _: Nothing) -> DatesReport:
    # the modes that write nothing into a photo need no check of it
    checker = reading.checker() if Mode(reading.config.dates.mode) is Mode.INPLACE else None
    return report(reading.store, DateSettings.of(reading.config, checker), time.time())


REPORT = Read("dates.report", Nothing, DatesReport, _report)


# --- fix, undo


class BatchParameters(Record):
    """
    Attributes:
        photo: The absolute path of the one photo that is meant; None for all, a batch at a time.
        after: The `next` of the batch before; 0 at first.
    """

    photo: Text | None = None
    after: Annotated[int, Field(ge=0, lt=1 << 63)] = 0


class DatesDone(Record):
    """
    What came of a batch of photos.

    Attributes:
        counts: How many photos, by what was done: a `core.dates.plan.Act`, "undone", or "kept".
        troubles: Path and reason of some that could not be done.
        said: A line for each photo that was written.
        next: Where the next batch begins; None where this was the last.
    """

    counts: dict[str, int]
    troubles: tuple[tuple[str, str], ...]
    said: tuple[str, ...]
    next: int | None


def _fix(writing: Writing, parameters: BatchParameters) -> DatesDone:
    return _done(writing, parameters, fix_batch)


def _undo(writing: Writing, parameters: BatchParameters) -> DatesDone:
    return _done(writing, parameters, undo_batch)


def _done(writing: Writing, parameters: BatchParameters, work: Callable[..., Batch]) -> DatesDone:
    photo = None if parameters.photo is None else os.fsencode(parameters.photo)
    settings = DateSettings.of(writing.config, writing.checker(), writing.answers)
    batch = work(writing.store, settings, photo=photo, after=parameters.after)
    writing.record(batch.said)
    writing.look_after(batch.scope)
    return DatesDone(counts=dict(batch.counts), troubles=tuple(batch.troubles), said=tuple(batch.said), next=batch.next)


def _following(parameters: BatchParameters, done: DatesDone) -> BatchParameters | None:
    return None if done.next is None else parameters.model_copy(update={"after": done.next})


FIX = Write("dates.fix", BatchParameters, DatesDone, _fix, _following)
UNDO = Write("dates.undo", BatchParameters, DatesDone, _undo, _following)
