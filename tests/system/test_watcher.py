"""
The watcher on real folders and real inotify: what is heard, and that it says what is not (R2, R4, R8, R9, R10).

Hints come from another thread; every test waits for the hint it wants, not for a while.
"""

from __future__ import annotations

import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from watchdog.observers import inotify_c

from facewatchd.domain import Health, Root, RootStatus, WatchMode
from facewatchd.watch.hints import Hint, HintKind
from facewatchd.watch.inotify import WatchTree
from facewatchd.watch.scanner import scan
from facewatchd.watch.watcher import Watcher, wanted_limit

pytest_plugins = "archive_fixtures"

LIMIT_S = 30.0
"""After this a hint is not expected any more; on a busy machine an overflowing queue takes more than 10 s to read."""

FILE, FOLDER, GONE = HintKind.FILE, HintKind.FOLDER, HintKind.GONE


class Heard:
    """A watched folder and the hints about it."""

    def __init__(self, path: bytes, excluded: frozenset[bytes] = frozenset()) -> None:
        self.path = path
        self.hints: queue.Queue[Hint] = queue.Queue()
        self.watcher = Watcher(Root(1, path), WatchMode.INOTIFY, excluded, self.hints.put)

    def at(self, name: bytes) -> bytes:
        return os.path.join(self.path, name)

    def put(self, name: bytes, content: bytes = b"x") -> None:
        os.makedirs(os.path.dirname(self.at(name)), exist_ok=True)
        with open(self.at(name), "wb") as file:
            file.write(content)

    def until(self, *wanted: Hint) -> list[Hint]:
        """All hints up to the moment when each of the wanted ones has come."""
        heard: list[Hint] = []
        missing = set(wanted)
        deadline = time.monotonic() + LIMIT_S
        while missing:
            try:
                heard.append(self.hints.get(timeout=max(0.0, deadline - time.monotonic())))
            except queue.Empty:
                pytest.fail(f"not heard: {missing}; heard at last: {heard[-20:]}")
            missing.discard(heard[-1])
        return heard

    def until_now(self) -> list[Hint]:
        """All hints about what has happened before this call: a file made now is the end mark."""
        mark = b"end-mark-%d" % time.monotonic_ns()
        self.put(mark)
        heard = self.until(Hint(self.at(mark), FILE, closed=True))
        return [hint for hint in heard if b"end-mark" not in hint.path]


@pytest.fixture
def path(tmp_path: Path) -> bytes:
    return os.path.realpath(os.fsencode(tmp_path))


