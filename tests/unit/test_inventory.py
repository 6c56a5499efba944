"""What a scan means for the index, and what it must not be taken to mean (R1, R5)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.core.inventory import (
    GRACE_S,
    MASS_HOLD_S,
    Absence,
    compare,
    doubt,
    is_gone,
    vanished_folders,
)
from facewatchd.domain import FileStat, Health, SeenFile


def a_stat(version: int) -> FileStat:
    return FileStat(size=version, mtime_ns=0, ctime_ns=0, inode=1, device=1)


def seen(path: bytes, version: int = 0) -> SeenFile:
    return SeenFile(1, path, a_stat(version))


def test_a_folder_compared() -> None:
    """Every file is new, changed, unchanged or missing."""
    known = {b"a": a_stat(0), b"b": a_stat(0), b"c": a_stat(0), b"d": a_stat(0)}
    found = compare(known, [seen(b"a"), seen(b"b", 1), seen(b"e")])
    assert found.unchanged == (seen(b"a"),)
    assert found.changed == (seen(b"b", 1),)
    assert found.new == (seen(b"e"),)
    assert found.missing == (b"c", b"d")


names = st.dictionaries(st.binary(min_size=1, max_size=2), st.integers(0, 1))


@given(before=names, after=names)
def test_the_four_are_a_partition(before: dict[bytes, int], after: dict[bytes, int]) -> None:
    """Nothing is lost and nothing counted twice, whatever was there and is there."""
    known = {path: a_stat(version) for path, version in before.items()}
    found = compare(known, [seen(path, version) for path, version in after.items()])
    paths = [file.path for file in (*found.new, *found.changed, *found.unchanged)] + list(found.missing)
    assert sorted(paths) == sorted(set(before) | set(after))


@pytest.mark.parametrize(
    ("known", "scanned", "unseen", "expected"),
    [
        pytest.param({b"", b"a"}, {b"", b"a"}, set(), [], id="all there"),
        pytest.param({b"a", b"a/b", b"c"}, {b"", b"c"}, set(), [b"a", b"a/b"], id="a tree is gone"),
        pytest.param({b"a/b/c", b"ab"}, {b""}, {b"a"}, [b"ab"], id="nothing is known below an unreadable folder"),
        pytest.param({b"a"}, {b""}, {b"a"}, [], id="nor about the folder itself"),
        pytest.param({b"a", b"b"}, set(), {b""}, [], id="the root could not be read: nothing is gone"),
    ],
)
def test_vanished_folders(known: set[bytes], scanned: set[bytes], unseen: set[bytes], expected: list[bytes]) -> None:
    """A folder is gone only where the scan could have come across it."""
    assert vanished_folders(known, scanned, unseen) == expected


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
