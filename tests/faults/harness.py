"""
What every fault script uses: a home with a real daemon in it, the index read straight from its file, the disk beside it,
and the figures that come out.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
import yaml
from PIL import Image

from facewatchd.store import Store

T = TypeVar("T")

PROGRAM = [sys.executable, "-m", "facewatchd"]
DATABASE = "facewatchd.sqlite"
WATCHING = "watching for changes"
_NUMBERED = re.compile(r"Person \d+")

# an UPDATE that names the column counts, whether or not it changes it: `width` is named when a photo is taken in with
# its faces, `retry_at` then, and when it is known again, and when it is refused
_COUNTERS = """
    CREATE TABLE IF NOT EXISTS counted (what TEXT NOT NULL, path BLOB NOT NULL);
    CREATE TRIGGER IF NOT EXISTS count_embedded AFTER UPDATE OF width ON photos
        BEGIN INSERT INTO counted VALUES ('embedded', NEW.path); END;
    CREATE TRIGGER IF NOT EXISTS count_read AFTER UPDATE OF retry_at ON photos WHEN NEW.state = 'done'
        BEGIN INSERT INTO counted VALUES ('read', NEW.path); END;
    CREATE TRIGGER IF NOT EXISTS count_failed AFTER UPDATE OF retry_at ON photos WHEN NEW.state = 'failed'
        BEGIN INSERT INTO counted VALUES ('failed', NEW.path); END;
