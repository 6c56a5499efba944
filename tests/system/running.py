"""
The real program as its users have it: started as a process of its own, on real folders, watched from outside.
"""

from __future__ import annotations

import csv
import fcntl
import functools
import io
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

import pytest
import yaml
from forks import Ending, Forks
from PIL import Image, ImageOps

from facewatchd.demo import MARKER, make_demo_album

T = TypeVar("T")

PROGRAM = [sys.executable, "-m", "facewatchd"]
STOP_S = 5.0
"""A daemon told to stop has ended after this long; part of the interface."""

# Root may read and write everything, by two capabilities: without them (and as anybody else) modes count.
_WITHOUT_ROOTS_RIGHTS = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP
os.execv(sys.argv[1], sys.argv[1:])
"""


def wait_until(condition: Callable[[], T], timeout: float, what: str = "") -> T:
    """
    Ask again and again until the answer is yes.

    Args:
        condition: Asked every few hundredths of a second; one that takes long, less often, as what it waits for needs the
            processor, too.
        timeout: Seconds until the test fails.
        what: What is waited for, for the failure.

    Returns:
        The answer.
    """
    deadline = time.monotonic() + timeout
    while True:
        asked = time.monotonic()
        if answer := condition():
            return answer
        now = time.monotonic()
        assert now < deadline, f"{what or 'the condition'} did not come true within {timeout} s"
        time.sleep(max(0.02, 2 * (now - asked)))


def limited(command: Sequence[str]) -> list[str]:
    """The command, run so that permissions count even where the tests run as root."""
    return [sys.executable, "-c", _WITHOUT_ROOTS_RIGHTS, *command]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a child, free of what would lead it to the files of whoever runs the tests."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("FACEWATCHD", "XDG", "NOTIFY"))}
    # that of the tests, and wide enough that no table is folded
    return {**kept, "PYTHONWARNINGS": "", "COLUMNS": "500", "XDG_CONFIG_HOME": "/nonexistent", **(extra or {})}


def children(pid: int) -> list[int]:
    """The processes below a process."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    below = [int(child) for task in tasks for child in task.read_text().split()]
    return below + [deeper for child in below for deeper in children(child)]


def is_alive(pid: int) -> bool:
    """Whether there is such a process, and it is no zombie."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


class Daemon:
    """
    A running `facewatchd run`; ended, and held to have complained of nothing unexpected, when left.

    Args:
        command: What to run.
        log: Where its stderr goes.
        env: See `environment`.
        alone: Whether it leads a group of processes of its own.
    """

    def __init__(self, command: Sequence[str], log: Path, env: Mapping[str, str], *, alone: bool = False) -> None:
        self._log = log
        with log.open("wb") as stderr:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                env=env,
                start_new_session=alone,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.kill()

    @property
    def log(self) -> str:
        """What it wrote to stderr so far."""
        return self._log.read_text(errors="surrogateescape")

    def wait_for(self, text: str, timeout: float = 30) -> None:
        """Until the log says this."""

        def said() -> bool:
            assert self.process.poll() is None or text in self.log, f"it ended too early:\n{self.log}"
            return text in self.log

        wait_until(said, timeout, f"{text!r} in the log")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """
        Tell it to stop, and hold it to its promise.

        Returns:
            How long it took, seconds.
        """
        started = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(timeout=3 * STOP_S)
        seconds = time.monotonic() - started
        assert code == 0, self.log
        assert "Traceback" not in self.log, self.log
        assert seconds < STOP_S
        return seconds

    def kill(self) -> None:
        """As a power failure would."""
        self.process.kill()
        self.process.wait()


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, which must be one JSON document and nothing else."""
        return json.loads(self.out)

    @property
    def line(self) -> str:
        """The one line that it wrote to stderr."""
        (line,) = self.err.splitlines()
        return line


