"""
What watching a large archive costs: `python benchmarks/bench_scan.py` (`make bench`).

Makes an archive of 100,000 small files in 1,000 folders and an index that knows them all, then measures the real daemon:
how long from its start to READY=1 and to the end of its first look at everything, how long a full rescan takes and what
it adds to the memory, and what watching costs when nothing happens. Ends with 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import yaml

from facewatchd.config import Config, load_config
from facewatchd.domain import TakenPhoto
from facewatchd.photos.formats import is_photo_name
from facewatchd.pipeline.models import engine_for
from facewatchd.store import Store
from facewatchd.watch.scanner import scan

RESCAN_S, ADDED_MB, REST_PERCENT, READY_S = 5.0, 100.0, 0.5, 10.0
RESCANS = 2
EVERY_S = 40
"""From rescan to rescan: two of them, and 20 s of rest, have room in between."""

AT_REST_S = 20.0
WATCHING = "watching for changes"
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(description="Measure what watching a large archive costs.")
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--folders", type=int, default=1_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="facewatchd-bench-") as folder:
        prepare(Path(folder, "empty"), 0, 1)
        with Running(Path(folder, "empty")) as daemon:
            daemon.wait(lambda: WATCHING in daemon.log, 60)
            empty_mb = daemon.peak_mb()
        config = prepare(Path(folder, "large"), arguments.files, arguments.folders)
        with Running(Path(folder, "large")) as daemon:
            met = measure(daemon, arguments.files, arguments.folders, empty_mb)
        with Store(config.state.dir, read_only=True) as store:
            counts = {state.value: count for state, count in store.photos.counts().items() if count}
    print(f"index at the end: {counts}")
    return 0 if met and counts == {"done": arguments.files} else 1


def prepare(folder: Path, files: int, folders: int) -> Config:
    """The archive, and the index that a daemon which had taken it in would have left behind."""
    album = folder / "album"
    started = time.monotonic()
    for number in range(folders):
        part = album / f"{number // 100:02d}" / f"{number % 100:02d}"
        part.mkdir(parents=True)
        for photo in range(number, files, folders):
            (part / f"IMG_{photo:06d}.jpg").write_bytes(b"\xff\xd8\xff\xd9")
    values = {
        "photos": [str(album)],
        "people": {"dir": str(folder / "people")},
        "state": {"dir": str(folder / "state")},
        "models": {"pack": "builtin", "root": str(folder / "models")},
        "watch": {"rescan_s": EVERY_S},
        "dates": {"mode": "report"},
        "log": {"level": "debug"},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(values))
    config = load_config(folder / "config.yaml")
    with Store(config.state.dir) as store:
        engine, _ = engine_for(config, store)
        with store.transaction():
            root = store.roots.ensure(os.path.realpath(os.fsencode(album)))
            number = 0
            for scanned in scan(root, is_photo_name):
                for seen in scanned.files:
                    number += 1
                    picture = number.to_bytes(32, "big")
                    store.photos.take(TakenPhoto(seen, picture, 4000, 3000, None, ()), engine.info.id)
    print(f"{number:,} files in {folders:,} folders made and indexed in {time.monotonic() - started:.0f} s")
    return config


class Running:
    """The daemon, and the socket on which it tells that it is ready."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "daemon.log"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(folder / "notify"))
        self.socket.settimeout(60)
        # what was just written is to be on the disk already, or the start would wait for that
        os.sync()
        self.started = time.monotonic()
        with self._log.open("wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "facewatchd", "run", "--config", str(folder / "config.yaml")],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                env={**os.environ, "NOTIFY_SOCKET": str(folder / "notify")},
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is not None:
            shutil.copyfileobj(self._log.open(), sys.stderr)
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.socket.close()

    @property
    def log(self) -> str:
        return self._log.read_text()

    def wait_ready(self) -> float:
        """Seconds from its start to READY=1."""
        while b"READY=1" not in self.socket.recv(4096):
            pass
        ready = time.monotonic() - self.started
        self.socket.close()  # nobody reads on
        return ready

    def rescans(self) -> list[float]:
        """How long each full scan took that is over, seconds."""
        return [float(found) for found in re.findall(r"Scanned .*/ in ([\d.]+) s", self.log)]

    def wait(self, condition: Callable[[], bool], timeout: float) -> float:
        """Seconds from its start until something is so."""
        while not condition():
            if self.process.poll() is not None or time.monotonic() - self.started > timeout:
                raise RuntimeError("the daemon does not come to it")
            time.sleep(0.02)
        return time.monotonic() - self.started

    def peak_mb(self) -> float:
        """The most memory that it has taken so far, MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        return int(found[1]) / 1024 if found else 0.0

    def processor_s(self) -> float:
        """Processor time used so far, seconds."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


def measure(daemon: Running, files: int, folders: int, empty_mb: float) -> bool:
    """Print the table. Returns whether every bar is met."""
    ready = daemon.wait_ready()
    watching = daemon.wait(lambda: WATCHING in daemon.log, 120)
    first = daemon.rescans()[0]
    time.sleep(2)
    used, at = daemon.processor_s(), time.monotonic()
    time.sleep(AT_REST_S)
    rest = 100 * (daemon.processor_s() - used) / (time.monotonic() - at)
    daemon.wait(lambda: len(daemon.rescans()) > RESCANS, 60 + RESCANS * EVERY_S * 1.5)
    added = daemon.peak_mb() - empty_mb
    rescan = min(daemon.rescans()[1:])
    rows = [
        (
            f"rescan of {files:,} unchanged files in {folders:,} folders",
            f"{rescan:.1f} s",
            f"{RESCAN_S:.0f} s",
            rescan <= RESCAN_S,
        ),
        (
            "memory at the peak, more than for an empty folder",
            f"{added:.0f} MB",
            f"{ADDED_MB:.0f} MB",
            added <= ADDED_MB,
        ),
        (
            f"watching, at rest, over {AT_REST_S:.0f} s",
            f"{rest:.2f} % of a core",
            f"{REST_PERCENT} %",
            rest <= REST_PERCENT,
        ),
        ("start to READY=1 (every folder watched)", f"{ready:.1f} s", f"{READY_S:.0f} s", ready <= READY_S),
        (
            "start to 'watching', first look at everything done",
            f"{watching:.1f} s (the look: {first:.1f} s)",
            f"{READY_S:.0f} s",
            watching <= READY_S,
        ),
    ]
    print("\n| what | measured | bar | |\n|---|---|---|---|")
    for what, measured, bar, met in rows:
        print(f"| {what} | {measured} | {bar} | {'' if met else 'MISSED'} |")
    return all(met for *_, met in rows)


if __name__ == "__main__":
    sys.exit(main())
