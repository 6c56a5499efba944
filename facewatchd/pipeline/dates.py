"""
Capture dates of photos taken in: what each photo has, what would be done about it and why. Only reads; `date_fix` writes.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from facewatchd.config import Config
from facewatchd.core.date_neighbours import Between, neighbours
from facewatchd.core.date_plan import Act, DatePlan, Layout, Mode, needs_date, plan, unwritable
from facewatchd.core.date_rules import ClockShift, DateRules, FolderRule, rule_date, shift_by
from facewatchd.core.dates import Evidence
from facewatchd.domain import DateFinding, DateSource, Precision, SeenFile
from facewatchd.errors import PhotoError
from facewatchd.photos.beside import fingerprint_at
from facewatchd.photos.date_evidence import read_evidence
from facewatchd.photos.patch import layout_of
from facewatchd.photos.read import read_settled
from facewatchd.photos.write import obstacle
from facewatchd.store import DatedPhoto, Store


@dataclass(frozen=True, slots=True)
class DateSettings:
    """
    Attributes:
        mode: What may be done.
        rules: The user's word.
        timezone: Of moments known in UTC only; None for the machine's.
        write_date_only: Whether a date without a time may be written.
        max_megapixels: Larger photos are not checked, and so not written.
    """

    mode: Mode
    rules: DateRules
    timezone: ZoneInfo | None
    write_date_only: bool
    max_megapixels: float

    @classmethod
    def of(cls, config: Config) -> DateSettings:
        dates = config.dates
        return cls(
            Mode(dates.mode),
            rules_of(config),
            ZoneInfo(dates.timezone) if dates.timezone else None,
            dates.write_date_only,
            config.ingest.max_megapixels,
        )


def rules_of(config: Config) -> DateRules:
    """The user's word about dates."""
    folders = tuple(FolderRule(rule.path, *rule_date(rule.date, rule.precision)) for rule in config.dates.rules)
    shifts = tuple(
        ClockShift(
            shift.model,
            shift_by(shift.by),
            rule_date(shift.start)[0] if shift.start else None,
            rule_date(shift.end)[0] if shift.end else None,
        )
        for shift in config.dates.shift
    )
    # the mtime may be named, and is what is left in any case
    sources = tuple(DateSource(source) for source in config.dates.sources if source != "mtime")
    return DateRules(folders, shifts, sources)


@dataclass(frozen=True, slots=True)
class Looked:
    """
    What was found out about a photo's date.

    Attributes:
        evidence: What speaks of it.
        finding: The best of that.
        plan: What is to be done.
        beside: Fingerprint of the files beside the photo that were asked.
    """

    evidence: Evidence
    finding: DateFinding
    plan: DatePlan
    beside: bytes


def look(path: bytes, seen: SeenFile, settings: DateSettings, now: float) -> Looked:
    """
    Find out what is to be done about a photo's date.

    Args:
        path: Absolute.
        seen: The photo as it was last seen.
        settings: See there.
        now: Seconds since 1970.

    Raises:
        PhotoError: It cannot be read, or has changed.
    """
    beside = fingerprint_at(path)
    evidence = read_evidence(path, seen.path, seen.stat)
    finding = settings.rules.finding(evidence, now, settings.timezone)
    only_day = settings.write_date_only
    layout = Layout()
    if needs_date(evidence, now) and not unwritable(evidence, finding, write_date_only=only_day):
        layout = layout_of(read_settled(path, seen.stat))
    planned = plan(evidence, finding, layout, settings.mode, now, write_date_only=only_day)
    if planned.act in {Act.PATCH, Act.EXIF} and (why := obstacle(path)):
        planned = DatePlan(Act.REPORT, f"{planned.why}; {why}")
    return Looked(evidence, finding, planned, beside)


# --- the report


@dataclass(frozen=True, slots=True)
class Entry:
    """A photo in the report: what was found, or why it could not be looked at."""

    photo: DatedPhoto
    looked: Looked | None
    error: str = ""


