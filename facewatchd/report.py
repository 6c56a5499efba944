"""
What `status` says: read from the state, whether or not the daemon runs.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import time
from pathlib import Path
from typing import Any

from facewatchd import __version__
from facewatchd.config import Config
from facewatchd.daemon.vitals import Vitals
from facewatchd.domain import PhotoState
from facewatchd.errors import FacewatchError, displayable
from facewatchd.pipeline.grouping.thresholds import thresholds_for
from facewatchd.processes.control import ask
from facewatchd.processes.lock import is_running
from facewatchd.store import Store, StoredModel

_PATIENCE_S = 3.0


def status(config: Config, store: Store) -> dict[str, Any]:
    """
    The document of `status --json`; its keys are part of the interface.

    `well` is whether the daemon runs and answers, and nothing in `blocked` waits for the user (`needs_you`): photos that
    cannot be read are told, and are no reason for alarm.
    """
    running = is_running(config.state.dir)
    now = _ask(config) if running else None
    said = store.vitals()
    vitals = now or (Vitals.model_validate_json(said) if said else Vitals())
    model = store.model()
    photos = store.photos.counts()
    faces = store.faces.counts()
    people = store.people.summaries()
    last = store.last_recluster()
    failures = store.photos.failures()
    pending = photos[PhotoState.PENDING]
    quarantined = store.quarantine.count()
    held = store.held()
    notices = store.notices.all(time.time())
    needs_you = [*vitals.blocked, *([held.why] if held is not None else [])]
    needs_you += [notice.text for notice in notices if notice.is_question]
    blocked = [*needs_you, *(notice.text for notice in notices if not notice.is_question)]
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
    return {
        "version": __version__,
        "running": running,
        "answers": now is not None,
        "well": now is not None and not needs_you,
        "needs_you": needs_you,
        "ended_at": _iso(vitals.ended_at) if not running and vitals.ended_at is not None else None,
        "last_sign_at": _iso(_last_sign(store)) if not running and vitals.ended_at is None else None,
        "model": None
        if model is None
        else {
            "pack": model.pack,
            "id": model.id,
            "dim": model.dim,
            "provider": model.provider,
            "reason": vitals.models,
        },
        "thresholds": _thresholds(config, store, model),
        "photos": {
            "total": sum(count for state, count in photos.items() if state is not PhotoState.MISSING),
            "done": photos[PhotoState.DONE],
            "pending": pending,
            "failed": photos[PhotoState.FAILED],
            "missing": photos[PhotoState.MISSING],
        },
        "stacked": store.stacks.count(),
        "quarantined": quarantined,
        "faces": {"total": sum(faces.values()), **{state.value: count for state, count in faces.items()}},
        "people": {
            "total": sum(1 for summary in people if summary.faces),
            "named": sum(1 for summary in people if summary.person.name),
        },
        "roots": [dict(root) for root in vitals.roots],
        "dates": store.dates.counts(),
        "last_recluster": None
        if last is None
        else {"at": _iso(last.at), "seconds": round(last.seconds, 2), "faces": last.faces, "people": last.people},
        "next_recluster": _iso(vitals.next_recluster) if running and vitals.next_recluster is not None else None,
        "progress": vitals.progress,
        "blocked": blocked,
        "failures": [
            {"path": displayable(path), "reason": reason, "retry_at": _iso(retry_at) if retry_at is not None else None}
            for path, reason, retry_at in failures
        ],
    }


def _thresholds(config: Config, store: Store, model: StoredModel | None) -> dict[str, Any] | None:
    """What decides, and where it comes from: "configuration", "calibrated" or "shipped"."""
    if model is None:
        return None
    calibrated = store.calibration(model.id)
    used = thresholds_for(config, model.pack, calibrated)
    origin = "shipped" if calibrated is None else "calibrated"
    return {
        "assign": {"value": used.assign, "from": origin if config.assign.threshold is None else "configuration"},
        "margin": {"value": used.margin, "from": "shipped" if config.assign.margin is None else "configuration"},
        "link": {"value": used.link, "from": origin if config.recluster.threshold is None else "configuration"},
        "calibrated": None
        if calibrated is None
        else {"at": _iso(calibrated.at), "people": calibrated.people, "known": calibrated.known},
    }


def _ask(config: Config) -> Vitals | None:
    """What the daemon says now; None where it does not answer."""
    with contextlib.suppress(FacewatchError):
        return Vitals.model_validate(ask(config.state.dir, "vitals", {}, timeout_s=_PATIENCE_S))
    return None


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


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
