"""
How things are: read from the state, whether or not the daemon runs.
"""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path

from pydantic import Field

from facewatchd import __version__
from facewatchd.config import Config
from facewatchd.domain import PhotoState
from facewatchd.errors import displayable
from facewatchd.operations.base import Nothing, Read, Record
from facewatchd.operations.context import Reading
from facewatchd.operations.vitals import Progress, RootEntry, Vitals
from facewatchd.pipeline.grouping.thresholds import thresholds_for
from facewatchd.store import LastRecluster, Store, StoredCalibration, StoredModel


class Model(Record):
    """
    The models that the state was made with.

    Attributes:
        pack: Their name.
        id: A hash of them.
        dim: Numbers of an embedding.
        provider: Where they run.
        reason: Why these; empty where the user asked for them.
    """

    pack: str
    id: str
    dim: int
    provider: str
    reason: str


class Threshold(Record):
    """A threshold, and where it comes from: "configuration", "calibrated" or "shipped"."""

    value: float
    origin: str = Field(validation_alias="from", serialization_alias="from")


class CalibratedAt(Record):
    """When thresholds were calibrated (UTC, ISO 8601), on how many people, and how many were known then."""

    at: str
    people: int
    known: int


class Thresholds(Record):
    """What decides; see `core.matching.thresholds.Thresholds`."""

    assign: Threshold
    margin: Threshold
    link: Threshold
    calibrated: CalibratedAt | None


class Photos(Record):
    """
    How many photos.

    Attributes:
        total: All but the missing ones.
        done: Taken in.
        pending: To be taken in.
        failed: Could not be taken in.
        missing: Were known, and are not there.
    """

    total: int
    done: int
    pending: int
    failed: int
    missing: int


class People(Record):
    """How many people have a face, and how many have a name."""

    total: int
    named: int


class LastGrouping(Record):
    """When the last grouping was (UTC, ISO 8601), how long it took, and what came of it."""

    at: str
    seconds: float
    faces: int
    people: int


class Failure(Record):
    """A photo that could not be taken in, why, and when that is tried again (UTC, ISO 8601; None: when it is asked for)."""

    path: str
    reason: str
    retry_at: str | None


class Status(Record):
    """
    How things are. All times are UTC, ISO 8601.

    Attributes:
        version: Of the program.
        running: Whether some process holds the state.
        answers: Whether it answers.
        well: Whether the daemon runs and answers, and nothing waits for the user: photos that cannot be read are told, and are
            no reason for alarm.
        needs_you: What waits for the user, a sentence each.
        ended_at: When the daemon ended in good order; None while it runs, and where it did not.
        last_sign_at: Where it did not: when the state was last written.
        model: None where no photo was taken in yet.
        thresholds: None likewise.
        photos: How many.
        stacked: How many are shown as another: a RAW or HEIC beside its JPEG.
        quarantined: How many pictures ended their decoder.
        faces: How many: "total", and by state.
        people: How many.
        roots: How each photo folder is watched.
        dates: How many photos by how their dates are; see `store.photo_dates.PhotoDates.counts`.
        last_recluster: None where there was none.
        next_recluster: None where none is planned.
        progress: None where the daemon does not run, or does not answer.
        blocked: What waits and what would clear it, a sentence each; those in `needs_you` too.
        failures: Photos that could not be taken in.
    """

    version: str
    running: bool
    answers: bool
    well: bool
    needs_you: tuple[str, ...]
    ended_at: str | None
    last_sign_at: str | None
    model: Model | None
    thresholds: Thresholds | None
    photos: Photos
    stacked: int
    quarantined: int
    faces: dict[str, int]
    people: People
    roots: tuple[RootEntry, ...]
    dates: dict[str, int]
    last_recluster: LastGrouping | None
    next_recluster: str | None
    progress: Progress | None
    blocked: tuple[str, ...]
    failures: tuple[Failure, ...]


