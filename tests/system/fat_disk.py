"""
A disk without links: a FAT file system in a file where the kernel has one, else a program that is like it.
"""

from __future__ import annotations

import contextlib
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

from hanging import hanging_mount

_MEGABYTES, _SECTOR, _PER_CLUSTER, _ROOT_ENTRIES = 32, 512, 4, 512


@contextlib.contextmanager
def fat_disk(folder: Path) -> Iterator[Path]:
    """
    Mount one in this folder, and yield where. Skips the test where neither can be mounted.
    """
    mountpoint, image = folder / "disk", folder / "disk.img"
    mountpoint.mkdir(parents=True)
    _format(image)
    if _run("mount", "-t", "vfat", "-o", "loop,utf8", str(image), str(mountpoint)):
        try:
            yield mountpoint
        finally:
            _run("umount", "-l", str(mountpoint))
        return
    with hanging_mount(folder / "behind", mountpoint, "fat"):
        yield mountpoint


def _run(*command: str) -> bool:
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def _format(image: Path) -> None:
    """An empty FAT16, by Microsoft's specification of 2005 ("FAT: General Overview of On-Disk Format")."""
    sectors = (_MEGABYTES << 20) // _SECTOR
    table = -(-(sectors // _PER_CLUSTER) * 2 // _SECTOR)
    boot = bytearray(_SECTOR)
    boot[:11] = b"\xeb\x3c\x90MSDOS5.0"
    small, large = (sectors, 0) if sectors < 1 << 16 else (0, sectors)
    struct.pack_into(
        "<HBHBHHBHHHII", boot, 11,
        _SECTOR, _PER_CLUSTER, 1, 2, _ROOT_ENTRIES, small, 0xF8, table, 32, 64, 0, large,
    )  # fmt: skip
    boot[36], boot[38] = 0x80, 0x29
    boot[43:62] = b"NO NAME    FAT16   "
    boot[510:] = b"\x55\xaa"
    with image.open("wb") as file:
        file.write(boot)
        for _ in range(2):
            file.write(b"\xf8\xff\xff\xff".ljust(table * _SECTOR, b"\0"))
        file.truncate(sectors * _SECTOR)
