"""
How fast photos are taken in, at what cost, and with what loss: `python benchmarks/bench_ingest.py [--photos N]`.

Makes an album of 12-megapixel photos (once, into a cache folder), then runs the loop that one would write instead
(insightface's `FaceAnalysis` on each photo) and the daemon in turn, on the same photos, models and two cores. Prints a
table with the promise beside each figure. Needs the shared folder, and ends with 0 where it is missing.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from figures import SHARED
from numpy.typing import NDArray

from facewatchd.domain import Box, FaceEngine
from facewatchd.faces.packs import open_engine
from facewatchd.photos.decoding.child import SharedCanvas
from facewatchd.photos.decoding.decode import decode

PACKS = ("testpack", "builtin")
WORKERS = 2
TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Run:
    """
    What one run of the daemon came to.

    Attributes:
        first_s: From its start to the first photo done.
        rate: Photos a second from then on.
        cpu_ms: Of the processor, per photo, all processes together.
        memory: Proportional set size of all processes together, megabytes, at regular moments, with the photos done.
    """

    first_s: float = 0.0
    rate: float = 0.0
    cpu_ms: float = 0.0
    memory: list[tuple[int, float]] = field(default_factory=list)

    @property
    def peak(self) -> float:
        return max(megabytes for _, megabytes in self.memory)

    def growth(self) -> float:
        """How much more memory is taken in the last fifth of the photos than in the second."""
        photos = max(done for done, _ in self.memory)

        def mean(low: float, high: float) -> float:
            return statistics.fmean(mb for done, mb in self.memory if low * photos <= done <= high * photos)

        return mean(0.8, 0.999) / mean(0.2, 0.4) - 1


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(description="Measure how photos are taken in.")
    parser.add_argument("--photos", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3, help="how often loop and daemon take turns (3)")
    parser.add_argument("--flat", type=int, default=2000, help="photos over which memory must stay flat; 0: leave out")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir(), "facewatchd-bench"))
    arguments = parser.parse_args()
    if not SHARED.is_dir():
        print(f"{SHARED} is missing: nothing to measure. $FACEWATCHD_SHARED names the folder.")
        return 0
    # everything that is started here inherits it
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:WORKERS])
    cv2.setNumThreads(1)
    album = made_album(arguments.photos, arguments.cache)
    rows = []
    for pack in PACKS:
        rows += measure(pack, album, arguments.rounds, arguments.cache)
    if arguments.flat:
        rows += flat(album, arguments.flat, arguments.cache)
    print()
    for row in [("what", "found", "promise", ""), ("---",) * 4, *rows]:
        print("| " + " | ".join(row) + " |")
    return 0


def row(what: str, found: float, form: str, bar: str = "", met: bool = True) -> tuple[str, str, str, str]:
    """A line of the table."""
    return (what, form.format(found), bar, "" if met else "MISSED")


def made_album(photos: int, cache: Path) -> Path:
    """The album, from the cache where it is there."""
    album = cache / f"album-{photos}"
    if not album.is_dir():
        print(f"making {photos} photos, once ...", flush=True)
        cache.mkdir(parents=True, exist_ok=True)
        making = cache / f"album-{photos}.part"
        shutil.rmtree(making, ignore_errors=True)
        script = [sys.executable, str(SHARED / "tools" / "make_album.py"), str(SHARED / "photos" / "lfw-dev")]
        subprocess.run([*script, str(making), "--photos", str(photos), "--seed", "7"], check=True)
        making.rename(album)
    return album


def measure(pack: str, album: Path, rounds: int, cache: Path) -> list[tuple[str, str, str, str]]:
    """Speed, cost and loss with one pack."""
    parts = parts_alone(pack, album, cache)
    loops, runs = [], []
    with tempfile.TemporaryDirectory(prefix="facewatchd-bench-") as folder:
        for number in range(rounds):
            if pack == "testpack":
                loops.append(plain_loop(album, pack))
                print(f"{pack} loop: {loops[-1]:.2f} photos/s", flush=True)
            home = Path(folder) / str(number)
            runs.append(run_daemon(pack, album, home, cache))
            print(f"{pack} daemon: {runs[-1].rate:.2f} photos/s, {runs[-1].cpu_ms:.1f} ms CPU", flush=True)
        if pack == "testpack":
            found, similar = against_loop(album, pack, export(home))
    rate, cpu = statistics.median(run.rate for run in runs), statistics.median(run.cpu_ms for run in runs)
    whole = sum(parts.values())
    rows = [row(f"{pack}: photos per second", rate, "{:.1f}")]
    if pack == "testpack":
        ratio = rate / statistics.median(loops)
        rows += [
            row(f"{pack}: the plain loop's", statistics.median(loops), "{:.1f}"),
            row(f"{pack}: against the plain loop", ratio, "{:.2f} times", "1.7", ratio >= 1.7),
            row(f"{pack}: of its faces found", 100 * found, "{:.2f} %", "99.5 %", found >= 0.995),
            row(f"{pack}: faces >= 80 px within 0.98 of its", 100 * similar, "{:.2f} %", "99 %", similar >= 0.99),
        ]
    rows += [row(f"{pack}: {name} alone", cost, "{:.1f} ms") for name, cost in parts.items()]
    peak, first = max(run.peak for run in runs), statistics.median(run.first_s for run in runs)
    bar = "900 MB" if pack == "testpack" else ""
    return [
        *rows,
        row(f"{pack}: CPU time per photo", cpu, "{:.1f} ms"),
        row(f"{pack}: against the sum of the parts", cpu / whole, "{:.2f} times", "1.2", cpu / whole <= 1.2),
        row(f"{pack}: peak memory of all processes", peak, "{:.0f} MB", bar, not bar or peak <= 900),
        row(f"{pack}: start to first photo done", first, "{:.1f} s", "5 s", first <= 5),
    ]


def flat(album: Path, photos: int, cache: Path) -> list[tuple[str, str, str, str]]:
    """Memory over many photos: copies of the album's, until there are enough."""
    with tempfile.TemporaryDirectory(prefix="facewatchd-bench-", dir=cache) as folder:
        every = photos_of(album)
        many = Path(folder) / "album"
        for number in range(photos):
            there = many / f"{number // 500}" / f"{number:05d}.jpg"
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(every[number % len(every)], there)
        run = run_daemon("testpack", many, Path(folder) / "home", cache)
    growth = 100 * run.growth()
    return [row(f"testpack: memory over {photos} photos", growth, "{:+.1f} %", "+-5 %", abs(growth) <= 5)]