@pytest.fixture
def watch(path: bytes) -> Iterator[Callable[..., Heard]]:
    started: list[Heard] = []

    def start(excluded: frozenset[bytes] = frozenset()) -> Heard:
        heard = Heard(path, excluded)
        heard.watcher.start()
        started.append(heard)
        assert heard.watcher.status() == RootStatus(path, WatchMode.INOTIFY, Health.ONLINE)
        return heard

    yield start
    for heard in started:
        heard.watcher.stop()


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait for a state that sends no hint."""
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_private_parts_of_watchdog_are_as_expected() -> None:
    """The canary: what `watch.inotify` uses of watchdog, and takes the place of, is not its public API (R2)."""
    reader = inotify_c.InotifyFD
    assert reader.add_callback.__code__.co_varnames[:5] == ("self", "path", "mask", "callback", "id_")
    assert reader.remove_callbacks.__code__.co_varnames[:2] == ("self", "callbacks")
    assert all(callable(getattr(reader, name)) for name in ("start", "stop", "join", "handle_event"))
    hooks = {name for name in vars(inotify_c.WatchCallback) if name.startswith("on_")}
    assert hooks == {"on_event", "on_watch_deleted", "on_queue_overflow"}
    assert all(callable(getattr(WatchTree, name)) for name in hooks)
    event = inotify_c.InotifyEvent(inotify_c.WatchDescriptor(1), inotify_c.Mask(0x40000100), 0, b"caf\xe9")
    assert event.is_create
    others = ("is_delete", "is_moved_from", "is_moved_to", "is_close_write", "is_attrib", "is_move_self")
    assert not any(getattr(event, name) for name in others)
    assert event.name == b"caf\xe9"


# --- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(b"a.jpg", id="plain"),
        pytest.param(b"caf\xe9.jpg", id="not UTF-8"),
        pytest.param(b"a" * 251 + b".jpg", id="255 bytes"),
        pytest.param(b"line\nbreak.jpg", id="line break"),
    ],
)
def test_a_new_file_is_heard_of_twice(watch: Callable[..., Heard], name: bytes) -> None:
    """When it is created, and when its writer has closed it; names are bytes (R9)."""
    heard = watch()
    with open(heard.at(name), "wb") as file:
        heard.until(Hint(heard.at(name), FILE))
        file.write(b"slowly")
    heard.until(Hint(heard.at(name), FILE, closed=True))


def test_a_slow_writer_sends_nothing_in_between(watch: Callable[..., Heard]) -> None:
    """Between creation and close the gate looks for itself; a thousand writes are not a thousand hints."""
    heard = watch()
    with open(heard.at(b"a.jpg"), "wb", buffering=0) as file:
        file.writelines(b"x" for _ in range(1000))
    assert heard.until_now() == [Hint(heard.at(b"a.jpg"), FILE), Hint(heard.at(b"a.jpg"), FILE, closed=True)]


def test_a_file_renamed_in_or_linked_is_heard_of(watch: Callable[..., Heard]) -> None:
    """One that is renamed was finished before; of a link nobody knows. A temporary name is not heard of at all (R4)."""
    heard = watch()
    heard.put(b".syncthing.a.jpg.tmp")
    os.rename(heard.at(b".syncthing.a.jpg.tmp"), heard.at(b"a.jpg"))
    os.link(heard.at(b"a.jpg"), heard.at(b"b.jpg"))
    hints = heard.until_now()
    assert hints == [Hint(heard.at(b"a.jpg"), FILE, closed=True), Hint(heard.at(b"b.jpg"), FILE)]


def test_a_file_that_goes_is_heard_of(watch: Callable[..., Heard], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Deleted, renamed, or moved away."""
    heard = watch()
    for name in (b"a.jpg", b"b.jpg", b"c.jpg"):
        heard.put(name)
    os.unlink(heard.at(b"a.jpg"))
    os.rename(heard.at(b"b.jpg"), heard.at(b"d.jpg"))
    os.rename(heard.at(b"c.jpg"), os.fsencode(tmp_path_factory.mktemp("away") / "c.jpg"))
    gone = [Hint(heard.at(name), GONE) for name in (b"a.jpg", b"b.jpg", b"c.jpg")]
    heard.until(*gone, Hint(heard.at(b"d.jpg"), FILE, closed=True))


def test_a_file_that_becomes_readable_is_heard_of(watch: Callable[..., Heard], path: bytes) -> None:
    """A photo that failed for its mode is worth another look after a chmod."""
    with open(path + b"/a.jpg", "wb"):
        pass
    heard = watch()
    os.chmod(heard.at(b"a.jpg"), 0o600)
    heard.until(Hint(heard.at(b"a.jpg"), FILE))


# --- folders ---------------------------------------------------------------------------------------------------------


def test_a_new_folder_with_a_file_at_once(watch: Callable[..., Heard]) -> None:
    """Thirty times: the folder is heard of, and a scan at that moment or a later hint finds the file (R3)."""
    heard = watch()
    for number in range(30):
        folder = b"%d/sub" % number
        heard.put(folder + b"/a.jpg")
        heard.until(Hint(heard.at(b"%d" % number), FOLDER))
        found = [file.path for part in scan(Root(1, heard.path), lambda _: True) for file in part.files]
        assert folder + b"/a.jpg" in found
    assert heard.watcher._tree is not None
    heard.until_now()
    assert heard.watcher._tree.watched == 61


def test_a_tree_moved_in_is_watched(watch: Callable[..., Heard], tmp_path_factory: pytest.TempPathFactory) -> None:
    """One hint for the tree, and from then on it is heard of like the rest."""
    heard = watch()
    tree = os.fsencode(tmp_path_factory.mktemp("tree"))
    os.makedirs(tree + b"/x/y")
    os.rename(tree, heard.at(b"in"))
    heard.until(Hint(heard.at(b"in"), FOLDER))
    heard.put(b"in/x/y/a.jpg")
    heard.until(Hint(heard.at(b"in/x/y/a.jpg"), FILE, closed=True))


def test_a_folder_renamed_is_heard_of_under_its_new_name(watch: Callable[..., Heard]) -> None:
    """Gone there, new here, and watched with all below it."""
    heard = watch()
    heard.put(b"old/sub/a.jpg")
    heard.until_now()
    os.rename(heard.at(b"old"), heard.at(b"new"))
    hints = heard.until(Hint(heard.at(b"old"), GONE), Hint(heard.at(b"new"), FOLDER))
    heard.put(b"new/sub/b.jpg")
    hints += heard.until(Hint(heard.at(b"new/sub/b.jpg"), FILE, closed=True))
    assert not any(hint.path.startswith(heard.at(b"old/")) for hint in hints)


