"""
How long the daemon's loop is busy with each kind of event in a large archive: `python benchmarks/bench_loop.py` (`make bench`).

Makes the state of an archive (`large_state`), starts the real daemon on it, makes everything happen that can happen to it, and
reads from its log how long each turn of the loop took. While one lasts, all other events wait. What writes its own answer, such
as the links of a whole tree, has no bar. Takes half an hour, 10 GB of disk and 4 GB of memory; --faces and --photos make it
smaller.
"""

from __future__ import annotations

import argparse
import functools
import os
import re
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import yaml
from figures import SHARED
from large_state import Archive, make
from numpy.typing import NDArray

from facewatchd.config import Config, load_config
from facewatchd.core.intake.quality import QualityLimits
from facewatchd.daemon import loop
from facewatchd.daemon.events import Chore
from facewatchd.daemon.process import start
from facewatchd.daemon.process.schedule import Schedule
from facewatchd.daemon.turns import SLOW_S, TurnWatch
from facewatchd.demo import make_demo_album
from facewatchd.domain import FaceEngine
from facewatchd.errors import FacewatchError
from facewatchd.faces.packs import open_engine
from facewatchd.log import set_up_logging
from facewatchd.pipeline.intake.ingest import find_faces
from facewatchd.processes.control import ask
from facewatchd.store.database import DATABASE

TURN = re.compile(r"The loop was busy for (\d+) ms \((\d+) ms of processor\): ?(.*)$")
# no turn is longer than this while nothing is to be done
IDLE_MS = 20
# the loop looks around every 2 s, if nothing happens
QUIET_S = 2.6
SAME = 0.6


class Turn(NamedTuple):
    """A turn of the loop: milliseconds on the clock, and of processor; and the milliseconds of its parts, as the log has it."""

    ms: int
    worked: int
    parts: str


@dataclass
class Row:
    """The turns while something was done."""

    what: str
    turns: list[Turn]
    has_bar: bool = True

    @property
    def longest(self) -> Turn:
        return max(self.turns, default=Turn(0, 0, ""))

    def __str__(self) -> str:
        ms, worked, parts = self.longest
        met = "" if not self.has_bar else "met" if ms <= SLOW_S * 1000 else "MISSED"
        middle = statistics.median([turn.ms for turn in self.turns] or [0])
        return (
            f"| {self.what:44} | {len(self.turns):5} | {middle:6.0f} | {ms:7} | {worked:7} | {met:6} | {parts[:60]} |"
        )


@dataclass
class Bench:
    """The archive, the daemon on it, and what was measured so far."""

    archive: Archive
    config: Path
    rows: list[Row] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.archive.top / "log"

    # --- the daemon

    def start(self) -> None:
        with self.log.open("ab") as log:
            command = [sys.executable, __file__, "--daemon", str(self.config)]
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=log)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(60)

    def peak_mb(self) -> float:
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) / 1024  # type: ignore[union-attr]

    def do(self, chore: Chore) -> None:
        """As the schedule would."""
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.write(chore.value.encode() + b"\n")
        self.process.stdin.flush()

    def ask(self, command: str, **arguments: Any) -> Mapping[str, Any]:
        result: Mapping[str, Any] = ask(self.archive.state, command, arguments, 3600)
        return result

    # --- looking

    def turns(self, after: int) -> list[Turn]:
        """The turns in the log behind a place in it."""
        with self.log.open("rb") as log:
            log.seek(after)
            lines = log.read().decode("utf-8", "replace").splitlines()
        return [Turn(int(found[1]), int(found[2]), found[3]) for line in lines if (found := TURN.search(line))]

    def query(self, text: str, *arguments: Any) -> Any:
        """The first column of the first row."""
        path = f"file:{self.archive.state / DATABASE}?mode=ro"
        with closing(sqlite3.connect(path, uri=True, timeout=60)) as db:
            row = db.execute(text, arguments).fetchone()
        return row[0] if row else None

    def folder(self, person: int) -> Path:
        """A person's folder."""
        name = self.query("SELECT name FROM tree_folders WHERE owner = ?", str(person))
        return self.archive.tree / os.fsdecode(name)

    def wait(self, until: Callable[[], object], patience_s: float = 1800) -> None:
        deadline = time.monotonic() + patience_s
        while not until():
            assert self.process is not None
            if self.process.poll() is not None or time.monotonic() > deadline:
                tail = self.log.read_text(errors="replace").splitlines()[-20:]
                raise SystemExit("The daemon ended, or takes too long:\n" + "\n".join(tail))
            time.sleep(0.1)

    def quiet(self) -> None:
        """Wait until the loop has had nothing to do for a while."""
        while True:
            place = self.log.stat().st_size
            time.sleep(QUIET_S)
            turns = self.turns(place)
            if turns and all(turn.worked < IDLE_MS for turn in turns):
                return
            self.wait(lambda: True)

    def measure(
        self,
        what: str,
        work: Callable[[], object],
        until: Callable[[], object] = lambda: True,
        *,
        has_bar: bool = True,
    ) -> None:
        """Do something, wait until it is done and nothing more comes of it, and keep all turns that it took."""
        place = self.log.stat().st_size if self.log.exists() else 0
        try:
            work()
            self.wait(until)
            self.quiet()
        except FacewatchError as error:
            what = f"{what}: {error}"
        self.rows.append(Row(what, self.turns(place), has_bar))
        print(self.rows[-1], flush=True)