"""


@dataclass(frozen=True)
class Figure:
    """
    One line of the table.

    Attributes:
        what: What was done.
        found: What came of it.
        bar: What had to.
        met: Whether it did.
    """

    what: str
    found: str
    bar: str
    met: bool


@dataclass
class Trial:
    """
    One run of a script.

    Attributes:
        folder: For its files; removed afterwards.
        prepared: A home where the demo album was taken in undisturbed.
        quick: Whether to be content with less, so that it takes seconds.
        kills: How often to kill.
        figures: What came out so far.
    """

    folder: Path
    prepared: Home
    quick: bool
    kills: int
    figures: list[Figure] = field(default_factory=list)

    def figure(self, what: str, found: object, bar: object, met: bool) -> None:
        """Write a line of the table."""
        self.figures.append(Figure(what, str(found), str(bar), met))
        print(f"  {'ok  ' if met else 'MISS'} {what}: {found} (bar: {bar})", flush=True)

    def home(self, name: str, **settings: Any) -> Home:
        """A new home, with the models converted already."""
        home = Home(self.folder / name, settings)
        shutil.copytree(self.prepared.state / "models", home.state / "models")
        return home


@dataclass(frozen=True)
class Result:
    """
    What a daemon made of an album, free of everything that may differ between two runs (ids, numbers of people).

    Attributes:
        faces: Photo, box and why it is poor.
        people: The faces of each.
        tree: The entries of each folder; its name only where the user gave it.
    """

    faces: frozenset[tuple[str, ...]]
    people: frozenset[frozenset[tuple[str, ...]]]
    tree: Counter[tuple[str, frozenset[tuple[str, str]]]]

    def differences(self, other: Result) -> str:
        """Which parts differ, empty where none does."""
        parts = ("faces", "people", "tree")
        return ", ".join(part for part in parts if getattr(self, part) != getattr(other, part))


class Home:
    """
    One user's folders and configuration.

    Args:
        path: The folder that holds them all.
        settings: What differs from the usual in the configuration, as sections.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any] | None = None) -> None:
        self.path = path
        self.album = path / "album"
        self.people = path / "people"
        self.state = path / "state"
        for folder in (self.album, self.state):
            folder.mkdir(parents=True, exist_ok=True)
        values: dict[str, Any] = {
            "photos": [str(self.album)],
            "people": {"dir": str(self.people)},
            "state": {"dir": str(self.state)},
            "models": {"pack": "builtin", "root": str(path / "models")},
            "dates": {"mode": "report"},  # what is written into photos is another matter
        }
        for section, keys in (settings or {}).items():
            values[section] = {**values.get(section, {}), **keys} if isinstance(keys, dict) else keys
        self.roots = [Path(root) for root in values["photos"]]
        self.config = path / "config.yaml"
        self.config.write_text(yaml.safe_dump(values))

    # --- the program

    def command(self, *arguments: str) -> list[str]:
        return [*PROGRAM, *arguments, "--config", str(self.config)]

    def daemon(self, extra: Mapping[str, str] | None = None) -> Daemon:
        """`run`, started."""
        return Daemon(self, extra or {})

    def once(self) -> None:
        """`run --once`."""
        subprocess.run(self.command("run", "--once"), check=True, env=environment(), capture_output=True)

    def status(self) -> Any:
        """`status --json`."""
        done = subprocess.run(self.command("status", "--json"), check=False, env=environment(), capture_output=True)
        if done.returncode:
            raise RuntimeError(f"`status` ended with {done.returncode}: {done.stderr.decode(errors='replace')}")
        return json.loads(done.stdout)

    def root_status(self) -> tuple[str, str]:
        """Health of the first root, and why."""
        roots = self.status()["roots"]
        return (roots[0]["health"], roots[0]["reason"]) if roots else ("", "")

    # --- what the index says

    def query(self, sql: str, *values: object) -> list[Any]:
        """Ask the state; the answer is empty as long as there is none."""
        try:
            with closing(sqlite3.connect(f"file:{self.state / DATABASE}?mode=ro", uri=True, timeout=10)) as state:
                return state.execute(sql, values).fetchall()
        except sqlite3.OperationalError as error:
            if "unable to open" in str(error) or "no such table" in str(error):
                return []
            raise

    def index(self) -> dict[bytes, tuple[int, int, int]]:
        """Size, mtime and inode by path, of every photo that is believed to be there."""
        rows = self.query(
            "SELECT r.path, p.path, size, mtime_ns, p.inode FROM photos p JOIN roots r USING (root_id)"
            " WHERE state != 'missing' AND absent_since IS NULL"
        )
        return {root + b"/" + path: (size, mtime, inode) for root, path, size, mtime, inode in rows}

    def disk(self) -> dict[bytes, tuple[int, int, int]]:
        """The same of the files themselves."""
        found = {}
        for root in self.roots:
            for folder, _, names in os.walk(os.fsencode(root)):
                for name in names:
                    path = os.path.join(folder, name)
                    if name.lower().endswith(b".jpg") and not name.startswith(b".") and not os.path.islink(path):
                        stat = os.lstat(path)
                        found[path] = (stat.st_size, stat.st_mtime_ns, stat.st_ino)
        return found

    def is_in_step(self) -> bool:
        """Whether the index equals the disk."""
        return self.index() == self.disk()

    def states(self) -> Counter[str]:
        """How many photos are in which state; `absent` counts those that were not seen and are not given up."""
        counts = Counter(dict(self.query("SELECT state, count(*) FROM photos GROUP BY state")))
        ((absent,),) = self.query("SELECT count(*) FROM photos WHERE absent_since IS NOT NULL") or [(0,)]
        return counts + Counter(absent=absent)

    def is_done(self, photos: int) -> bool:
        """Whether so many photos are taken in, and none waits or is missing."""
        states = self.states()
        return states["done"] == photos and not states["pending"] and not states["absent"]

    def is_settled(self, photos: int) -> bool:
        """Whether so many are taken in, everything is grouped, and the tree has all its links."""
        if not self.is_done(photos):
            return False
        last = self.query("SELECT value FROM meta WHERE key = 'recluster.faces'")
        good = self.query(
            "SELECT count(*) FROM faces JOIN photos USING (photo_id) WHERE poor = '' AND state != 'missing'"
        )
        return bool(last) and int(last[0][0]) == good[0][0] and self.missing_links() == 0

    def missing_links(self) -> int:
        """How many links of people with a folder due to them are not there, by the index and the tree on disk."""
        wanted = {
            (person, os.path.join(root, path))
            for person, root, path in self.query(
                "SELECT DISTINCT f.person_id, r.path, p.path FROM faces f JOIN photos p USING (photo_id)"
                " JOIN roots r USING (root_id) WHERE p.state != 'missing' AND f.person_id IN"
                " (SELECT person_id FROM faces JOIN photos USING (photo_id) WHERE state != 'missing'"
                "  GROUP BY person_id HAVING count(*) >= 3)"
            )
        }
        folders = {
            person: os.path.join(os.fsencode(self.people), name)
            for person, name in self.query(
                "SELECT CAST(owner AS INTEGER), name FROM tree_folders WHERE owner GLOB '[0-9]*'"
            )
        }
        there = {
            (person, os.path.normpath(os.path.join(folder, os.readlink(entry.path))))
            for person, folder in folders.items()
            if os.path.isdir(folder)
            for entry in os.scandir(folder)
            if entry.is_symlink()
        }
        return len(wanted - there)

    # --- jobs

    def count_jobs(self) -> None:
        """Have the state itself count what becomes of photos from now on; the daemon must not run yet."""
        with Store(self.state):
            pass
        with closing(sqlite3.connect(self.state / DATABASE)) as state:
            state.executescript(_COUNTERS)

    def jobs(self, since: int = 0) -> Counter[str]:
        """What was done after `mark`: photos embedded, read (those embedded too), refused."""
        return Counter(dict(self.query("SELECT what, count(*) FROM counted WHERE rowid > ? GROUP BY what", since)))

    def mark(self) -> int:
        return int(self.query("SELECT coalesce(max(rowid), 0) FROM counted")[0][0])

    # --- what came of it

    def result(self) -> Result:
        """What the daemon made of the album."""
        faces: set[tuple[str, ...]] = set()
        people: dict[int, set[tuple[str, ...]]] = {}
        for path, person, x, y, w, h, poor in self.query(
            "SELECT p.path, f.person_id, f.x, f.y, f.w, f.h, f.poor FROM faces f JOIN photos p USING (photo_id)"
            " WHERE p.state != 'missing'"
        ):
            place = tuple(f"{number:.1f}" for number in (x, y, w, h))
            faces.add((os.fsdecode(path), *place, poor))
            if person is not None:
                people.setdefault(person, set()).add((os.fsdecode(path), *place))
        return Result(frozenset(faces), frozenset(map(frozenset, people.values())), self.tree())

    def tree(self) -> Counter[tuple[str, frozenset[tuple[str, str]]]]:
        """The folders of the people tree."""
        found: Counter[tuple[str, frozenset[tuple[str, str]]]] = Counter()
        for folder in self.people.iterdir() if self.people.is_dir() else ():
            if folder.is_dir():
                entries = frozenset((entry.name, self._content(entry)) for entry in folder.iterdir())
                found["" if _NUMBERED.fullmatch(folder.name) else folder.name, entries] += 1
        return found

    def _content(self, entry: Path) -> str:
        """Where a link leads, seen from the album; what a picture holds; nothing of what names the state itself."""
        if entry.is_symlink():
            return os.path.relpath(os.path.join(entry.parent, os.readlink(entry)), self.album)
        return "" if entry.name == ".facewatchd" else hashlib.sha256(entry.read_bytes()).hexdigest()

    def links(self) -> frozenset[tuple[str, str]]:
        """Every link of the people tree: its path and where it leads."""
        return frozenset(
            (str(link.relative_to(self.people)), os.readlink(link))
            for link in self.people.glob("*/*")
            if link.is_symlink()
        )

    def is_linked(self, photo: bytes) -> bool:
        """Whether a link in the people tree leads to this photo."""
        wanted = os.path.realpath(photo)
        links = (os.fsencode(link) for link in self.people.glob("*/*") if link.is_symlink())
        return any(os.path.realpath(link) == wanted for link in links)

    def verdict(self) -> str:
        """What SQLite says of a copy of the state as it lies there; the copy, so that nothing is mended by looking."""
        copy = self.path / "examined"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        for suffix in ("", "-wal"):
            file = self.state / (DATABASE + suffix)
            if file.exists():
                shutil.copy(file, copy / file.name)
        if not (copy / DATABASE).exists():
            return "ok"  # killed before there was one
        with closing(sqlite3.connect(copy / DATABASE)) as state:
            return "; ".join(line for (line,) in state.execute("PRAGMA quick_check"))