def _status(reading: Reading, _: Nothing) -> Status:
    config, store = reading.config, reading.store
    running = reading.running.is_there()
    now = reading.running.vitals() if running else None
    said = store.vitals()
    vitals = now or (Vitals.model_validate_json(said) if said else Vitals())
    model = store.model()
    photos = store.photos.counts()
    faces = store.faces.counts()
    people = store.people.summaries()
    failures = store.photos.failures()
    held = store.held()
    notices = store.notices.all(time.time())
    quarantined = store.quarantine.count()
    needs_you = [*vitals.blocked, *([held.why] if held is not None else [])]
    needs_you += [notice.text for notice in notices if notice.is_question]
    blocked = [*needs_you, *(notice.text for notice in notices if not notice.is_question)]
    pending = photos[PhotoState.PENDING]
    if pending and not running:
        blocked.append(f"{_count(pending, 'photo')} to be taken in: start 'facewatchd run'.")
    if failures:
        blocked.append(_failed(len(failures), sum(1 for _, _, retry_at in failures if retry_at is not None)))
    if quarantined:
        it = _them(quarantined)
        blocked.append(
            f"{_count(quarantined, 'picture')} ended the process that decoded {it} and {_are(quarantined)} skipped: have a "
            f"look at {it}, then run 'facewatchd retry'."
        )
    return Status(
        version=__version__,
        running=running,
        answers=now is not None,
        well=now is not None and not needs_you,
        needs_you=tuple(needs_you),
        ended_at=_iso_or_none(vitals.ended_at) if not running else None,
        last_sign_at=_iso(_last_sign(store)) if not running and vitals.ended_at is None else None,
        model=_model(model, vitals),
        thresholds=_thresholds(config, store.calibration(model.id), model) if model is not None else None,
        photos=Photos(
            total=sum(count for state, count in photos.items() if state is not PhotoState.MISSING),
            done=photos[PhotoState.DONE],
            pending=pending,
            failed=photos[PhotoState.FAILED],
            missing=photos[PhotoState.MISSING],
        ),
        stacked=store.stacks.count(),
        quarantined=quarantined,
        faces={"total": sum(faces.values()), **{state.value: count for state, count in faces.items()}},
        people=People(
            total=sum(1 for summary in people if summary.faces),
            named=sum(1 for summary in people if summary.person.name),
        ),
        roots=vitals.roots,
        dates=store.dates.counts(),
        last_recluster=_last_grouping(store.last_recluster()),
        next_recluster=_iso_or_none(vitals.next_recluster) if running else None,
        progress=vitals.progress,
        blocked=tuple(blocked),
        failures=tuple(
            Failure(path=displayable(path), reason=reason, retry_at=_iso_or_none(retry_at))
            for path, reason, retry_at in failures
        ),
    )


def _model(model: StoredModel | None, vitals: Vitals) -> Model | None:
    if model is None:
        return None
    return Model(pack=model.pack, id=model.id, dim=model.dim, provider=model.provider, reason=vitals.models)


def _thresholds(config: Config, calibrated: StoredCalibration | None, model: StoredModel) -> Thresholds:
    used = thresholds_for(config, model.pack, calibrated)
    origin = "shipped" if calibrated is None else "calibrated"
    return Thresholds(
        assign=Threshold(value=used.assign, origin=origin if config.assign.threshold is None else "configuration"),
        margin=Threshold(value=used.margin, origin="shipped" if config.assign.margin is None else "configuration"),
        link=Threshold(value=used.link, origin=origin if config.recluster.threshold is None else "configuration"),
        calibrated=None
        if calibrated is None
        else CalibratedAt(at=_iso(calibrated.at), people=calibrated.people, known=calibrated.known),
    )


def _last_grouping(last: LastRecluster | None) -> LastGrouping | None:
    if last is None:
        return None
    return LastGrouping(at=_iso(last.at), seconds=round(last.seconds, 2), faces=last.faces, people=last.people)


def _last_sign(store: Store) -> float:
    """When the state was written last, seconds since 1970."""
    return max(path.stat().st_mtime for path in (store.path, Path(f"{store.path}-wal")) if path.exists())


def _failed(photos: int, later: int) -> str:
    """How many photos could not be taken in, and when they are tried again."""
    changed = photos - later
    parts = [f"{_count(later, 'photo')} {_are(later)} tried again after a while"] if later else []
    if changed:
        which = "the others" if later else _them(photos)
        parts.append(f"'facewatchd retry' tries {which} again, and so does a change of the file")
    return f"{_count(photos, 'photo')} could not be taken in ('facewatchd status -v' says why); {'; '.join(parts)}."


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _them(number: int) -> str:
    return "it" if number == 1 else "them"


def _iso(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec="seconds")


def _iso_or_none(seconds: float | None) -> str | None:
    return None if seconds is None else _iso(seconds)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


STATUS = Read("status", Nothing, Status, _status)
