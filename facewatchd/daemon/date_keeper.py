"""
What the daemon says of the capture dates that it writes into the user's files.
"""

from __future__ import annotations

import logging

from facewatchd.core.date_plan import Mode
from facewatchd.pipeline.dates import DateSettings
from facewatchd.store import Store

log = logging.getLogger(__name__)

_TARGETS = {Mode.INPLACE: "photos, or into sidecars beside them", Mode.SIDECAR: "sidecars beside the photos"}


def tell_at_first_start(store: Store, mode: Mode) -> None:
    """Before anything is written, say once that it will be, and how to do without."""
    if store.dates_are_told():
        return
    is_new = not any(store.photos.counts().values())
    if is_new and mode in _TARGETS:
        log.info(
            "Missing or wrong capture dates are written into %s; every one is told here, and 'facewatchd dates undo' takes "
            "them back. To only report: dates.mode: report",
            _TARGETS[mode],
        )
    with store.transaction():
        store.tell_dates()


class DateKeeper:
    """
    Belongs to the thread that owns the state.

    Args:
        store: The state.
        settings: What may be done about capture dates.
    """

    def __init__(self, store: Store, settings: DateSettings) -> None:
        self._store = store
        self._settings = settings
        self._summed_up = store.date_journal.latest()

    def sum_up(self) -> None:
        """All there is to do is done: say how many dates were written since this was last said, and the way back."""
        latest = self._store.date_journal.latest()
        if latest == self._summed_up:
            return
        photos, sidecars = self._store.date_journal.written_since(self._summed_up)
        self._summed_up = latest
        written = ((photos, "photos"), (sidecars, "sidecars"))
        parts = [
            f"{count} capture {'date' if count == 1 else 'dates'} into {where}" for count, where in written if count
        ]
        if parts:
            log.info("Wrote %s. To take back what was written: facewatchd dates undo", " and ".join(parts))
