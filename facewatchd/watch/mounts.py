"""
The mount table: which file system a path is on, and so whether inotify hears of all changes there (requirement R7).

inotify reports what this kernel does. What another machine writes to a share, or a FUSE program by itself, it never
sees; such roots are polled. Format: proc_pid_mountinfo(5).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from facewatchd.domain import WatchMode

_logger = logging.getLogger(__name__)

MOUNT_TABLE = "/proc/self/mountinfo"

REMOTE = frozenset((
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "coda", "ncpfs", "davfs", "fuse", "autofs",
    "ceph", "lustre", "gfs2", "ocfs2", "gpfs", "beegfs", "orangefs", "pvfs2",
    "virtiofs", "vboxsf", "vmhgfs", "prl_fs", "drvfs",
))  # fmt: skip
"""File systems that change without this kernel. An autofs is a share that is not mounted yet. Also all `fuse.*`;
not `fuseblk`, which is a local disk (NTFS) of this machine alone."""

OWN_CTIME = frozenset((
    "ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "bcachefs", "jfs", "reiserfs", "nilfs2", "ubifs",
    "tmpfs", "ramfs", "overlay",
))  # fmt: skip
"""
File systems with a ctime that is the last change by this machine's clock and that no program can set. Not FAT (creation time), FUSE
(any value), or shares (the clock of another machine).
"""

_ESCAPE = re.compile(rb"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """
    One line of the mount table.

    Attributes:
        point: Where it is mounted, absolute.
        kind: File system type, such as "ext4" or "fuse.sshfs".
        source: Device, share or word that it was mounted from.
        number: Tells it from what was mounted at the same point before; 0 where that does not matter.
    """

    point: bytes
    kind: str
    source: bytes
    number: int = field(default=0, compare=False)


def mounts_in(folder: bytes, mounts: Iterable[Mount]) -> list[Mount]:
    """What is mounted in a folder, somewhere below it."""
    start = folder.rstrip(b"/") + b"/"
    return [mount for mount in mounts if mount.point.startswith(start)]


def read_mounts() -> tuple[Mount, ...]:
    """The mount table of this process; empty where there is none to read (a container without /proc)."""
    try:
        with open(MOUNT_TABLE, "rb") as file:
            return parse_mounts(file.read())
    except OSError as error:
        _logger.warning("The mount table cannot be read (%s); every root is taken for a local disk", error.strerror)
        return ()


def parse_mounts(text: bytes) -> tuple[Mount, ...]:
    """The content of a mountinfo file, in its order; lines that do not follow the format are skipped."""
    mounts = []
    for line in text.split(b"\n"):
        before, separator, after = line.partition(b" - ")
        fields, more = before.split(b" "), after.split(b" ")
        if separator and len(fields) >= 6 and len(more) >= 2:
            kind = _unescaped(more[0]).decode("ascii", "replace")
            number = int(fields[0]) if fields[0].isdigit() else 0
            mounts.append(Mount(_unescaped(fields[4]), kind, _unescaped(more[1]), number))
    return tuple(mounts)


def mount_of(path: bytes, mounts: Iterable[Mount]) -> Mount | None:
    """What an absolute path without symlinks is on; None where the table has no answer."""
    found = None
    for mount in mounts:
        # of mounts at the same point the last one is on top
        if _is_within(path, mount.point) and (found is None or len(mount.point) >= len(found.point)):
            found = mount
    return found


def watch_mode(path: bytes, mounts: tuple[Mount, ...]) -> WatchMode:
    """
    How to watch a root: polling where it, or something mounted inside it, can change without this kernel.
    """
    own = mount_of(path, mounts)
    inside = [mount for mount in mounts if mount.point != path and _is_within(mount.point, path)]
    remote = any(is_remote(mount.kind) for mount in (own, *inside) if mount is not None)
    return WatchMode.POLLING if remote else WatchMode.INOTIFY


def trusts_ctime(path: bytes, mounts: Iterable[Mount]) -> bool:
    """Whether a ctime there is this machine's own and cannot be set: the gate then need not wait for old files."""
    mount = mount_of(path, mounts)
    return mount is not None and mount.kind in OWN_CTIME


def is_remote(kind: str) -> bool:
    """Whether files on such a file system change without this kernel's doing."""
    return kind in REMOTE or kind.startswith("fuse.")


def _is_within(path: bytes, folder: bytes) -> bool:
    return path == folder or path.startswith(folder.rstrip(b"/") + b"/")


def _unescaped(field: bytes) -> bytes:
    return _ESCAPE.sub(lambda match: bytes((int(match[1], 8) & 0xFF,)), field)
