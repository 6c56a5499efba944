"""The mount table and what it means for watching (R7)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.domain import WatchMode
from facewatchd.watch.mounts import Mount, is_remote, mount_of, parse_mounts, trusts_ctime, watch_mode

TABLE = rb"""22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
36 27 0:30 / /srv/photos rw - nfs4 nas:/photos rw,vers=4.2
37 36 8:17 / /srv/photos/local rw master:2 propagate_from:3 - xfs /dev/sdb1 rw
38 27 0:31 / /media/My\040Photos\134x rw - fuse.sshfs me@host:/a\040b rw
39 27 0:32 / /media/stick rw - vfat /dev/sdc1 rw
40 27 0:33 / /media/ntfs rw - fuseblk /dev/sdd1 rw
41 27 0:34 / /over rw - ext4 /dev/sde1 rw
42 41 0:35 / /over rw - cifs //nas/share rw
43 27 0:36 / /caf\351 rw - 9p host rw
this is no line of a mount table
99 27 0:99 / /short rw
"""
MOUNTS = parse_mounts(TABLE)


def test_every_well_formed_line_is_a_mount() -> None:
    """Optional fields vary in number, names are unescaped, other lines are skipped."""
    assert len(MOUNTS) == 10
    assert Mount(b"/srv/photos/local", "xfs", b"/dev/sdb1") in MOUNTS
    assert Mount(b"/media/My Photos\\x", "fuse.sshfs", b"me@host:/a b") in MOUNTS
    assert Mount(b"/caf\xe9", "9p", b"host") in MOUNTS


@pytest.mark.parametrize(
    ("path", "kind", "mode", "trusted"),
    [
        (b"/", "ext4", WatchMode.POLLING, True),  # shares are mounted inside
        (b"/home/me/Photos", "ext4", WatchMode.INOTIFY, True),
        (b"/srv/photos", "nfs4", WatchMode.POLLING, False),
        (b"/srv/photos/2019", "nfs4", WatchMode.POLLING, False),
        (b"/srv/photos/local/2019", "xfs", WatchMode.INOTIFY, True),
        (b"/srv/photos2", "ext4", WatchMode.INOTIFY, True),  # a longer name is not inside
        (b"/srv", "ext4", WatchMode.POLLING, True),  # a share is mounted inside
        (b"/media/My Photos\\x/a", "fuse.sshfs", WatchMode.POLLING, False),
        (b"/media/stick", "vfat", WatchMode.INOTIFY, False),  # FAT's ctime is the time of creation
        (b"/media/ntfs", "fuseblk", WatchMode.INOTIFY, False),  # a local disk, though by way of FUSE
        (b"/over/a", "cifs", WatchMode.POLLING, False),  # the upper of two mounts at one point
        (b"/caf\xe9/a", "9p", WatchMode.POLLING, False),
    ],
)
def test_where_a_path_is(path: bytes, kind: str, mode: WatchMode, trusted: bool) -> None:
    """A path is on the mount with the longest point above it; that and what is mounted inside decide the mode."""
    mount = mount_of(path, MOUNTS)
    assert mount is not None
    assert mount.kind == kind
    assert watch_mode(path, MOUNTS) is mode
    assert trusts_ctime(path, MOUNTS) is trusted


def test_without_a_table_a_root_is_taken_for_local_but_its_times_are_not_trusted() -> None:
    """No mount table, no mount: watch it, and let the gate wait."""
    assert mount_of(b"/a", ()) is None
    assert watch_mode(b"/a", ()) is WatchMode.INOTIFY
    assert not trusts_ctime(b"/a", ())


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse", "fuse.mergerfs", "virtiofs", "autofs"])
def test_remote_kinds(kind: str) -> None:
    """Shares and FUSE file systems change without this kernel."""
    assert is_remote(kind)


@given(text=st.binary())
def test_any_text_can_be_parsed(text: bytes) -> None:
    """A table of an unknown form is no reason to fail."""
    assert isinstance(parse_mounts(text), tuple)
    assert isinstance(parse_mounts(text.join(TABLE.split(b"\n"))), tuple)