@dataclass(frozen=True)
class Home:
    """
    One user's folders: album, people, state, and a configuration that names them.

    Attributes:
        path: The folder that holds them all.
        settings: What differs from the usual in the configuration.
    """

    path: Path
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.album.mkdir(parents=True, exist_ok=True)
        self.configure(**self.settings)

    @property
    def album(self) -> Path:
        return self.path / "album"

    @property
    def people(self) -> Path:
        return self.path / "people"

    @property
    def state(self) -> Path:
        return self.path / "state"

    @property
    def config(self) -> Path:
        return self.path / "config.yaml"

    def configure(self, **settings: Any) -> None:
        """
        Write the configuration anew: the built-in models, and a quick gate, as most tests write files in one go.

        Args:
            settings: Sections, whose keys are merged into the usual ones.
        """
        usual: dict[str, Any] = {
            "photos": [str(self.album)],
            "people": {"dir": str(self.people)},
            "state": {"dir": str(self.state)},
            "models": {"pack": "builtin", "root": str(self.path / "models")},
            "watch": {"settle_s": 0.2, "settle_open_s": 0.4},
        }
        for key, value in settings.items():
            usual[key] = {**usual.get(key, {}), **value} if isinstance(value, dict) else value
        self.config.write_text(yaml.safe_dump(usual))

    def command(self, *arguments: str) -> list[str]:
        """A command line with this configuration."""
        return [*PROGRAM, *arguments, "--config", str(self.config)]

    def run(
        self, *arguments: str, code: int = 0, strict: bool = False, started: bool = False, timeout: float = 60
    ) -> Ended:
        """
        Run a command to its end; it must end with this code, and without a traceback.

        Args:
            arguments: The command and its arguments.
            code: The exit code that is expected.
            strict: Whether permissions count even for root.
            started: Whether Python is to be started for it, as for a user.
            timeout: Seconds.
        """
        return run(self.command(*arguments), code=code, strict=strict, started=started, timeout=timeout)

    def once(self, **expected: Any) -> Ended:
        """`run --once`."""
        return self.run("run", "--once", **expected)

    def daemon(self, extra: Mapping[str, str] | None = None, *, strict: bool = False, alone: bool = False) -> Daemon:
        """
        `run`; see `watching` for one that is ready.

        Args:
            extra: What to add to the environment.
            strict: Whether permissions count even for root.
            alone: Whether it leads a group of processes of its own, as a terminal would have it.
        """
        command = self.command("run")
        command = limited(command) if strict else command
        return Daemon(command, self.path / "daemon.log", environment(extra), alone=alone)

    def daemon_of(self, *arguments: str) -> Daemon:
        """Any other command, running."""
        return Daemon(self.command(*arguments), self.path / "command.log", environment())

    @contextmanager
    def watching(self) -> Iterator[Daemon]:
        """A daemon that has taken in everything there was and has grouped it."""
        with self.daemon() as daemon:
            daemon.wait_for("watching for changes")
            yield daemon

    def status(self) -> Any:
        return self.run("status", "--json").json

    def named(self) -> dict[int, str]:
        """The people's names by their ids."""
        return {person["id"]: person["name"] for person in self.run("people", "list", "--json").json["people"]}

    def faces(self) -> list[dict[str, str]]:
        """What `faces export` writes."""
        table = self.path / "faces.csv"
        self.run("faces", "export", "--csv", str(table))
        with table.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
            return list(csv.DictReader(file))

    def groups(self) -> set[frozenset[tuple[str, str, str]]]:
        """Which faces are one person's, whatever the ids: a face is its photo in the album and its place."""
        people: dict[str, set[tuple[str, str, str]]] = {}
        for face in self.faces():
            if face["person_id"]:
                place = (str(Path(face["photo"]).relative_to(self.album)), face["x"], face["y"])
                people.setdefault(face["person_id"], set()).add(place)
        return {frozenset(group) for group in people.values()}

    def links(self) -> dict[str, set[str]]:
        """The photos that each folder of the people tree links to, relative to the album; every link must work."""
        found = {}
        for folder in self.people.iterdir():
            if folder.is_dir() and folder.name != "_ignored":
                links = [entry for entry in folder.iterdir() if entry.is_symlink()]
                assert all(link.is_file() for link in links)
                found[folder.name] = {str(link.resolve().relative_to(self.album.resolve())) for link in links}
        return found

    def linked(self, photo: str) -> bool:
        """Whether some folder holds a working link to this photo of the album."""
        wanted = (self.album / photo).resolve()
        return any(link.is_symlink() and link.exists() and link.resolve() == wanted for link in self.people.glob("*/*"))

    def copy(self, path: Path) -> Home:
        """
        The same home elsewhere, as if everything had been made there: the state is told of the new root and of the new
        files' inodes, so that no photo has to be taken in again.
        """
        shutil.copytree(self.path, path, symlinks=True, ignore=shutil.ignore_patterns("daemon.log", "*.sock"))
        home = Home(path, self.settings)
        owner = home.people / ".facewatchd"  # the people folder says whose state it belongs to
        if owner.exists():
            owner.write_bytes(owner.read_bytes().replace(os.fsencode(self.state), os.fsencode(home.state)))
        with closing(sqlite3.connect(home.state / "facewatchd.sqlite")) as state, state:
            album = os.lstat(home.album)
            state.execute(
                "UPDATE roots SET path = ?, device = ?, inode = ?",
                (os.fsencode(home.album), album.st_dev, album.st_ino),
            )
            # status quotes what the last run said of its roots
            state.execute("UPDATE meta SET value = replace(value, ?, ?)", (str(self.path), str(home.path)))
            for photo_id, name in state.execute("SELECT photo_id, path FROM photos").fetchall():
                now = os.lstat(os.path.join(os.fsencode(home.album), name))
                state.execute(
                    "UPDATE photos SET mtime_ns = ?, ctime_ns = ?, inode = ?, device = ? WHERE photo_id = ?",
                    (now.st_mtime_ns, now.st_ctime_ns, now.st_ino, now.st_dev, photo_id),
                )
            entries = state.execute(
                "SELECT folder_id, f.name, e.name FROM tree_entries e JOIN tree_folders f USING (folder_id)"
                " WHERE photo_id IS NULL"
            ).fetchall()
            for folder_id, folder, name in entries:
                now = os.lstat(os.path.join(os.fsencode(home.people), folder, name))
                state.execute(
                    "UPDATE tree_entries SET signature = ? WHERE folder_id = ? AND name = ?",
                    (b"%d %d %d" % (now.st_size, now.st_mtime_ns, now.st_ino), folder_id, name),
                )
        return home


