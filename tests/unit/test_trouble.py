"""Why the state cannot be written, in words: one true sentence for each reason."""

from __future__ import annotations

import errno

import pytest

from facewatchd.store.trouble import Place, reason

HERE = Place("/srv", 59_000_000_000)


@pytest.mark.parametrize(
    ("name", "number", "place", "words", "waits_for"),
    [
        ("SQLITE_FULL", errno.ENOSPC, Place("/srv", 100_000), ("disk is full", "at /srv, with 0.1 MB free"), "for space"),
        ("SQLITE_FULL", None, Place("/srv", 100_000), ("disk is full", "free some space"), "for space"),
        ("SQLITE_CANTOPEN", errno.ENOSPC, HERE, ("disk is full",), "for space"),
        ("SQLITE_IOERR_WRITE", errno.EDQUOT, HERE, ("Your disk quota is used up", "59,000.0 MB free"), "for space"),
        (
            "SQLITE_IOERR_WRITE",
            errno.EFBIG,
            Place("/srv", 1, 20_000_000),
            ("a file larger than 20.0 MB", "`ulimit -f`", "start facewatchd again"),
            "for a restart",
        ),
        ("SQLITE_IOERR_WRITE", errno.EFBIG, HERE, ("system at /srv cannot hold a larger file", "state.dir"), "for a restart"),
        ("SQLITE_IOERR_WRITE", errno.EROFS, HERE, ("file system at /srv is read-only", "mount it writable"), "for the disk"),
        ("SQLITE_READONLY", errno.EROFS, HERE, ("file system at /srv is read-only",), "for the disk"),
        ("SQLITE_IOERR_FSYNC", errno.EIO, HERE, ("The disk fails (text)", "dmesg"), "for the disk"),
        ("SQLITE_IOERR_READ", None, HERE, ("The disk fails (text)",), "for the disk"),
        ("SQLITE_BUSY", None, HERE, ("Another program holds it; is a second",), "for another program"),
        (
            "SQLITE_BUSY_SNAPSHOT",
            None,
            Place("/srv", 1, None, ("sqlite3 (process 12)",)),
            ("Another program holds it: sqlite3 (process 12). When it lets go, the work goes on",),
            "for another program",
        ),
        ("SQLITE_CORRUPT", None, HERE, ("damaged (text)", "restore it from a backup"), ""),
        ("SQLITE_READONLY_DBMOVED", None, HERE, ("moved or deleted while it was in use",), ""),
        ("SQLITE_READONLY", errno.EACCES, HERE, ("owner and permissions",), ""),
        ("SQLITE_CANTOPEN", None, HERE, ("owner and permissions",), ""),
        ("SQLITE_ERROR", None, HERE, ("text.",), ""),
        ("SQLITE_FULL", None, None, ("disk is full",), "for space"),
    ],
)  # fmt: skip
def test_what_happened_where_and_what_clears_it(
    name: str, number: int | None, place: Place | None, words: tuple[str, ...], waits_for: str
) -> None:
    """A full disk is one only where it is; what cannot pass by itself is not waited for."""
    said, waits = reason(name, "text", number, place)
    for word in words:
        assert word in said
    assert waits == waits_for
    assert ("disk is full" in said) == (words[0] == "disk is full")
