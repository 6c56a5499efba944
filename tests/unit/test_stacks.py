"""Which files are one photo, and which of them is shown."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.core.dates.evidence import CONFIDENCE_MODIFIED, CONFIDENCE_ORIGINAL
from facewatchd.core.intake.stacks import Member, first, is_same_photo, rank, shown_for, stack_name
from facewatchd.domain import DateFinding, DateSource, Precision

AT = datetime.fromisoformat("2019-08-17 12:34:56")


def taken(
    seconds: float = 0, source: DateSource = DateSource.EXIF, confidence: float = CONFIDENCE_ORIGINAL
) -> DateFinding:
    return DateFinding(AT + timedelta(seconds=seconds), Precision.SECOND, source, confidence)


def member(path: bytes, date: DateFinding | None = None, number: int = 1) -> Member:
    return Member(number, path, date)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"a/IMG_1.CR2", b"a/IMG_1.JPG"),
        (b"a/IMG_1.cr2", b"a/img_1.jpeg"),
        (b"IMG_1.HEIC", b"IMG_1.jpg"),
        (b"IMG_1.DNG", b"IMG_1.HEIC"),
        (b"IMG_1.CR2", b"IMG_1.DNG"),
        (b"IMG_1.CR2", b"IMG_1.CR2.jpg"),
        (b"IMG_1.HEIC", b"IMG_1.heic.JPG"),
        (b"caf\xe9.nef", b"caf\xe9.jpg"),
        ("Café.heic".encode(), "Cafe\u0301.JPG".encode()),
        (b"PXL_20230603_125955474.RAW-02.ORIGINAL.dng", b"PXL_20230603_125955474.RAW-01.COVER.jpg"),
        (b"PXL_20230603_125955474.RAW-02.ORIGINAL.dng", b"PXL_20230603_125955474.RAW-01.MP.COVER.jpg"),
    ],
)
def test_these_are_one_photo(one: bytes, other: bytes) -> None:
    """Whichever comes first."""
    assert is_same_photo(member(one), member(other))
    assert is_same_photo(member(other), member(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"a/IMG_1.CR2", b"b/IMG_1.JPG"),
        (b"a/IMG_1.CR2", b"A/IMG_1.JPG"),
        (b"IMG_1.CR2", b"IMG_12.JPG"),
        (b"IMG_1.CR2", b"IMG_1-edited.JPG"),
        (b"IMG_1.CR2", b"IMG_1.edited.JPG"),
        (b"IMG_1.jpg", b"IMG_1.JPEG"),
        (b"IMG_1.jpg", b"IMG_1.png"),
        (b"IMG_1.CR2", b"IMG_1.tif"),
    ],
)
def test_these_are_not(one: bytes, other: bytes) -> None:
    """Another folder, another name, two JPEGs, or a format that somebody chose."""
    assert not is_same_photo(member(one), member(other))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (taken(), taken(), True),
        (taken(), taken(2), True),
        (taken(), taken(3), False),
        (taken(), None, True),
        (taken(), taken(9999, DateSource.NAME_TIME), True),
        (taken(), taken(9999, DateSource.XMP), True),
        (taken(), taken(9999, confidence=CONFIDENCE_MODIFIED), True),
    ],
)
def test_two_cameras_clocks_must_agree(one: DateFinding, other: DateFinding | None, same: bool) -> None:
    """What a camera numbers anew is another photo; any other date may speak of one of the files only."""
    assert is_same_photo(member(b"1.cr2", one), member(b"1.jpg", other)) is same


def test_the_jpeg_is_shown_before_the_heic_before_the_raw() -> None:
    """And of two RAWs the first by name."""
    paths = [b"1.dng", b"1.CR2", b"1.heic", b"1.jpg"]
    members = [member(path, number=number) for number, path in enumerate(paths)]
    while members:
        best = first(members)
        assert best is not None
        assert shown_for(best, members) is None
        rest = [one for one in members if one is not best]
        assert all(shown_for(one, members) == best for one in rest)
        members = rest
    assert first([]) is None


def test_of_two_jpegs_the_one_of_the_same_moment_is_shown() -> None:
    """The other is a photo of its own."""
    raw, right, wrong = (
        member(b"a.cr2", taken()),
        member(b"a.jpg", taken(), 2),
        member(b"a.JPG", taken(60), 3),
    )
    assert shown_for(raw, [wrong, right]) == right
    assert shown_for(raw, [wrong]) is None


@given(st.binary(max_size=20).filter(lambda stem: b"/" not in stem), st.sampled_from([b".CR2", b".jpg", b".x", b""]))
def test_any_name_is_understood(stem: bytes, ending: bytes) -> None:
    """Names are bytes, and the name of a stack does not depend on case."""
    path = b"Folder/" + stem + ending
    assert rank(path) in {None, 0, 1, 2}
    assert stack_name(b"Folder/" + stem.swapcase() + ending) == stack_name(path)