def entries(store: Store, settings: DateSettings, now: float) -> Iterator[Entry]:
    """Look at every photo taken in, in the order of their paths."""
    for photo in sorted(store.dates.dated(), key=lambda photo: photo.path):
        try:
            yield Entry(photo, look(photo.path, photo.seen, settings, now))
        except PhotoError as error:
            yield Entry(photo, None, f"{error.title}: {error.message}")


def report(store: Store, settings: DateSettings, now: float) -> dict[str, Any]:
    """
    The document of `dates report --json`.

    Returns:
        `mode`; the numbers of `photos`, `right`, `wrong` and `missing` dates and `unreadable` photos; `actions`, how many
        photos each; and `folders`: of each its path, the same numbers, the range of the right dates, and `changes`, the
        photos whose dates are not right.
    """
    found = list(entries(store, settings, now))
    between: dict[tuple[int, bytes], Between] = {}
    for root_id in {entry.photo.root.root_id for entry in found}:
        dated = [
            (entry.photo.seen.path, entry.looked.finding)
            for entry in found
            if entry.looked is not None and entry.photo.root.root_id == root_id
        ]
        between |= {(root_id, path): hint for path, hint in neighbours(dated).items()}
    folders: dict[bytes, list[Entry]] = {}
    for entry in found:
        folders.setdefault(os.path.dirname(entry.photo.path), []).append(entry)
    documents = [_folder(folder, content, between) for folder, content in sorted(folders.items())]
    acts = Counter(entry.looked.plan.act if entry.looked else Act.REPORT for entry in found)
    return {
        "mode": settings.mode.value,
        **{key: sum(folder[key] for folder in documents) for key in ("photos", *_STATES)},
        "actions": {act.value: acts[act] for act in Act if act is not Act.NOTHING},
        "folders": documents,
    }


_STATES = ("right", "wrong", "missing", "unreadable")


def _state(entry: Entry) -> str:
    if entry.looked is None:
        return "unreadable"
    if entry.looked.plan.act is Act.NOTHING:
        return "right"
    return "wrong" if entry.looked.evidence.tags.original.strip(" \0:") else "missing"


def _folder(folder: bytes, content: Sequence[Entry], between: Mapping[tuple[int, bytes], Between]) -> dict[str, Any]:
    states = [_state(entry) for entry in content]
    right = _range(content, states)
    return {
        "folder": os.fsdecode(folder),
        "photos": len(content),
        **{state: states.count(state) for state in _STATES},
        "from": right[0],
        "to": right[1],
        "changes": [
            _change(entry, state, between.get((entry.photo.root.root_id, entry.photo.seen.path)))
            for entry, state in zip(content, states, strict=True)
            if state != "right"
        ],
    }


def _range(content: Iterable[Entry], states: Iterable[str]) -> tuple[str | None, str | None]:
    """First and last day of the right dates."""
    values = [
        entry.looked.finding.value
        for entry, state in zip(content, states, strict=True)
        if entry.looked is not None and state == "right"
    ]
    return (f"{min(values):%Y-%m-%d}", f"{max(values):%Y-%m-%d}") if values else (None, None)


def _change(entry: Entry, state: str, between: Between | None) -> dict[str, Any]:
    path = os.fsdecode(entry.photo.path)
    if entry.looked is None:
        return {"photo": path, "state": state, "action": Act.REPORT.value, "why": entry.error}
    finding, planned = entry.looked.finding, entry.looked.plan
    return {
        "photo": path,
        "state": state,
        "has": entry.looked.evidence.tags.original.strip(" \0"),
        "date": date_text(finding),
        "precision": finding.precision.value,
        "source": finding.source.value,
        "confidence": finding.confidence,
        "zone": finding.zone,
        "zone_source": finding.zone_source.value,
        "action": planned.act.value,
        "why": planned.why,
        "between": None
        if between is None
        else {
            "before": os.fsdecode(between.before),
            "after": os.fsdecode(between.after),
            "earliest": between.earliest.isoformat(),
            "latest": between.latest.isoformat(),
        },
    }


def date_text(finding: DateFinding) -> str:
    """A date as fine as it is known, in ISO 8601."""
    keep = {Precision.YEAR: 4, Precision.MONTH: 7, Precision.DAY: 10}.get(finding.precision, 19)
    return finding.value.isoformat()[:keep]
