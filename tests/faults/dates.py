"""
kill -9 at random moments while dates are written into photos of every layout, and taken back: each file is the old or the
new one, bit for bit, and in the end exiftool reads what it should (R13-R16).
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from harness import Home, Trial, environment

sys.path.insert(0, str(Path(__file__).parent.parent / "system"))
from date_corpus import Sample, corpus
from exiftool import MISSING, flaws, read_folder

from facewatchd.core.dates.plan import Act

SEED = 11
KILLS = 40
"""Each takes about a second and a half."""

NAME = "IMG_20190817_123456"
DATE = "2019:08:17 12:34:56"
TEMPORARY = ".facewatchd-date-"
INPLACE = {"dates": {"mode": "inplace", "timezone": "UTC"}}

Files = Mapping[str, bytes]


def main(trial: Trial) -> None:
    samples = {f"{number:03d}/{NAME}{sample.ending}": sample for number, sample in enumerate(corpus().values())}
    home = trial.home("home", dates={"mode": "report"})
    for path, sample in samples.items():
        (home.album / path).parent.mkdir()
        (home.album / path).write_bytes(sample.data)
    home.once()
    home = Home(home.path, INPLACE)
    old = files(home)
    print(f"  {len(old)} layouts, {home.states()['done']} of them taken in", flush=True)
    took = {"fix": done(home, "fix")}
    new = files(home)
    exiftool(trial, home, samples, old, new)
    took["undo"] = done(home, "undo")
    back = differing(files(home), old)
    trial.figure("the same, taken back: files", back or "as before", "as before", not back)
    _Rounds(trial, home, old, new, took).run(min(trial.kills, KILLS))


class _Rounds:
    """
    Writing and taking back in turn, each killed and begun again until it comes to its end.

    Args:
        trial: Where the figures go.
        home: An archive that is known, its dates as they were.
        old: Its files.
        new: Its files with their dates written.
        took: Seconds that each command takes.
    """

    def __init__(self, trial: Trial, home: Home, old: Files, new: Files, took: Mapping[str, float]) -> None:
        self._trial = trial
        self._home = home
        self._old = old
        self._new = new
        self._took = took
        self._rng = random.Random(SEED)

    def run(self, kills: int) -> None:
        wrong: list[str] = []
        hit: Counter[str] = Counter()
        ends = rounds = 0
        command, wanted = "fix", self._new
        while sum(hit.values()) < kills:
            if self._killed(command):
                found = files(self._home)
                wrong += [f"{path} after a kill" for path in neither(found, self._old, self._new)]
                amid = {path for path in found if found[path] != self._old.get(path)}
                hit["amid" if 0 < len(amid) < len(written(self._old, self._new)) else "at the edge"] += 1
                if self._rng.random() < 0.7:
                    continue
            done(self._home, command)
            rounds += 1
            left = differing(files(self._home), wanted)
            ends += not left
            wrong += [f"{command}: {left}"] if left else []
            command, wanted = ("undo", self._old) if command == "fix" else ("fix", self._new)
        what = (
            f"kill -9 while dates are written or taken back ({hit['amid']} of {sum(hit.values())} between two photos)"
        )
        self._trial.figure(f"{what}: files", "; ".join(wrong[:5]) or "old or new, bit for bit", "old or new", not wrong)
        self._trial.figure("the same: begun again, comes to its end", f"{ends} of {rounds}", "all", ends == rounds)
        verdict = self._home.verdict()
        self._trial.figure("the same: quick_check", verdict, "ok", verdict == "ok")

    def _killed(self, command: str) -> bool:
        """Begin and kill after a random time; whether it still ran then."""
        with subprocess.Popen(
            self._home.command("dates", command),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment(),
        ) as process:
            time.sleep(self._rng.uniform(0.3, 1.0) * self._took[command])
            ran = process.poll() is None
            process.kill()
        return ran


def exiftool(trial: Trial, home: Home, samples: Mapping[str, Sample], old: Files, new: Files) -> None:
    """Compare what it reads in the photos into which something was written."""
    what = f"dates of {len(old)} layouts written: exiftool reads"
    if MISSING:
        trial.figure(what, MISSING, "the new date, and all else as before", met=True)
        return
    before = home.path / "before"
    for path, data in old.items():
        (before / path).parent.mkdir(parents=True)
        (before / path).write_bytes(data)
    readings, now = read_folder(before), read_folder(home.album)
    changed = [path for path in old if old[path] != new[path]]
    bad = {path: flawed for path in changed if (flawed := flaws(readings[path], now[path], samples[path].act, DATE))}
    wanted = sum(sample.act in {Act.PATCH, Act.EXIF} for sample in samples.values())
    found = str(bad) if bad else f"it in {len(changed)} of {wanted}, and all else as before"
    trial.figure(what, found, "the new date, and all else as before", not bad and len(changed) == wanted)


def done(home: Home, command: str) -> float:
    """Run a command to its end; returns the seconds that it took."""
    started = time.monotonic()
    subprocess.run(home.command("dates", command), check=True, env=environment(), capture_output=True, timeout=60)
    return time.monotonic() - started


def files(home: Home) -> dict[str, bytes]:
    """Everything in the album; what a killed write leaves hidden is not counted."""
    return {
        str(path.relative_to(home.album)): path.read_bytes()
        for path in home.album.rglob("*")
        if path.is_file() and not path.name.startswith(TEMPORARY)
    }


def written(old: Files, new: Files) -> set[str]:
    """The paths at which the two differ."""
    return {path for path in old.keys() | new.keys() if old.get(path) != new.get(path)}


def neither(found: Files, old: Files, new: Files) -> list[str]:
    """Files that are neither the old nor the new one."""
    return [path for path in found.keys() | old.keys() if found.get(path) not in (old.get(path), new.get(path))]


def differing(found: Files, wanted: Files) -> str:
    """Some paths at which files are not as wanted, empty where all are."""
    return ", ".join(sorted(written(found, wanted))[:3])