def main() -> int:
    """Returns the exit code: 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description="Measure how long the daemon's loop is busy with each kind of event.")
    parser.add_argument("--faces", type=int, default=1_000_000)
    parser.add_argument("--photos", type=int, default=300_000)
    parser.add_argument("--people", type=int, default=5_000)
    parser.add_argument("--tombstones", type=int, default=100_000)
    parser.add_argument("--recluster", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--keep", type=Path, help="make the archive here, and keep it; one that is there is used")
    parser.add_argument("--daemon", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.daemon:
        return daemon(given.daemon)
    with tempfile.TemporaryDirectory(prefix="facewatchd-bench-") as folder:
        top = Path(os.path.realpath(given.keep or folder))
        archive = Archive(top, given.faces, given.photos, given.people, given.tombstones)
        bench = Bench(archive, top / "config.yaml")
        pictures = prepare(bench)
        try:
            run(bench, pictures, recluster=given.recluster)
        finally:
            bench.stop()
    return report(bench)


def daemon(path: Path) -> int:
    """The program as it is, but for two things: every turn is logged, and its chores are done when a line says so."""

    class Told(Schedule):
        def __init__(self, config: Config, last: float | None, post: Callable[[Chore], None]) -> None:
            super().__init__(config, last, post)

            def listen() -> None:
                for line in sys.stdin:
                    post(Chore(line.strip()))

            threading.Thread(target=listen, daemon=True).start()

    vars(loop)["TurnWatch"] = functools.partial(TurnWatch, slow_s=0.0)
    vars(start)["Schedule"] = Told
    config = load_config(path)
    set_up_logging("debug")
    start.run(config, once=False, read=lambda: load_config(path))
    return 0


# --- the archive


def prepare(bench: Bench) -> list[Path]:
    """
    Make the archive, where it is not there.

    Returns:
        Photos of the person with the most photos, first, and of others.
    """
    top = bench.archive.top
    top.mkdir(parents=True, exist_ok=True)
    pack = SHARED / "models" / "testpack"
    config = {
        "photos": [str(bench.archive.here), str(bench.archive.gone)],
        "people": {"dir": str(bench.archive.tree)},
        "state": {"dir": str(bench.archive.state)},
        "models": {"pack": str(pack) if pack.is_dir() else "builtin", "root": str(top / "models")},
        # nothing happens by the clock
        "recluster": {"every_days": 1000, "when_new": 100},
        "watch": {"settle_s": 0.2, "settle_open_s": 1, "rescan_s": 10**6, "poll_s": 10**6},
        "log": {"level": "debug"},
    }
    bench.config.write_text(yaml.safe_dump(config))
    album = top / "album"
    if not album.is_dir():
        make_demo_album(album)
    used = load_config(bench.config)
    engine = open_engine(used.models.pack, used.models.root, used.state.dir / "cache", "cpu")
    pictures, first = sorted_pictures(engine, sorted(album.rglob("*.jp*g")))
    if not (bench.archive.state / DATABASE).exists():
        began = time.perf_counter()
        make(bench.archive, used, engine.info, first)
        size = (bench.archive.state / DATABASE).stat().st_size / 1e9
        print(f"made in {time.perf_counter() - began:.0f} s; a state of {size:.1f} GB", flush=True)
    return pictures


def sorted_pictures(engine: FaceEngine, album: list[Path]) -> tuple[list[Path], NDArray[np.float32]]:
    """The photos of one person first; and the embedding of that person."""
    limits = QualityLimits(0.5, 32, 12, 1.6)
    portraits: list[tuple[Path, NDArray[np.float32]]] = []
    for path in album:
        image = np.asarray(cv2.imread(str(path)), np.uint8)
        faces = find_faces(engine, np.ascontiguousarray(image[:, :, ::-1]), limits)
        if len(faces) == 1 and not faces[0].quality.poor:
            portraits.append((path, faces[0].embedding))
    likeness = np.array([[float(one @ other) for _, other in portraits] for _, one in portraits])
    centre = int(np.argmax((likeness > SAME).sum(1)))
    theirs = [portraits[at][0] for at in np.flatnonzero(likeness[centre] > SAME)]
    return [*theirs, *(path for path in album if path not in theirs)], portraits[centre][1]


# --- what happens


def run(bench: Bench, pictures: list[Path], *, recluster: bool) -> None:
    """Everything that can happen."""
    archive = bench.archive
    print(f"| {'what':44} | turns | median | longest | of CPU  |        | the longest: ms of each part |")
    print("|---|---|---|---|---|---|---|")

    def watching() -> int:
        return bench.log.read_bytes().count(b"watching for changes") if bench.log.exists() else 0

    before = watching()
    is_new = not any(archive.tree.iterdir())

    def ready() -> bool:
        return watching() > before and (bench.query("SELECT count(*) FROM tree_folders") or 0) > 0

    if is_new:
        bench.measure("start, the tree made from nothing", bench.start, ready, has_bar=False)
        bench.stop()
        before = watching()
    bench.measure("start, the tree there", bench.start, ready)
    for work in (photos, tree, commands, chores, root):
        work(bench, pictures)
    if recluster:
        bench.measure("recluster", lambda: bench.ask("recluster"))
    print(f"memory of the daemon at its peak: {bench.peak_mb():.0f} MB")


def photos(bench: Bench, pictures: list[Path]) -> None:
    """What happens in the folders of photos."""
    new = bench.archive.here / "2031" / f"new {time.time():.0f}"
    new.mkdir(parents=True)
    inside = os.fsencode(new.relative_to(bench.archive.here))

    def state(name: str) -> Any:
        return bench.query("SELECT state FROM photos WHERE path = ?", inside + b"/" + os.fsencode(name))

    def content(name: str) -> Any:
        return bench.query("SELECT content_hash FROM photos WHERE path = ?", inside + b"/" + os.fsencode(name))

    def put(source: Path, name: str) -> None:
        shutil.copyfile(source, new / (name + ".part"))
        (new / (name + ".part")).rename(new / name)

    for at in range(3):
        name = f"one {at}.jpg"
        bench.measure(
            "a photo of the most frequent person arrives",
            lambda: put(pictures[at], name),  # noqa: B023 - called at once
            lambda: state(name) == "done",  # noqa: B023
        )
    for at in range(3):
        name = f"other {at}.jpg"
        bench.measure(
            "a photo of somebody unknown arrives",
            lambda: put(pictures[-1 - at], name),  # noqa: B023
            lambda: state(name) == "done",  # noqa: B023
        )
    count = len(pictures)

    def put_all() -> None:
        for at, path in enumerate(pictures):
            put(path, f"many {at}.jpg")

    bench.measure(
        f"{count} photos arrive",
        put_all,
        lambda: all(state(f"many {at}.jpg") == "done" for at in range(count)),
    )
    known = content("one 0.jpg")
    bench.measure(
        "a photo changes",
        lambda: put(pictures[len(pictures) // 2], "one 0.jpg"),
        lambda: content("one 0.jpg") != known and state("one 0.jpg") == "done",
    )
    xmp = '<x xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:DateTimeOriginal="2001-02-03T04:05:06"/>'
    bench.measure("a sidecar arrives", lambda: (new / "one 1.jpg.xmp").write_text(xmp))
    bench.measure(
        "a damaged photo arrives",
        lambda: (new / "damaged.jpg").write_bytes(pictures[0].read_bytes()[:300]),
        lambda: state("damaged.jpg") == "failed",
    )
    folder = next(path for path in sorted(bench.archive.here.glob("20*/*")) if len(os.listdir(path)) > 100)
    moved = folder.with_name("moved " + folder.name)
    old = os.fsencode(folder.relative_to(bench.archive.here)) + b"/"

    def left(at: bytes) -> int:
        # of the folder that is there: the first one of the state
        query = "SELECT count(*) FROM photos WHERE root_id = 1 AND path >= ? AND path < ? AND state != 'missing'"
        return int(bench.query(query, at, at[:-1] + b"0"))

    bench.measure(
        f"a folder of {len(os.listdir(folder))} photos is moved", lambda: folder.rename(moved), lambda: not left(old)
    )
    bench.measure("a photo vanishes", (new / "other 1.jpg").unlink, lambda: state("other 1.jpg") == "missing")
    aside = bench.archive.top / f"aside {time.time():.0f}"
    now = os.fsencode(moved.relative_to(bench.archive.here)) + b"/"
    bench.measure("that folder vanishes", lambda: moved.rename(aside), lambda: not left(now))
    bench.measure("it comes back", lambda: aside.rename(folder), lambda: left(old))


def tree(bench: Bench, _pictures: list[Path]) -> None:
    """What the user does in the people tree."""

    def journal() -> int:
        return int(bench.query("SELECT max(entry_id) FROM journal"))

    def words(more: Callable[[], object]) -> tuple[Callable[[], object], Callable[[], bool]]:
        before = journal()
        return more, lambda: journal() > before

    def link(folder: Path, at: int = 0) -> Path:
        return [path for path in sorted(folder.iterdir()) if path.is_symlink()][at]

    named = int(bench.archive.people * 0.1)
    small, large = bench.folder(named // 2), bench.folder(2)
    for folder, size in ((small, "small"), (large, "large")):
        new = folder.with_name(f"{size} {time.time():.0f}")
        bench.measure(f"a {size} person's folder is renamed", *words(functools.partial(folder.rename, new)))
    small, large, other = bench.folder(named // 2), bench.folder(2), bench.folder(named // 2 + 2)
    bench.measure(
        "a link is moved to another person's folder",
        *words(lambda: link(small).rename(other / link(small).name)),
    )
    bench.measure("a link is deleted", *words(lambda: link(small).unlink()))
    pool = bench.archive.tree / "_unknown"
    bench.measure(
        "a link is moved out of the unknown pool", *words(lambda: link(pool, 7).rename(other / link(pool, 7).name))
    )
    new = bench.archive.tree / f"New {time.time():.0f}"

    def found() -> None:
        new.mkdir()
        link(pool, 9).rename(new / link(pool, 9).name)

    bench.measure("a new folder is made, with a link in it", *words(found))
    into = bench.folder(named // 2 + 3)
    bench.measure(
        "a person's folder is moved into another",
        *words(lambda: other.rename(into / other.name)),
    )


def commands(bench: Bench, _pictures: list[Path]) -> None:
    """What the command line asks of the daemon."""
    named = int(bench.archive.people * 0.1)
    one = named // 2 + 10

    def of(person: int, count: int, offset: int = 0) -> list[int]:
        query = "SELECT face_id FROM faces WHERE person_id = ? ORDER BY face_id LIMIT 1 OFFSET ?"
        return [int(bench.query(query, person, offset + at)) for at in range(count)]

    def undo() -> Mapping[str, Any]:
        return bench.ask("undo")

    bench.measure("command vitals", lambda: [bench.ask("vitals") for _ in range(5)])
    bench.measure("command rename", lambda: bench.ask("people.rename", person=str(one), name=f"Name {time.time():.0f}"))
    bench.measure(
        "command rename, the second largest",
        lambda: bench.ask("people.rename", person="3", name=f"Large {time.time():.0f}"),
    )
    bench.measure("command merge", lambda: bench.ask("people.merge", person=str(one + 1), into=str(one + 2)))
    bench.measure("command undo of it", undo)
    bench.measure("command merge into the largest", lambda: bench.ask("people.merge", person=str(one + 1), into="1"))
    bench.measure("command undo of it", undo)
    bench.measure("command split", lambda: bench.ask("people.split", person=str(one + 3), faces=of(one + 3, 5)))
    bench.measure("command hide", lambda: bench.ask("people.hide", person=str(one + 4)))
    bench.measure("command unhide", lambda: bench.ask("people.unhide", person=str(one + 4)))
    bench.measure("command confirm", lambda: bench.ask("faces.confirm", face=of(one + 5, 1, 9)[0], person=str(one + 5)))
    bench.measure("command reject", lambda: bench.ask("faces.reject", face=of(one + 6, 1, 9)[0], person=str(one + 6)))
    bench.measure("command reject, the largest", lambda: bench.ask("faces.reject", face=of(1, 1, 99)[0], person="1"))
    bench.measure("command undo of it", undo)
    bench.measure("command retry", lambda: bench.ask("retry"))
    photo = next(bench.archive.here.glob("2031/new*/one 2.jpg"))
    bench.measure("command dates-fix of a photo", lambda: bench.ask("dates.fix", photo=str(photo)))
    bench.measure("command dates-fix of all, a batch", lambda: bench.ask("dates.fix", after=0))
    bench.measure("command dates-undo of all, a batch", lambda: bench.ask("dates.undo", after=0))
    bench.measure("command tree", lambda: bench.ask("tree"))


def chores(bench: Bench, _pictures: list[Path]) -> None:
    """What is done by the clock."""
    for chore in (Chore.RESCAN, Chore.POLL, Chore.SUPERVISE, Chore.RECHECK, Chore.RETRY):
        scans = bench.log.read_bytes().count(b"Scanned ")
        is_scan = chore in {Chore.RESCAN, Chore.POLL}
        bench.measure(
            f"{chore} is due",
            functools.partial(bench.do, chore),
            lambda: not is_scan or bench.log.read_bytes().count(b"Scanned ") > scans,  # noqa: B023 - called at once
        )
    assert bench.process is not None
    bench.measure(
        "SIGHUP, nothing has changed",
        lambda: bench.process.send_signal(signal.SIGHUP),  # type: ignore[union-attr]
        lambda: b"The configuration was read again" in bench.log.read_bytes(),
    )


def root(bench: Bench, _pictures: list[Path]) -> None:
    """The folder of photos goes, and comes back."""
    here, aside = bench.archive.here, bench.archive.here.with_name("Photos aside")
    name = os.fsencode(here)

    def said(text: bytes) -> int:
        return bench.log.read_bytes().count(text + name if text.endswith(b" ") else name + text)

    gone, back = said(b" is offline"), said(b"Photos in ")
    scans = said(b" in ")
    bench.measure("the photo folder goes offline", lambda: here.rename(aside), lambda: said(b" is offline") > gone)
    bench.measure(
        "it comes back",
        lambda: aside.rename(here),
        lambda: said(b"Photos in ") > back and said(b" in ") > scans,
    )


def report(bench: Bench) -> int:
    """Print the longest turn of each kind of event. Returns the exit code."""
    kinds: dict[str, list[int]] = {}
    for row in bench.rows:
        for turn in row.turns if row.has_bar else ():
            for part in turn.parts.split(", ") if turn.parts else ():
                kind, _, ms = part.rpartition(" ")
                kinds.setdefault(kind, []).append(int(ms))
    print(f"\n| {'part of a turn':42} | count | median | longest |\n|---|---|---|---|")
    for kind, found in sorted(kinds.items(), key=lambda each: -max(each[1])):
        print(f"| {kind:42} | {len(found):5} | {statistics.median(found):6.0f} | {max(found):7} |")
    missed = [row for row in bench.rows if row.has_bar and row.longest.ms > SLOW_S * 1000]
    print(f"\n{len(bench.rows) - len(missed)} of {len(bench.rows)} within {SLOW_S * 1000:.0f} ms, or without a bar")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
