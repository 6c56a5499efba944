"""
The disk of the state, or of the people tree, is full: work waits, says so, and goes on by itself when there is room (R31).
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from harness import Home, Trial, comes, mount, photos_in, put, seconds, wait_until

PHOTOS = 60
_BLOCK = 4096


def main(trial: Trial) -> None:
    state(trial)
    people(trial)


def state(trial: Trial) -> None:
    disk = trial.folder / "state" / "state"
    disk.mkdir(parents=True)
    mount("-t", "tmpfs", "-o", "size=160m", "state", disk)
    home = trial.home("state")
    put(photos_in(trial.prepared.album), trial.prepared.album, home.album)
    _goes_through(trial, home, "the state's disk full during ingest", disk, after=5)


def people(trial: Trial) -> None:
    disk = trial.folder / "people" / "people"
    disk.mkdir(parents=True)
    mount("-t", "tmpfs", "-o", "size=4m", "people", disk)
    home = trial.home("people")
    put(photos_in(trial.prepared.album), trial.prepared.album, home.album)
    _goes_through(trial, home, "the people tree's disk full", disk, room=16_384)


def _goes_through(trial: Trial, home: Home, what: str, disk: Path, room: int = 0, after: int = 0) -> None:
    """Fill the disk but for so many bytes, as soon as so many photos are in; make room again; look what came of it."""
    filler = disk / "filler"
    if not after:
        _fill(filler, disk, room)
    with home.daemon() as daemon:
        if after:
            wait_until(lambda: home.states()["done"] >= after, 60, "the first photos", every=0.02)
            _fill(filler, disk, room)
        mount_point = str(disk)
        daemon.wait_for("Photos in")

        def told() -> bool:
            return any("free" in line and mount_point in line for line in home.status()["blocked"])

        noticed = comes(told, 60, 0.5)
        lines = [line for line in home.status()["blocked"] if "free" in line]
        found = f"after {seconds(noticed)}, {home.states()['done']} of {PHOTOS} photos in"
        trial.figure(f"{what}: `status` names it", found, "60 s", noticed is not None and bool(lines) and daemon.lives)
        before = home.states()
        verdict = home.verdict()
        trial.figure(f"{what}: quick_check", verdict, "ok", verdict == "ok")
        filler.unlink()
        taken = comes(lambda: home.is_settled(PHOTOS), 90, 0.5)
        lost = before["done"] - home.states()["done"]
        trial.figure(f"{what}: room made, done by itself", seconds(taken), "90 s", taken is not None and lost <= 0)
        cleared = comes(lambda: not home.status()["blocked"], 20, 0.5)
        trial.figure(f"{what}: nothing blocked", seconds(cleared), "20 s", cleared is not None)
        # covers are cut beside the rest
        comes(lambda: not home.result().differences(trial.prepared.result()), 20, 0.5)
        if daemon.lives:
            daemon.stop()
    differences = home.result().differences(trial.prepared.result())
    trial.figure(f"{what}: result", differences or "as undisturbed", "as undisturbed", not differences)


def _fill(filler: Path, disk: Path, room: int) -> None:
    """Leave so many bytes, or fewer, as others write there too."""
    found = os.statvfs(disk)
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        for _ in range((found.f_bavail * found.f_frsize - room) // _BLOCK):
            file.write(bytes(_BLOCK))
