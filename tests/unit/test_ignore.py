"""Which names are never looked at: one table (R4)."""

from __future__ import annotations

import pytest

from facewatchd.watch.ignore import MARKERS, TEMPORARY_PREFIX, is_ignored_file, is_ignored_folder

TABLE = [
    # name, ignored as a file, ignored as a folder
    (b"IMG_1234.jpg", False, False),
    (b"caf\xe9.jpg", False, False),
    (b"2019", False, False),
    (b"new\nline.jpg", False, False),
    (b"part", False, False),
    (b"a.partly", False, False),
    (b"a~b.jpg", False, False),
    # half-written
    (b".syncthing.IMG_1234.jpg.tmp", True, True),
    (b"~syncthing~IMG_1234.jpg.tmp", True, False),
    (b"IMG_1234.jpg.part", True, False),
    (b"IMG_1234.JPG.PART", True, False),
    (b"new\nline.part", True, False),
    (b"IMG_1234.jpg.crdownload", True, False),
    (b"IMG_1234.jpg.filepart", True, False),
    (b"IMG_1234.jpg~", True, False),
    (b".~lock.IMG_1234.jpg#", True, True),
    (TEMPORARY_PREFIX + b"0123", True, True),
    # hidden
    (b"._IMG_1234.jpg", True, True),
    (b".thumbnails", True, True),
    (b".Trash-1000", True, True),
    (b".stversions", True, True),
    (b".stfolder", True, True),
    # other programs' folders
    (b"@eaDir", False, True),
    (b"#recycle", False, True),
    (b"#snapshot", False, True),
    (b"$RECYCLE.BIN", False, True),
    (b"$Recycle.Bin", False, True),
    (b"lost+found", False, True),
    (b"lost+found2", False, False),
    (b"xx@eaDir", False, False),
]


@pytest.mark.parametrize(("name", "as_file", "as_folder"), TABLE, ids=[ascii(row[0]) for row in TABLE])
def test_ignored_names(name: bytes, as_file: bool, as_folder: bool) -> None:
    """A name is ignored for what it says, as a file, a folder or both."""
    assert is_ignored_file(name) is as_file
    assert is_ignored_folder(name) is as_folder


def test_markers_are_never_photos() -> None:
    """The marker files themselves are ignored."""
    assert all(is_ignored_file(name) for name in MARKERS)
