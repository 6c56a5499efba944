"""The scanner on real folders: everything is found, once, and nothing is followed out (R1, R4, R8, R9)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from facewatchd.domain import Health, Root, SeenFile
from facewatchd.watch.roots import RootIdentity, check_root, excluded_in
from facewatchd.watch.scanner import ScannedFolder, scan, stat_photo

ROOT_ID = 7
NOBODY = 65534


def is_photo(name: bytes) -> bool:
    return name.lower().endswith(b".jpg")


@pytest.fixture
def root(tmp_path: Path) -> Root:
    path = os.path.realpath(os.fsencode(tmp_path))
    return Root(ROOT_ID, path)


def put(root: Root, path: bytes, content: bytes = b"x") -> bytes:
    full = os.path.join(root.path, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "wb") as file:
        file.write(content)
    return full


def paths(folders: Iterator[ScannedFolder]) -> list[bytes]:
    return [file.path for folder in folders for file in folder.files]


# --- what is seen ----------------------------------------------------------------------------------------------------


def test_every_folder_is_reported_with_its_photos_in_order(root: Root) -> None:
    """One batch per folder, empty ones too; files by name, then subfolders by name."""
    for path in (b"b.jpg", b"a.JPG", b"z/1.jpg", b"m/n/o/2.jpg", b"m/3.jpg", b"notes.txt"):
        put(root, path)
    found = list(scan(root, is_photo))
    assert [folder.path for folder in found] == [b"", b"m", b"m/n", b"m/n/o", b"z"]
    assert [[file.path for file in folder.files] for folder in found] == [
        [b"a.JPG", b"b.jpg"],
        [b"m/3.jpg"],
        [],
        [b"m/n/o/2.jpg"],
        [b"z/1.jpg"],
    ]
    assert not any(folder.problem for folder in found)


def test_a_file_is_reported_with_what_lstat_says(root: Root) -> None:
    """The stat of a photo is the one that `stat_photo` gives for it."""
    full = put(root, b"a.jpg", b"12345")
    (folder,) = scan(root, is_photo)
    stat = stat_photo(full)
    assert stat is not None
    assert stat.size == 5
    assert folder.files == (SeenFile(ROOT_ID, b"a.jpg", stat),)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(b"caf\xe9.jpg", id="not UTF-8"),
        pytest.param(b"a" * 251 + b".jpg", id="255 bytes"),
        pytest.param(b"line\nbreak \x1b[31m.jpg", id="control characters"),
        pytest.param(b"caf\xc3\xa9 \xf0\x9f\x98\x80.jpg", id="UTF-8"),
    ],
)
def test_any_name_that_the_kernel_takes(root: Root, name: bytes) -> None:
    """Names are bytes: whatever is on the disk comes out as it is, as a file and as a folder (R9)."""
    put(root, name + b".d/" + name if len(name) < 250 else name)
    assert paths(scan(root, is_photo)) in ([name + b".d/" + name], [name])


def test_ignored_names_and_marked_folders_are_left_out(root: Root) -> None:
    """Neither half-written files nor thumbnails of a NAS nor folders that say so are looked at (R4)."""
    kept = [b"a.jpg", b"sub/b.jpg"]
    ignored = [b".a.jpg", b"@eaDir/a.jpg", b"sub/@eaDir/b.jpg/x.jpg", b".stversions/a.jpg", b"hidden/deep/c.jpg"]
    for path in (*kept, *ignored, b"hidden/.nomedia"):
        put(root, path)
    assert paths(scan(root, is_photo)) == kept


def test_a_marker_in_the_root_itself_counts_for_nothing(root: Root) -> None:
    """The user has named the root; a phone's .nomedia does not overrule that."""
    put(root, b"a.jpg")
    put(root, b".nomedia")
    assert paths(scan(root, is_photo)) == [b"a.jpg"]


def test_excluded_folders_are_left_out(root: Root) -> None:
    """A people tree inside a root is not scanned (R35), even when it is named by way of a symlink."""
    put(root, b"a.jpg")
    put(root, b"People/Grandma/b.jpg")
    os.symlink(root.path + b"/People", root.path + b"/alias")
    assert excluded_in(root, [root.path + b"/alias", root.path + b"/not yet", b"/elsewhere"]) == {
        root.path + b"/People",
        root.path + b"/not yet",
    }
    excluded = excluded_in(root, [root.path + b"/alias"])
    assert paths(scan(root, is_photo, excluded=excluded)) == [b"a.jpg"]
    assert paths(scan(root, is_photo, below=b"People/Grandma", excluded=excluded)) == []


# --- links -----------------------------------------------------------------------------------------------------------