# --- the parts


def parts_alone(pack: str, album: Path, cache: Path) -> dict[str, float]:
    """What each part costs by itself, milliseconds of one core per photo: the least of three, over some photos."""
    engine = opened(pack, cache)
    canvas = SharedCanvas(os.memfd_create("bench"))
    costs: dict[str, list[float]] = {"decoding": [], "detection": [], "embeddings": []}
    for path in photos_of(album)[:40]:
        data = path.read_bytes()
        image = decode(data, b"", 250, None, canvas).image
        found = engine.detect(image)

        def embed(image: Any = image, found: Any = found) -> None:
            engine.embed([engine.align(image, face.landmarks) for face in found])

        costs["decoding"].append(least(lambda data=data: decode(data, b"", 250, None, canvas)))  # type: ignore[misc]
        costs["detection"].append(least(lambda image=image: engine.detect(image)))  # type: ignore[misc]
        costs["embeddings"].append(least(embed))
    return {name: statistics.fmean(each) for name, each in costs.items()}


def opened(pack: str, cache: Path) -> FaceEngine:
    name = str(SHARED / "models" / pack) if pack != "builtin" else pack
    return open_engine(name, cache, cache / "models", "cpu")


def least(work: Callable[[], object]) -> float:
    """Milliseconds of the processor, the least of three."""
    costs = []
    for _ in range(3):
        began = time.process_time()
        work()
        costs.append(time.process_time() - began)
    return 1000 * min(costs)


# --- the loop


def plain_loop(album: Path, pack: str) -> float:
    """Photos a second of the loop that one would write instead."""
    script = [sys.executable, str(SHARED / "tools" / "plain_loop.py"), str(album)]
    done = subprocess.run([*script, "--root", str(SHARED), "--pack", pack], check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout.splitlines()[-1])["photos_per_s"])


def against_loop(album: Path, pack: str, ours: dict[str, list[tuple[Box, NDArray[np.float32]]]]) -> tuple[float, float]:
    """Which share of the loop's faces was found, and of those of 80 pixels or more has an embedding near the loop's."""
    from insightface.app import FaceAnalysis  # noqa: PLC0415 - the loop's own import

    loop = FaceAnalysis(name=pack, root=str(SHARED), allowed_modules=["detection", "recognition"])
    loop.prepare(ctx_id=0, det_size=(640, 640))
    found, similar, large, total = 0, 0, 0, 0
    for path in photos_of(album):
        for face in loop.get(cv2.imread(str(path))):
            left, top, right, bottom = (float(value) for value in face.bbox)
            box = Box(left, top, right - left, bottom - top)
            total += 1
            best = max(ours.get(str(path), []), key=lambda other: box.overlap(other[0]), default=None)
            if best is None or box.overlap(best[0]) < 0.5:
                continue
            found += 1
            if box.w >= 80:
                large += 1
                similar += float(face.normed_embedding @ best[1]) >= 0.98
    return found / max(1, total), similar / max(1, large)


