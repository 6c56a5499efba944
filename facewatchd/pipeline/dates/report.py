"""
What `dates report` says of all photos taken in. Only reads.

Which dates are right is what the state knows, as `status` counts it: only the others are looked at in their files. Where the
configuration says otherwise since, every photo is looked at as it would be then.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from facewatchd.core.dates.evidence import Standing, standing
from facewatchd.core.dates.neighbours import Between, neighbours
from facewatchd.core.dates.plan import Act, Mode
from facewatchd.domain import DateFinding, PhotoId, Precision
from facewatchd.errors import PhotoError
from facewatchd.pipeline.dates.look import DateSettings, Looked, look
from facewatchd.pipeline.dates.redate import basis_of, is_settled, machine_zone
from facewatchd.store import DatedPhoto, Store

WRITING = frozenset({Act.PATCH, Act.EXIF, Act.SIDECAR})
STATES = ("right", "fixed", "wrong", "missing", "unreadable")
"""The first two and the sum of the others are those of `status`."""


@dataclass(frozen=True, slots=True)
class Entry:
    """
    A photo in the report.

    Attributes:
        photo: Which.
        standing: How it is counted.
        finding: Its date; None where none is known.
        looked: What its file says; None where it need not be, or could not be looked at.
        error: Why it could not be; empty where it could, or need not be.
    """

    photo: DatedPhoto
    standing: Standing
    finding: DateFinding | None
    looked: Looked | None = None
    error: str = ""

    @property
    def state(self) -> str:
        """One of `STATES`."""
        if self.standing is not Standing.REPORTED:
            return self.standing.value
        if self.looked is None:
            return "unreadable"
        return "wrong" if self.looked.evidence.tags.original.strip(" \0:") else "missing"

    @property
    def act(self) -> Act:
        """What is done about it; a date that is right is not reported, and may be written into the photo still."""
        act = self.looked.plan.act if self.looked is not None else Act.REPORT
        return act if act in WRITING or self.standing is Standing.REPORTED else Act.NOTHING


def entries(store: Store, settings: DateSettings, now: float) -> Iterator[Entry]:
    """Every photo taken in, in the order of their paths."""
    knows = is_known(store, settings)
    written = store.date_journal.written()
    due = store.dates.all_due()
    for photo in sorted(store.dates.dated(), key=lambda photo: photo.path):
        if photo.date is None and settings.mode is Mode.OFF:
            continue  # nothing is looked for
        yield _entry(photo, settings, now, written, knows=knows and photo.photo_id not in due)


def is_known(store: Store, settings: DateSettings) -> bool:
    """Whether the state was made by what the configuration says now of how dates are found."""
    return is_settled(store, basis_of(settings, machine_zone()))


def _entry(photo: DatedPhoto, settings: DateSettings, now: float, written: set[PhotoId], *, knows: bool) -> Entry:
    """`knows`: whether what is known of the photo is what would be found now."""

    def counted(finding: DateFinding) -> Standing:
        return standing(finding.source, has_problem=bool(finding.problem), written=photo.photo_id in written)

    known = counted(photo.date) if photo.date is not None else None
    if photo.date is not None and known is not None and knows:
        is_fine = known is Standing.FIXED or not photo.date.problem
        if is_fine:
            return Entry(photo, known, photo.date)
    try:
        looked = look(photo.path, photo.seen, settings, now)
    except PhotoError as error:
        return Entry(photo, known or Standing.REPORTED, photo.date, None, f"{error.title}: {error.message}")
    return Entry(photo, known if known is not None and knows else counted(looked.finding), looked.finding, looked)


def report(store: Store, settings: DateSettings, now: float) -> dict[str, Any]:
    """
    The document of `dates report --json`.

    Returns:
        `mode`; `known`, whether the state was made by the configuration as it is, so that `status` counts the same; the numbers of `photos`, of `right` dates and of those that were `fixed`, of `wrong` and `missing` dates and
        `unreadable` photos; `dates`, the same as `status` has them; `actions`, how many photos each; `roots`, the photo
        folders; and `folders`: of each its path and its root's, the same numbers, the range of the right dates, and
        `changes`, the photos whose dates are not right, or are to be written.
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
    folders: dict[bytes, list[Entry]] = {}
    for entry in found:
        folders.setdefault(os.path.dirname(entry.photo.path), []).append(entry)
    documents = [_folder(folder, content, between) for folder, content in sorted(folders.items())]
    acts = Counter(entry.act for entry in found)
    figures = {key: sum(folder[key] for folder in documents) for key in ("photos", *STATES)}
    return {
        "mode": settings.mode.value,
        "known": is_known(store, settings),
        **figures,
        "dates": {
            "right": figures["right"],
            "fixed": figures["fixed"],
            "reported": sum(figures[key] for key in ("wrong", "missing", "unreadable")),
        },
        "actions": {act.value: acts[act] for act in Act if act is not Act.NOTHING},
        "roots": sorted({folder["root"] for folder in documents}),
        "folders": documents,
    }


def _folder(folder: bytes, content: Sequence[Entry], between: Mapping[tuple[int, bytes], Between]) -> dict[str, Any]:
    states = [entry.state for entry in content]
    right = _range(content)
    return {
        "folder": os.fsdecode(folder),
        "root": os.fsdecode(content[0].photo.root.path),
        "photos": len(content),
        **{state: states.count(state) for state in STATES},
        "from": right[0],
        "to": right[1],
        "changes": [
            _change(entry, between.get((entry.photo.root.root_id, entry.photo.seen.path)))
            for entry in content
            if entry.standing is Standing.REPORTED or entry.act in WRITING
        ],
    }


def _range(content: Iterable[Entry]) -> tuple[str | None, str | None]:
    """First and last day of the right dates."""
    values = [
        entry.finding.value
        for entry in content
        if entry.finding is not None and entry.standing is not Standing.REPORTED
    ]
    return (f"{min(values):%Y-%m-%d}", f"{max(values):%Y-%m-%d}") if values else (None, None)


def _change(entry: Entry, between: Between | None) -> dict[str, Any]:
    path = os.fsdecode(entry.photo.path)
    if entry.looked is None:
        return {"photo": path, "state": entry.state, "action": Act.REPORT.value, "why": entry.error}
    finding, planned = entry.looked.finding, entry.looked.plan
    return {
        "photo": path,
        "state": entry.state,
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
