"""
All photos taken in, with what their dates are and what would be done about them. Only reads.

Which dates are right is what the state knows, as `status` counts it: only the others are looked at in their files. Where the
configuration says otherwise since, every photo is looked at as it would be then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from facewatchd.core.dates.evidence import Standing, standing
from facewatchd.core.dates.plan import Act, Mode
from facewatchd.domain import DateFinding, PhotoId
from facewatchd.errors import PhotoError
from facewatchd.pipeline.dates.look import DateSettings, Looked, checked, look
from facewatchd.pipeline.dates.redate import basis_of, is_settled, machine_zone
from facewatchd.store import DatedPhoto, Store

WRITING = frozenset({Act.PATCH, Act.EXTEND, Act.EXIF, Act.SIDECAR, Act.SET})
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
    ordered = store.date_journal.ordered()
    due = store.dates.all_due()
    for photo in sorted(store.dates.dated(), key=lambda photo: photo.path):
        if photo.date is None and settings.mode is Mode.OFF:
            continue  # nothing is looked for
        if photo.photo_id in ordered and photo.date is not None:
            # the user said it, whatever its file says
            yield Entry(photo, Standing.FIXED, photo.date)
            continue
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
        looked = checked(photo.path, photo.seen, settings, look(photo.path, photo.seen, settings, now), now)
    except PhotoError as error:
        return Entry(photo, known or Standing.REPORTED, photo.date, None, f"{error.title}: {error.message}")
    return Entry(photo, known if known is not None and knows else counted(looked.finding), looked.finding, looked)
