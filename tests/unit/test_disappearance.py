"""What may be taken for gone, and what not (R5)."""

from __future__ import annotations

import pytest

from facewatchd.core.intake.disappearance import (
    GRACE_S,
    MASS_HOLD_S,
    Absence,
    doubt,
    is_gone,
)
from facewatchd.domain import Health


@pytest.mark.parametrize(
    ("health", "known", "missing", "away_s", "believed"),
    [
        pytest.param(Health.ONLINE, 1000, 0, 0, True, id="nothing is missing"),
        pytest.param(Health.OFFLINE, 1000, 1, 0, False, id="an offline root says nothing"),
        pytest.param(Health.OFFLINE, 1000, 1, MASS_HOLD_S, False, id="nor does it after a week"),
        pytest.param(Health.DEGRADED, 1000, 1, 0, True, id="a scan of a degraded root is the truth"),
        pytest.param(Health.ONLINE, 40, 40, 0, True, id="a small album may go"),
        pytest.param(Health.ONLINE, 1000, 200, 0, True, id="a fifth may go"),
        pytest.param(Health.ONLINE, 1000, 201, 0, False, id="more is held"),
        pytest.param(Health.ONLINE, 1000, 1000, MASS_HOLD_S, True, id="but not for ever"),
    ],
)
def test_when_a_disappearance_is_believed(
    health: Health, known: int, missing: int, away_s: float, believed: bool
) -> None:
    """Mass disappearances and offline roots are doubted, with a sentence that says so."""
    reason = doubt(health, known, missing, away_s)
    assert (not reason) is believed
    assert believed or (str(missing) in reason and reason.endswith("."))


@pytest.mark.parametrize(
    ("absence", "gone"),
    [
        (Absence(0, 2), False),  # two scans in quick succession
        (Absence(-GRACE_S, 1), False),  # one scan, long ago
        (Absence(-GRACE_S, 2), True),
    ],
)
def test_when_a_photo_is_gone(absence: Absence, gone: bool) -> None:
    """It takes two scans and a grace period."""
    assert is_gone(absence, now=0) is gone
