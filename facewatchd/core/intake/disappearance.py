"""
Whether a disappearance is believed (requirement R5). Everything here is about one root.
"""

from __future__ import annotations

from dataclasses import dataclass

from facewatchd.domain import Health

MASS_FRACTION = 0.2
"""Share of a root's photos that are missing at once. It is more than people delete at a time, and less than a lost folder has."""

MASS_PHOTOS = 50
"""Fewer missing photos than this are believed, so that a small album may lose any share of its photos."""

GRACE_S = 60.0
"""A move by copy and delete, or a save by delete and create, is over by then."""

SCANS_MISSED = 2

MASS_HOLD_S = 7 * 86_400.0
"""A mass disappearance is believed after this long: people notice within a week that a disk is missing."""


@dataclass(frozen=True, slots=True)
class Absence:
    """
    How long a photo has not been seen.

    Attributes:
        since: When the first scan missed it, seconds since 1970.
        scans: Complete scans that missed it.
    """

    since: float
    scans: int


def doubt(health: Health, known: int, missing: int, away_s: float) -> str:
    """
    Why the disappearance of photos is not believed, as a sentence for the user. Empty if it is believed.

    Args:
        health: Of the root, at the end of the scan.
        known: Photos of the root in the index, with the missing ones.
        missing: Photos that the scan did not see, without those that it recognised elsewhere (moved).
        away_s: How long the latest of them has been missed, seconds.
    """
    if not missing:
        return ""
    if health is Health.OFFLINE:
        photos = "photo" if missing == 1 else "photos"
        return f"{missing:,} {photos} cannot be seen, because the folder is offline. Their faces and names are kept until it is back."
    if missing > max(MASS_FRACTION * known, MASS_PHOTOS) and away_s < MASS_HOLD_S:
        return (
            f"{missing:,} of {known:,} photos have disappeared at once. Their faces and names are kept until they are back, "
            f"or for {MASS_HOLD_S / 86_400:.0f} days. If a disk or folder is missing, connect it."
        )
    return ""


def is_gone(absence: Absence, now: float) -> bool:
    """Whether a photo has been away for long enough to be marked missing. The disappearance is believed."""
    return absence.scans >= SCANS_MISSED and now - absence.since >= GRACE_S
