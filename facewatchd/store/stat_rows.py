"""
A `FileStat` as columns of a row.
"""

from __future__ import annotations

from facewatchd.domain import FileStat

STAT_COLUMNS = "size, mtime_ns, ctime_ns, inode, device"
"""In the order of `stat_numbers`."""

MISSING = "size = iif(state IN ('done', 'missing'), size, -1), state = 'missing'"
"""
Makes a photo a tombstone. If its last content was not taken in, it gets a size that no file has, so that it never counts as
done.
"""


def stat_numbers(stat: FileStat) -> tuple[int, int, int, int, int]:
    return (stat.size, stat.mtime_ns, stat.ctime_ns, signed(stat.inode), signed(stat.device))


def stat_of_row(size: int, mtime_ns: int, ctime_ns: int, inode: int, device: int) -> FileStat:
    return FileStat(size, mtime_ns, ctime_ns, unsigned(inode), unsigned(device))


def signed(number: int) -> int:
    """An integer as SQLite stores it. Some file systems number inodes up to 2**64."""
    return number - 2**64 if number >= 2**63 else number


def unsigned(number: int) -> int:
    """The integer that was stored so."""
    return number + 2**64 if number < 0 else number