def test_symlinks_are_counted_and_not_followed(root: Root, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Neither a loop nor a link out of the root nor a link to a photo adds anything (R8)."""
    outside = tmp_path_factory.mktemp("outside")
    (outside / "o.jpg").write_bytes(b"x")
    put(root, b"sub/a.jpg")
    os.symlink(b"..", root.path + b"/sub/loop")
    os.symlink(os.fsencode(outside), root.path + b"/sub/out")
    os.symlink(b"a.jpg", root.path + b"/sub/b.jpg")
    found = list(scan(root, is_photo))
    assert [folder.path for folder in found] == [b"", b"sub"]
    assert [file.path for file in found[1].files] == [b"sub/a.jpg"]
    assert found[1].symlinks == 3
    assert paths(scan(root, is_photo, below=b"sub/loop/sub")) == []


def test_hard_links_are_one_photo(root: Root) -> None:
    """A file with several names is reported under the first one, the others are counted (R8)."""
    full = put(root, b"m/b.jpg")
    for name in (b"/z.jpg", b"/m/a.jpg"):
        os.link(full, root.path + name)
    found = list(scan(root, is_photo))
    assert [file.path for folder in found for file in folder.files] == [b"z.jpg"]
    assert sum(folder.hard_links for folder in found) == 2


def test_only_regular_files_are_photos(root: Root) -> None:
    """A pipe, or a folder, that is called like a photo is none; `stat_photo` says so too."""
    os.mkfifo(root.path + b"/pipe.jpg")
    os.mkdir(root.path + b"/folder.jpg")
    full = put(root, b"a.jpg")
    os.symlink(full, root.path + b"/link.jpg")
    assert paths(scan(root, is_photo)) == [b"a.jpg"]
    for name in (b"/pipe.jpg", b"/folder.jpg", b"/link.jpg", b"/absent.jpg", b"/a.jpg/b.jpg"):
        assert stat_photo(root.path + name) is None


IN_NAMESPACE = """
import os, subprocess, sys
from facewatchd.domain import Root
from facewatchd.watch.scanner import scan
root = os.fsencode(sys.argv[1])
os.makedirs(root + b"/a/b")
os.mkdir(root + b"/z")
open(root + b"/a/1.jpg", "w").close()
subprocess.run(["mount", "--bind", root + b"/a", root + b"/z"], check=True)
subprocess.run(["mount", "--bind", root, root + b"/a/b"], check=True)
print([f.path for s in scan(Root(1, root), lambda name: True) for f in s.files])
"""


def test_bind_mounts_are_walked_once(root: Root) -> None:
    """A folder mounted at two places in a root, or above itself, is reported once (R8)."""
    done = subprocess.run(
        ["unshare", "-Urm", sys.executable, "-c", IN_NAMESPACE, os.fsdecode(root.path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no mounts in user namespaces here: {done.stderr.strip()}")
    assert done.stdout == "[b'a/1.jpg']\n", done.stderr


# --- trouble ---------------------------------------------------------------------------------------------------------

AS_NOBODY = """
import os, sys
from facewatchd.domain import Root
from facewatchd.watch.scanner import scan
os.setgid(65534)
os.setuid(65534)
for found in scan(Root(1, os.fsencode(sys.argv[1])), lambda name: True):
    print(found.path, [file.path for file in found.files], found.problem)
"""


@pytest.fixture
def as_user() -> Callable[[Root], list[str]]:
    """Scan as a user without special rights, and return a line for each folder."""

    def run(root: Root) -> list[str]:
        if os.geteuid() == 0:
            folder = root.path
            while folder != b"/":  # pytest keeps its folders to itself
                os.chmod(folder, os.stat(folder).st_mode | 0o055)
                folder = os.path.dirname(folder)
            done = subprocess.run(
                [sys.executable, "-c", AS_NOBODY, os.fsdecode(root.path)],
                capture_output=True,
                text=True,
                check=True,
                timeout=60,
            )
            return done.stdout.splitlines()
        return [f"{f.path!r} {[s.path for s in f.files]} {f.problem}" for f in scan(root, lambda _: True)]

    return run


def test_a_folder_that_cannot_be_read_is_a_problem_with_a_remedy(
    root: Root, as_user: Callable[[Root], list[str]]
) -> None:
    """The scan goes on beside it, and says what to do."""
    put(root, b"a/1.jpg")
    put(root, b"b/2.jpg")
    put(root, b"c/3.jpg")
    os.chmod(root.path + b"/a", 0o000)
    os.chmod(root.path + b"/b", 0o444)  # may be listed, but its files not looked at
    try:
        lines = as_user(root)
    finally:
        os.chmod(root.path + b"/a", 0o755)
        os.chmod(root.path + b"/b", 0o755)
    assert lines[1].startswith("b'a' [] The folder cannot be read (Permission denied). Give the user")
    assert lines[2].startswith("b'b' [] Some files cannot be looked at (Permission denied). Give the user")
    assert lines[3] == "b'c' [b'c/3.jpg'] "


def test_a_root_that_is_not_there_is_a_problem_not_an_empty_root(root: Root) -> None:
    """So that nothing in it is taken for missing."""
    found = list(scan(Root(1, root.path + b"/absent"), is_photo))
    assert [folder.path for folder in found] == [b""]
    assert "Connect or mount" in found[0].problem


def test_a_deep_tree_is_no_problem_and_a_too_deep_one_is_said(root: Root) -> None:
    """No recursion, and a path that the kernel does not take is a problem of that folder only."""
    put(root, b"z/a.jpg")
    before = os.getcwd()
    try:
        os.chdir(root.path)
        for _ in range(2500):
            os.mkdir("d")
            os.chdir("d")
    finally:
        os.chdir(before)
    found = list(scan(root, is_photo))
    assert len(found) > 1900
    assert [folder.path[-1:] for folder in found if folder.problem] == [b"d"]
    assert next(folder.problem for folder in found if folder.problem).endswith("a path may have 4095 bytes.")
    assert found[-1].path == b"z"
    subprocess.run(["rm", "-rf", root.path + b"/d"], check=True)


def test_a_scan_can_be_stopped(root: Root) -> None:
    """Between folders and in the midst of a large one, which is then not reported at all."""
    for number in range(1500):
        put(root, b"big/%d.jpg" % number)
    put(root, b"z/a.jpg")
    asked = iter([False, False, False, True])
    assert [folder.path for folder in scan(root, is_photo, stop=lambda: next(asked))] == [b"", b"big"][:1]
    asked = iter([False, False, True])
    assert [folder.path for folder in scan(root, is_photo, stop=lambda: next(asked))] == [b""]


def test_a_part_of_a_root_can_be_scanned(root: Root) -> None:
    """As a hint about a folder asks for; paths stay relative to the root, and ignored parents count."""
    for path in (b"a.jpg", b"m/b.jpg", b"m/n/c.jpg", b"mm/d.jpg", b"@eaDir/x/e.jpg", b"h/i/f.jpg", b"h/.nomedia"):
        put(root, path)
    assert paths(scan(root, is_photo, below=b"m")) == [b"m/b.jpg", b"m/n/c.jpg"]
    for below in (b"absent", b"a.jpg", b"@eaDir/x", b"h", b"h/i"):
        assert list(scan(root, is_photo, below=below)) == []


# --- the root's health -----------------------------------------------------------------------------------------------


def test_a_healthy_root(root: Root) -> None:
    """It is online, and its identity is there to be recorded."""
    put(root, b"a.jpg")
    check = check_root(root, None, [])
    assert check.health is Health.ONLINE
    assert not check.reason
    assert check.identity is not None
    assert check_root(root, check.identity, []) == check


def test_a_new_root_may_be_empty(root: Root) -> None:
    """A user may begin with an empty folder."""
    assert check_root(root, None, []).health is Health.ONLINE


@pytest.mark.parametrize("what", ["absent", "file", "symlink", "empty", "fresh disk"])
def test_a_root_that_is_offline(root: Root, what: str) -> None:
    """Nothing there, not a folder, or an empty mount point: offline, with a reason that names the remedy (R5)."""
    put(root, b"a.jpg")
    (folder,) = scan(root, is_photo)
    known = [(file.path, file.stat) for file in folder.files]
    recorded = check_root(root, None, known).identity
    os.unlink(root.path + b"/a.jpg")
    if what == "fresh disk":
        os.mkdir(root.path + b"/lost+found")
    elif what != "empty":
        os.rmdir(root.path)
    if what == "file":
        with open(root.path, "wb"):
            pass
    if what == "symlink":
        os.symlink(b"/", root.path)
    check = check_root(root, recorded, known)
    assert check.health is Health.OFFLINE
    assert check.identity is None
    assert "ount" in check.reason or "path" in check.reason
    assert ("Restart facewatchd" in check.reason) is (what == "symlink")


def test_a_root_with_another_device_number_is_known_by_its_photos(root: Root) -> None:
    """Device numbers change between boots; a strange disk in its place does not have the photos (R5)."""
    put(root, b"a.jpg")
    put(root, b"b.jpg")
    (folder,) = scan(root, is_photo)
    known = [(file.path, file.stat) for file in folder.files]
    elsewhere = RootIdentity(device=0, inode=0)
    os.unlink(root.path + b"/a.jpg")
    assert check_root(root, elsewhere, known).health is Health.ONLINE
    os.unlink(root.path + b"/b.jpg")
    put(root, b"stranger.jpg")
    assert check_root(root, elsewhere, known).health is Health.OFFLINE
    assert check_root(root, elsewhere, []).health is Health.ONLINE
    here = check_root(root, None, known).identity
    assert check_root(root, here, known).health is Health.ONLINE