# --- the daemon


def run_daemon(pack: str, album: Path, home: Path, cache: Path) -> Run:
    """Take the album in from nothing."""
    home.mkdir(parents=True)
    if (cache / "models").is_dir():
        shutil.copytree(cache / "models", home / "state" / "models")
    name = str(SHARED / "models" / pack) if pack != "builtin" else pack
    settings = {
        "photos": [str(album)],
        "people": {"dir": str(home / "people")},
        "state": {"dir": str(home / "state")},
        "models": {"pack": name, "root": str(home)},
        "dates": {"mode": "report"},
        "ingest": {"workers": WORKERS},
    }
    (home / "config.yaml").write_text(yaml.safe_dump(settings))
    total, result = len(photos_of(album)), Run()
    began = time.monotonic()
    command = [sys.executable, "-m", "facewatchd", "run", "--config", str(home / "config.yaml")]
    with subprocess.Popen(command, stderr=(home / "log").open("wb")) as daemon:
        try:
            with watched(daemon.pid, lambda: done_in(home), result):
                at_first = wait_for(lambda: done_in(home), 1, daemon)
                first, cpu = time.monotonic(), cpu_of(daemon.pid)
                wait_for(lambda: done_in(home), total, daemon)
                last, cpu_end = time.monotonic(), cpu_of(daemon.pid)
        finally:
            daemon.terminate()
    result.first_s = first - began
    result.rate = (total - at_first) / (last - first)
    result.cpu_ms = 1000 * (cpu_end - cpu) / (total - at_first)
    return result


def wait_for(count: Callable[[], int], wanted: int, daemon: subprocess.Popen[bytes]) -> int:
    while (done := count()) < wanted:
        if daemon.poll() is not None:
            raise RuntimeError(f"the daemon ended with {daemon.returncode}")
        time.sleep(0.02)
    return done


def done_in(home: Path) -> int:
    """Photos that the state has as done."""
    try:
        with closing(sqlite3.connect(f"file:{home}/state/facewatchd.sqlite?mode=ro", uri=True, timeout=5)) as state:
            return int(state.execute("SELECT count(*) FROM photos WHERE state = 'done'").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


@contextmanager
def watched(pid: int, done: Callable[[], int], result: Run) -> Iterator[None]:
    """Note the memory of a process and all below it, twice a second."""
    over = threading.Event()

    def note() -> None:
        while not over.wait(0.5):
            result.memory.append((done(), sum(map(memory_of, tree(pid)))))

    thread = threading.Thread(target=note)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    try:
        below = [
            int(each)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for each in (task / "children").read_text().split()
        ]
    except OSError:
        return []
    return [pid, *(deeper for child in below for deeper in tree(child))]


def memory_of(pid: int) -> float:
    """Proportional set size, megabytes; 0 where it has just ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


def cpu_of(pid: int) -> float:
    """Seconds of the processor that a process, all below it, and those that have ended took."""
    total = 0
    for each in tree(pid):
        try:
            fields = Path(f"/proc/{each}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += sum(int(fields[at]) for at in (11, 12, 13, 14))
    return total / TICK


def export(home: Path) -> dict[str, list[tuple[Box, NDArray[np.float32]]]]:
    """The faces that the daemon found, by photo."""
    table, vectors = home / "faces.csv", home / "faces.npy"
    command = [sys.executable, "-m", "facewatchd", "faces", "export", "--config", str(home / "config.yaml")]
    subprocess.run([*command, "--csv", str(table), "--embeddings", str(vectors)], check=True)
    found: dict[str, list[tuple[Box, NDArray[np.float32]]]] = {}
    with table.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        for face, vector in zip(csv.DictReader(file), np.load(vectors), strict=True):
            box = Box(*(float(face[side]) for side in ("x", "y", "w", "h")))
            found.setdefault(face["photo"], []).append((box, vector))
    return found


def photos_of(album: Path) -> list[Path]:
    """As the loop takes them."""
    return sorted(path.resolve() for path in album.rglob("*") if path.suffix.lower() == ".jpg")


if __name__ == "__main__":
    sys.exit(main())