class Daemon:
    """
    A running `facewatchd run`; killed when left.

    Args:
        home: Whose.
        extra: More of its environment.
    """

    def __init__(self, home: Home, extra: Mapping[str, str]) -> None:
        self._log = home.path / "daemon.log"
        with self._log.open("wb") as stderr:
            self.process = subprocess.Popen(
                home.command("run"),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                env=environment(extra),
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.kill()

    @property
    def log(self) -> str:
        """What it wrote to stderr so far."""
        return self._log.read_text(errors="surrogateescape")

    @property
    def lives(self) -> bool:
        return self.process.poll() is None

    def wait_for(self, text: str, timeout: float = 60) -> None:
        """Until the log says this."""

        def said() -> bool:
            if not self.lives:
                raise RuntimeError(f"the daemon ended by itself:\n{self.log}")
            return text in self.log

        wait_until(said, timeout, f"{text!r} in the log")

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self) -> None:
        """Have it end in good order."""
        self.send(signal.SIGTERM)
        if self.process.wait(20) != 0:
            raise RuntimeError(f"the daemon ended with {self.process.returncode}:\n{self.log}")

    def kill(self) -> None:
        """As a power failure would."""
        self.process.kill()
        self.process.wait()


def wait_until(condition: Callable[[], T], timeout: float, what: str = "", every: float = 0.1) -> T:
    """
    Ask again and again until the answer is yes.

    Raises:
        TimeoutError: It is not within `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what or 'what was waited for'} did not come within {timeout:.0f} s")
        time.sleep(every)
    return answer


def comes(condition: Callable[[], object], timeout: float, every: float = 0.1) -> float | None:
    """How long it takes until something is so, seconds; None where it does not within `timeout`."""
    started = time.monotonic()
    try:
        wait_until(condition, timeout, every=every)
    except TimeoutError:
        return None
    return time.monotonic() - started


def seconds(taken: float | None) -> str:
    """A time as it is written in the table."""
    return "never" if taken is None else f"{taken:.1f} s"


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a daemon: free of what would lead it to the files of whoever runs this."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("FACEWATCHD", "XDG", "NOTIFY"))}
    return {**kept, "XDG_CONFIG_HOME": "/nonexistent", **(extra or {})}


def tiny(number: int) -> bytes:
    """A picture of 16 x 16 pixels unlike that of any other number."""
    out = io.BytesIO()
    noise = np.random.default_rng(number).integers(0, 256, (16, 16, 3), np.uint8)
    Image.fromarray(noise).save(out, "JPEG", quality=90)
    return out.getvalue()


def photos_in(album: Path) -> list[Path]:
    """The photos of the demo album, in order."""
    return sorted(path for path in album.rglob("*") if path.suffix.lower() == ".jpg")


def put(photos: Iterable[Path], album: Path, into: Path) -> list[Path]:
    """Copy photos of an album to the same place in another."""
    made = []
    for photo in photos:
        there = into / photo.relative_to(album)
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(photo, there)
        made.append(there)
    return made


def mount(*arguments: str | Path) -> None:
    """mount(8); the script runs in a mount namespace of its own."""
    subprocess.run(["mount", *map(str, arguments)], check=True)


def unmount(*arguments: str | Path) -> None:
    subprocess.run(["umount", *map(str, arguments)], check=True)
