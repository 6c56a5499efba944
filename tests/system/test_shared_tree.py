"""A people tree that belongs to a group: what the program makes follows the umask and default ACLs; what is private does not."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import Archive, open_archive
from trees import know_two, look

from facewatchd.core.tree.entries import LinkMode
from facewatchd.neighbours.keep import FILE, neighbours_of
from facewatchd.processes.control import ControlServer
from facewatchd.processes.lock import single_instance
from facewatchd.store.backup import back_up, restore

_FAMILY = 54321
_NOBODY = 65534

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")


@pytest.fixture(params=[LinkMode.RELATIVE, LinkMode.COPY])
def album(request: pytest.FixtureRequest) -> Iterator[Archive]:
    """Two people, in a place that everybody may enter."""
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)
    archive = open_archive(place)
    with archive.store:
        yield replace(archive, tree=replace(archive.tree, links=LinkMode(request.param), years=True))
    shutil.rmtree(place)


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def made(folder: bytes) -> tuple[set[int], set[int]]:
    """The rights of all folders and of all regular files below a folder."""
    folders, files = set(), set()
    for at, _, names in os.walk(folder):
        folders.add(stat.S_IMODE(os.stat(at).st_mode))
        files |= {
            stat.S_IMODE(found.st_mode)
            for name in names
            if stat.S_ISREG((found := os.lstat(os.path.join(at, os.fsencode(name)))).st_mode)
        }
    return folders, files


@pytest.mark.parametrize(
    ("mask", "folder", "file"), [(0o002, 0o775, 0o664), (0o007, 0o770, 0o660), (0o077, 0o700, 0o600)]
)
def test_rights_follow_the_umask(album: Archive, umask: None, mask: int, folder: int, file: int) -> None:
    """Of folders, markers, covers and copies alike, as `mkdir` and `open` would; a folder that is there is left as it is."""
    os.umask(mask)
    know_two(album, 3, 3)
    assert made(album.tree.path) == ({folder}, {file})


@as_root
def test_members_of_the_group_move_links(album: Archive, umask: None) -> None:
    """The tree's group is that of its top (setgid), and its members correct it."""
    os.makedirs(album.tree.path)
    os.chown(album.tree.path, -1, _FAMILY)
    os.chmod(album.tree.path, 0o2775)
    os.umask(0o007)
    know_two(album, 3, 3)
    assert {os.lstat(at).st_gid for at, _, _ in os.walk(album.tree.path)} == {_FAMILY}
    assert made(album.tree.path)[0] == {0o2775, 0o2770}
    top = os.fsdecode(album.tree.path)
    for source, target in (("Person 1/a0.jpg", "Person 2/a0.jpg"), ("Person 2", "Bob")):
        mv = ["mv", f"{top}/{source}", f"{top}/{target}"]
        subprocess.run(mv, user=_NOBODY, group=_NOBODY, extra_groups=[_FAMILY], check=True)
    assert {type(gesture).__name__ for gesture in look(album).gestures} == {"Moved", "Renamed"}
    assert look(album).actions == ()
    assert os.path.lexists(album.tree.path + b"/Bob/a0.jpg")


@pytest.mark.skipif(shutil.which("setfacl") is None, reason="setfacl is not installed")
def test_default_acls_are_followed(album: Archive, umask: None) -> None:
    """Whatever the umask is, the group of a default ACL may write into all that is made."""
    os.makedirs(album.tree.path)
    done = subprocess.run(
        ["setfacl", "-d", "-m", f"g:{_FAMILY}:rwx", album.tree.path], check=False, capture_output=True
    )
    if done.returncode:
        pytest.skip("the file system has no ACLs")
    os.umask(0o077)
    know_two(album, 3, 3)
    paths = [
        os.path.join(at, os.fsencode(name))
        for at, folders, files in os.walk(album.tree.path)
        for name in (*folders, *files)
    ]
    for path in paths:
        if not os.path.islink(path):
            said = subprocess.run(
                ["getfacl", "-n", "-c", "-p", path], check=True, capture_output=True, text=True
            ).stdout
            assert "mask::rwx" in said if os.path.isdir(path) else "mask::rw-" in said, said
            assert f"\ngroup:{_FAMILY}:rwx" in said


def test_what_is_private_is_private(tmp_path: Path, umask: None) -> None:
    """State, copies of it, lock, socket and graph are the owner's alone, with any umask."""
    os.umask(0)
    archive = open_archive(tmp_path)
    state = tmp_path / "state"
    with archive.store, single_instance(state):
        know_two(archive, 2, 2)
        server = ControlServer(state, lambda *_: {})
        back_up(state, tmp_path / "copy")
        vectors = np.random.default_rng(0).standard_normal((40, 8)).astype(np.float32)
        neighbours_of(state, "model", np.arange(40, dtype=np.int64), vectors, 4, 0.5, keep=True)
        rights = {
            path.name: stat.S_IMODE(path.lstat().st_mode) for path in (state, *state.iterdir(), tmp_path / "copy")
        }
        server.stop()
    assert {"state", "facewatchd.sqlite", "facewatchd.sqlite-wal", "lock", "copy", FILE} <= rights.keys()
    assert rights.pop("state") == 0o700
    assert set(rights.values()) == {0o600}
    restore(state, tmp_path / "copy")
    assert stat.S_IMODE((state / "facewatchd.sqlite").stat().st_mode) == 0o600


def test_a_state_that_anybody_could_read_is_closed(tmp_path: Path, umask: None) -> None:
    """It was made by an older version."""
    with open_archive(tmp_path).store:
        pass
    (tmp_path / "state" / "facewatchd.sqlite").chmod(0o644)
    with open_archive(tmp_path).store:
        assert stat.S_IMODE((tmp_path / "state" / "facewatchd.sqlite").stat().st_mode) == 0o600