def run(
    command: Sequence[str], *, code: int = 0, strict: bool = False, started: bool = False, timeout: float = 60
) -> Ended:
    """
    Run any command line to its end; see `Home.run`. The program itself is run in a fork, see `forks`, where Python would
    start as it does here.
    """
    env = environment()
    if list(command[: len(PROGRAM)]) == PROGRAM and not started and _forks().fits(env):
        done = _forks().run(command[len(PROGRAM) :], env, timeout, strict=strict)
    else:
        ended = subprocess.run(
            limited(command) if strict else command,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=env,
            timeout=timeout,
        )
        done = Ending(ended.returncode, ended.stdout, ended.stderr)
    out, err = (stream.decode("utf-8", "surrogateescape") for stream in (done.out, done.err))
    assert done.code == code, f"{command} ended with {done.code}:\n{out}\n{err}"
    assert "Traceback" not in err, err
    return Ended(done.code, out, err)


@functools.cache
def _forks() -> Forks:
    return Forks(environment())


@contextmanager
def service_manager(path: Path) -> Iterator[tuple[dict[str, str], socket.socket]]:
    """A socket that listens as systemd does, and the environment that leads to it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(path))
        channel.settimeout(30)
        yield {"NOTIFY_SOCKET": str(path)}, channel


def prepared(factory: pytest.TempPathFactory) -> Home:
    """
    The demo album, taken in and grouped, once for the whole test run. Only to be read; `Home.copy` makes one to change.
    One of its photos, a second copy of another, has a name that is no UTF-8.
    """
    return _prepared(factory.getbasetemp())


@functools.cache
def _prepared(own: Path) -> Home:
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with (shared / "prepared.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "prepared").exists():
            _prepare(own / "preparing").copy(shared / "prepared")
    # reading it leaves tables beside the album, and holds locks: no two workers read the same
    return Home(shared / "prepared").copy(own / "read")


def _prepare(path: Path) -> Home:
    home = Home(path)
    home.album.rmdir()
    make_demo_album(home.album)
    (home.album / MARKER).unlink()
    portrait = next(path for path in photos_in(home.album) if path.stat().st_size < 100_000)
    shutil.copy(portrait, home.album / os.fsdecode(b"caf\xe9.jpg"))
    home.once()
    return home


def fresh(factory: pytest.TempPathFactory, path: Path, photos: int = 0, **settings: Any) -> Home:
    """
    A home where nothing has run yet.

    Args:
        factory: Knows the prepared home, which the converted models are taken from.
        path: Where; must be new.
        photos: How many photos of the demo album to put into the album.
        settings: Of the configuration.
    """
    home, model = Home(path, settings), prepared(factory)
    shutil.copytree(model.state / "models", home.state / "models")
    for photo in photos_in(model.album)[:photos]:
        there = home.album / photo.relative_to(model.album)
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, there)
    return home


def photos_in(album: Path) -> list[Path]:
    """The photos of an album whose names are plain, in order."""
    return sorted(path for path in album.rglob("*") if path.suffix.lower() == ".jpg" and str(path).isascii())


def portraits(home: Home) -> dict[int, list[Path]]:
    """Photos that show nobody but one person, by the person's id, the person with most of them first."""
    faces = home.faces()
    alone = Counter(face["photo"] for face in faces)
    found: dict[int, list[Path]] = defaultdict(list)
    for face in faces:
        if alone[face["photo"]] == 1 and face["state"] == "assigned" and face["photo"].isascii():
            found[int(face["person_id"])].append(Path(face["photo"]))
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))


def retake(photo: Path, size: float = 0.93) -> bytes:
    """Another photo of the same people: the picture a little smaller, as a JPEG without a date."""
    with Image.open(photo) as picture:
        upright = ImageOps.exif_transpose(picture)
        smaller = upright.resize((int(upright.width * size), int(upright.height * size)))
    out = io.BytesIO()
    smaller.save(out, "JPEG", quality=88)
    return out.getvalue()