def test_a_folder_moved_out_is_not_heard_of_any_more(
    watch: Callable[..., Heard], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What is written there later gives no hint under the old path (R10)."""
    heard = watch()
    heard.put(b"sub/deep/a.jpg")
    heard.until_now()
    away = os.fsencode(tmp_path_factory.mktemp("away") / "sub")
    os.rename(heard.at(b"sub"), away)
    heard.until(Hint(heard.at(b"sub"), GONE))
    with open(away + b"/deep/b.jpg", "wb"):
        pass
    assert heard.until_now() == []


def test_a_tree_that_comes_and_goes_leaves_nothing_behind(watch: Callable[..., Heard]) -> None:
    """Folders made and deleted, again and again, are forgotten; the last one is watched."""
    heard = watch()
    for _ in range(20):
        heard.put(b"a/b/c/1.jpg")
        shutil.rmtree(heard.at(b"a"))
    heard.put(b"a/b/c/2.jpg")
    heard.until_now()
    heard.put(b"a/b/c/3.jpg")
    heard.until(Hint(heard.at(b"a/b/c/3.jpg"), FILE, closed=True))
    tree = heard.watcher._tree
    assert tree is not None
    assert tree.watched == 4
    assert len(tree._folders) == 4
    assert heard.watcher.status().health is Health.ONLINE


def test_folders_that_do_not_count_are_not_watched(watch: Callable[..., Heard], path: bytes) -> None:
    """Ignored names, excluded folders and symlinks, at the start and later (R4, R8, R35)."""
    os.makedirs(path + b"/People/Grandma")
    os.makedirs(path + b"/@eaDir")
    os.symlink(b".", path + b"/loop")
    heard = watch(excluded=frozenset((path + b"/People", path + b"/Later")))
    for name in (b"@eaDir/a.jpg", b"People/Grandma/b.jpg", b"Later/c.jpg", b".thumbnails/d.jpg", b"#recycle/e.jpg"):
        heard.put(name)
    assert heard.until_now() == []
    os.symlink(b".", heard.at(b"loop2"))
    heard.put(b"f.jpg")
    assert {hint.path for hint in heard.until_now()} == {heard.at(b"loop2"), heard.at(b"f.jpg")}
    assert heard.watcher._tree is not None
    assert heard.watcher._tree.watched == 1


def test_a_marker_file_silences_a_folder_until_it_is_deleted(watch: Callable[..., Heard], path: bytes) -> None:
    """Both are heard of as a change of the folder; what happens in between is not heard of (R4)."""
    os.makedirs(path + b"/sub/deep")
    heard = watch()
    heard.put(b"sub/.nomedia")
    heard.until(Hint(heard.at(b"sub"), FOLDER))
    heard.put(b"sub/a.jpg")
    heard.put(b"sub/deep/b.jpg")
    assert heard.until_now() == []
    os.unlink(heard.at(b"sub/.nomedia"))
    heard.until(Hint(heard.at(b"sub"), FOLDER))
    heard.put(b"sub/deep/c.jpg")
    heard.until(Hint(heard.at(b"sub/deep/c.jpg"), FILE, closed=True))


# --- what is not heard -----------------------------------------------------------------------------------------------


def test_overflow_is_degraded_until_the_rescan(path: bytes) -> None:
    """Events that the kernel dropped are noticed, the root is to be rescanned, and watching goes on after it (R1, R2)."""
    with open("/proc/sys/fs/inotify/max_queued_events", encoding="ascii") as file:
        limit = int(file.read())
    if limit > 50_000:
        pytest.skip(f"the queue of this system takes {limit} events")
    os.makedirs(path + b"/sub")
    holds, held = threading.Event(), threading.Event()
    hints: queue.Queue[Hint] = queue.Queue()

    def on_hint(hint: Hint) -> None:
        holds.set()
        held.wait(LIMIT_S * 3)
        hints.put(hint)

    heard = Heard(path)
    heard.hints = hints
    heard.watcher = Watcher(Root(1, path), WatchMode.INOTIFY, frozenset(), on_hint)
    heard.watcher.start()
    try:
        heard.put(b"first.jpg")
        # from here on nothing is read: what was read along with the first file would have room in the queue again
        assert holds.wait(LIMIT_S)
        for number in range(limit // 2 + 100):
            os.close(os.open(path + b"/%d.jpg" % number, os.O_CREAT | os.O_WRONLY))
        os.makedirs(path + b"/unheard/of")
        held.set()
        heard.until(Hint(path, FOLDER))
        status = heard.watcher.status()
        assert status.health is Health.DEGRADED
        assert "rescan" in status.reason
        heard.put(b"sub/a.jpg")
        heard.put(b"unheard/of/b.jpg")
        heard.until(*(Hint(heard.at(name), FILE, closed=True) for name in (b"sub/a.jpg", b"unheard/of/b.jpg")))
        heard.watcher.rescanned()
        assert heard.watcher.status().health is Health.ONLINE
    finally:
        held.set()
        heard.watcher.stop()


WITH_20_WATCHES = """
import os, queue, sys
from facewatchd.domain import Root, WatchMode
from facewatchd.watch.watcher import Watcher
root = os.fsencode(sys.argv[1])
for number in range(40):
    os.mkdir(root + b"/%02d" % number)
hints = queue.Queue()
watcher = Watcher(Root(1, root), WatchMode.INOTIFY, frozenset(), hints.put)
watcher.start()
status = watcher.status()
print(status.health, status.reason)
for number in range(10, 40):
    os.rmdir(root + b"/%02d" % number)
while hints.get(timeout=10).path != root + b"/39":
    pass
watcher.rescanned()
print(watcher.status().health, watcher.status().reason)
watcher.stop()
"""


def test_too_few_watches_are_said_with_the_remedy(path: bytes) -> None:
    """With a limit of 20 watches and 41 folders the reason names the setting, the number needed and the command (R2)."""
    lowered = 'echo 20 > /proc/sys/user/max_inotify_watches && exec "$@"'
    done = subprocess.run(
        ["unshare", "-Ur", "sh", "-c", lowered, "sh", sys.executable, "-c", WITH_20_WATCHES, os.fsdecode(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if "unshare" in done.stderr or "max_inotify_watches" in done.stderr:
        pytest.skip(f"no user namespaces here: {done.stderr.strip()}")
    first, second = done.stdout.splitlines()
    assert first.startswith("degraded 21 folders are not watched")
    assert "limit 20 of user.max_inotify_watches" in first
    assert "41 watches are needed" in first
    assert "user.max_inotify_watches=524288" in first
    assert second == "online "


@pytest.mark.parametrize(("folders", "limit"), [(41, 524_288), (300_000, 1_048_576), (600_000, 2_097_152)])
def test_the_wanted_limit_leaves_room(folders: int, limit: int) -> None:
    """A power of two, at least twice what is needed."""
    assert wanted_limit(folders) == limit


AS_NOBODY = """
import os, queue, sys
from facewatchd.domain import Root, WatchMode
from facewatchd.watch.watcher import Watcher
root = os.fsencode(sys.argv[1])
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
watcher = Watcher(Root(1, root), WatchMode.INOTIFY, frozenset(), print)
watcher.start()
print(watcher.status().health, watcher.status().reason, watcher._tree.watched)
watcher.stop()
"""


def test_folders_that_may_not_be_read_are_said(path: bytes) -> None:
    """watchdog passes over them in silence; here they are counted, and one is named."""
    for name in (b"a", b"b", b"c"):
        os.mkdir(path + b"/" + name)
        os.chmod(path + b"/" + name, 0o000 if name != b"c" else 0o755)
    folder = path
    while os.geteuid() == 0 and folder != b"/":  # pytest keeps its folders to itself
        os.chmod(folder, os.stat(folder).st_mode | 0o055)
        folder = os.path.dirname(folder)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", AS_NOBODY, os.fsdecode(path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.startswith("degraded 2 folders are not watched, such as ")
    assert "/a; changes there are found by the rescan only (Permission denied). Give the user" in done.stdout
    assert done.stdout.endswith(" 2\n")


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("mode", [0o000, 0o400, 0o100])
def test_a_folder_that_is_closed_and_opened_again(watch: Callable[..., Heard], path: bytes, mode: int) -> None:
    """Both are heard of, and what was made in it and below it meanwhile is watched (the kernel tells of attributes)."""
    os.makedirs(path + b"/a/b")
    heard = watch()
    os.chmod(path + b"/a", mode)
    heard.until(Hint(heard.at(b"a"), FOLDER))
    assert heard.watcher.status().health is Health.DEGRADED
    assert list(heard.watcher.closed()) == [heard.at(b"a")]
    os.chmod(path + b"/a", 0o755)
    heard.until(Hint(heard.at(b"a"), FOLDER))
    assert heard.watcher.status().health is Health.ONLINE
    heard.put(b"a/b/c/1.jpg")
    heard.until(Hint(heard.at(b"a/b/c"), FOLDER))
    wait_for(lambda: heard.watcher.status().health is Health.ONLINE)
    heard.put(b"a/b/c/2.jpg")
    heard.until(Hint(heard.at(b"a/b/c/2.jpg"), FILE, closed=True))


@pytest.mark.usefixtures("strict")
def test_other_attributes_of_folders_are_nothing_to_speak_of(watch: Callable[..., Heard], path: bytes) -> None:
    """A chmod of a whole archive that closes nothing has no folder scanned."""
    os.makedirs(path + b"/a/b")
    heard = watch()
    for _ in range(3):
        for name in (b"/a", b"/a/b"):
            os.chmod(path + name, 0o700)
            os.utime(path + name, (1, 1))
            os.chmod(path + name, 0o755)
    assert heard.until_now() == []


@pytest.mark.usefixtures("strict")
def test_a_folder_that_was_closed_at_the_start_is_watched_when_it_is_opened(path: bytes) -> None:
    """No watch could be set on it; its parent tells."""
    os.makedirs(path + b"/a/b")
    os.chmod(path + b"/a", 0o000)
    heard = Heard(path)
    heard.watcher.start()
    try:
        assert heard.watcher.status().health is Health.DEGRADED
        os.chmod(path + b"/a", 0o755)
        heard.until(Hint(heard.at(b"a"), FOLDER))
        assert heard.watcher.status().health is Health.ONLINE
        heard.put(b"a/b/1.jpg")
        heard.until(Hint(heard.at(b"a/b/1.jpg"), FILE, closed=True))
    finally:
        heard.watcher.stop()


@pytest.mark.parametrize("what", ["deleted", "moved", "replaced", "parent moved"])
def test_a_root_that_is_lost(tmp_path: Path, what: str) -> None:
    """Deleted, moved, or something else in its place: offline, and `lost` asks for a new watcher (R5)."""
    parent = tmp_path / "disk"
    parent.mkdir()
    path = os.path.realpath(os.fsencode(parent)) + b"/Photos"
    os.mkdir(path)
    heard = Heard(path)
    heard.watcher.start()
    try:
        assert not heard.watcher.lost
        if what == "deleted":
            os.rmdir(path)
        elif what == "parent moved":
            parent.rename(tmp_path / "other")
        else:
            os.rename(path, path + b"2")
        if what == "replaced":
            os.mkdir(path)
        wait_for(lambda: heard.watcher.lost)
        status = heard.watcher.status()
        assert status.health is Health.OFFLINE
        assert "mount its disk" in status.reason
        if what != "parent moved":
            heard.until(Hint(path, GONE))
    finally:
        heard.watcher.stop()


IN_MOUNT_NAMESPACE = """
import os, queue, subprocess, sys
from facewatchd.domain import Root, WatchMode
from facewatchd.watch.hints import Hint, HintKind
from facewatchd.watch.watcher import Watcher
root = os.fsencode(sys.argv[1]) + b"/disk"
os.mkdir(root)
def mount():
    subprocess.run(["mount", "-t", "tmpfs", "photos", root], check=True)
def umount():
    subprocess.run(["umount", "-l", root], check=True)
def start():
    hints = queue.Queue()
    watcher = Watcher(Root(1, root), WatchMode.INOTIFY, frozenset(), hints.put)
    watcher.start()
    return watcher, hints
mount()
os.mkdir(root + b"/sub")
watcher, hints = start()
umount()
assert hints.get(timeout=10).path in (root, root + b"/sub")
while not watcher.lost:
    pass
print(watcher.status().health)
watcher.stop()
mount()
watcher, hints = start()
print(watcher.status().health)
mount()
print(watcher.status().health)
umount()
print(watcher.status().health)
os.mkdir(root + b"/nested")
while hints.get(timeout=10) != Hint(root + b"/nested", HintKind.FOLDER):
    pass
subprocess.run(["mount", "-t", "tmpfs", "card", root + b"/nested"], check=True)
open(root + b"/nested/a.jpg", "w").close()
watcher.stop()
watcher, hints = start()
subprocess.run(["umount", "-l", root + b"/nested"], check=True)
heard = [hints.get(timeout=10), hints.get(timeout=10)]
print([str(hint.kind) for hint in heard], watcher.status().health)
open(root + b"/nested/b.jpg", "w").close()
while hints.get(timeout=10) != Hint(root + b"/nested/b.jpg", HintKind.FILE, closed=True):
    pass
print("heard below")
watcher.stop()
"""


def test_unmounted_and_mounted_over(path: bytes) -> None:
    """
    A root that is unmounted, even lazily, or mounted over is lost; of a disk mounted inside a root that is unmounted
    there are hints, and what lies below it is watched (R2, R5).
    """
    done = subprocess.run(
        ["unshare", "-Urm", sys.executable, "-c", IN_MOUNT_NAMESPACE, os.fsdecode(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no mounts in user namespaces here: {done.stderr.strip()}")
    assert done.stdout.splitlines() == [
        "offline",
        "online",
        "offline",
        "online",
        "['gone', 'folder'] online",
        "heard below",
    ], done.stderr


def test_a_bind_mount_is_watched_once(path: bytes) -> None:
    """A folder that is there twice has one watch, and no warning from watchdog (R8)."""
    code = (
        "import os, subprocess, sys\n"
        "from facewatchd.domain import Root, WatchMode\n"
        "from facewatchd.watch.watcher import Watcher\n"
        "root = os.fsencode(sys.argv[1])\n"
        "for name in (b'/a', b'/a/sub', b'/b'): os.mkdir(root + name)\n"
        "subprocess.run(['mount', '--bind', root + b'/a', root + b'/b'], check=True)\n"
        "watcher = Watcher(Root(1, root), WatchMode.INOTIFY, frozenset(), print)\n"
        "watcher.start()\n"
        "print(watcher._tree.watched, watcher.status().health)\n"
        "watcher.stop()\n"
    )
    done = subprocess.run(
        ["unshare", "-Urm", sys.executable, "-W", "error", "-c", code, os.fsdecode(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no mounts in user namespaces here: {done.stderr.strip()}")
    assert done.stdout == "3 online\n", done.stderr


# --- life ------------------------------------------------------------------------------------------------------------


def test_a_polled_root_gives_no_hints(path: bytes) -> None:
    """The daemon rescans it every so often; it is healthy all the same (R7)."""
    hints: queue.Queue[Hint] = queue.Queue()
    watcher = Watcher(Root(1, path), WatchMode.POLLING, frozenset(), hints.put)
    threads = threading.active_count()
    watcher.start()
    assert threading.active_count() == threads
    assert watcher.status() == RootStatus(path, WatchMode.POLLING, Health.ONLINE)
    watcher.rescanned()
    watcher.stop()


def test_a_root_that_is_not_there_at_the_start(path: bytes) -> None:
    """No error, but a reason and a remedy."""
    heard = Heard(path + b"/absent")
    heard.watcher.start()
    status = heard.watcher.status()
    assert status.health is Health.DEGRADED
    assert "Connect or mount" in status.reason
    heard.watcher.stop()
    assert heard.hints.empty()


def test_stopped_means_silent(watch: Callable[..., Heard]) -> None:
    """After `stop` no hint comes, no thread is left, and stopping again does no harm."""
    heard = watch()
    heard.put(b"a.jpg")
    heard.until_now()
    heard.watcher.stop()
    heard.watcher.stop()
    heard.put(b"b.jpg")
    assert heard.hints.empty()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("watch-")]
    assert heard.watcher.status().health is Health.DEGRADED


def test_hundreds_of_changes_while_the_tree_is_moved_about(watch: Callable[..., Heard]) -> None:
    """Whatever the order of events, in the end every folder is watched under the path that it has."""
    heard = watch()
    for number in range(200):
        heard.put(b"a%d/b/c/1.jpg" % (number % 10))
        os.rename(heard.at(b"a%d" % (number % 10)), heard.at(b"moved%d" % number))
        if number % 3 == 0:
            os.rename(heard.at(b"moved%d/b" % number), heard.at(b"out%d" % number))
    heard.until_now()
    tree = heard.watcher._tree
    assert tree is not None
    folders = scan(Root(1, heard.path), lambda _: True)
    there = {os.path.join(heard.path, folder.path) if folder.path else heard.path for folder in folders}
    assert set(tree._watches) == there
    assert {folder.path for folder in tree._folders.values()} == there
