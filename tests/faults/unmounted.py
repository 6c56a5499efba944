"""
A root that is not there, or is another disk, is offline: nothing is deleted, and all is well when it is back (R5).
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from harness import Daemon, Home, Trial, comes, mount, photos_in, put, seconds, tiny, unmount, wait_until

# longer than the minute after which a photo that two looks missed counts as gone
AWAY_S = 75
PHOTOS = 500


def main(trial: Trial) -> None:
    disk = trial.folder / "disk"
    disk.mkdir()
    mount("-t", "tmpfs", "-o", "size=200m", "photos", disk)
    home = trial.home("home", watch={"rescan_s": 4})
    mount("--bind", disk, home.album)
    faces = put(photos_in(trial.prepared.album), trial.prepared.album, home.album)
    for number in range(PHOTOS - len(faces)):
        (home.album / f"{number:03d}.jpg").write_bytes(tiny(number))
    home.count_jobs()
    with home.daemon() as daemon:
        wait_until(lambda: home.is_settled(PHOTOS), 120, "everything taken in")
        wait_until(lambda: home.missing_links() == 0, 10)
        time.sleep(3)
        state = _Whole(trial, home, daemon)

        def unmounted() -> Callable[[], None]:
            unmount("-l", home.album)
            return lambda: mount("--bind", disk, home.album)

        def covered() -> Callable[[], None]:
            mount("-t", "tmpfs", "other", home.album)
            for number in range(20):
                (home.album / f"stranger {number}.jpg").write_bytes(tiny(9000 + number))
            return lambda: unmount("-l", home.album)

        state.goes_through("unmounted", unmounted)
        state.goes_through("another disk mounted over it", covered)
        state.replaced(disk)


class _Whole:
    """A home that must stay whole."""

    def __init__(self, trial: Trial, home: Home, daemon: Daemon) -> None:
        self._trial = trial
        self._home = home
        self._daemon = daemon
        self._links = home.links()
        self._faces = self._face_ids()
        self._away_s = 15 if trial.quick else AWAY_S

    def goes_through(self, what: str, disturb: Callable[[], Callable[[], None]]) -> None:
        """Take the root away for a while, in some way, and give it back."""
        home, mark = self._home, self._home.mark()
        mend = disturb()
        noticed = comes(lambda: home.root_status()[0] == "offline", 20)
        _, reason = home.root_status()
        self._figure(
            f"{what}: 'offline', with a reason", seconds(noticed), "20 s", noticed is not None and bool(reason)
        )
        time.sleep(self._away_s)
        states = home.states()
        whole = states == {"done": PHOTOS} and home.links() == self._links
        found = f"{_said(states)}; {self._lost_links()} links lost"
        self._figure(f"{what}: after {self._away_s} s", found, "nothing gone", whole)
        mend()
        self._is_well(f"{what}: back", mark, read=0)

    def replaced(self, disk: Path) -> None:
        """The photos come back on another disk: other inodes, other device."""
        home, mark = self._home, self._home.mark()
        copy = self._trial.folder / "copy"
        shutil.copytree(disk, copy)
        unmount(home.album)
        unmount(disk)
        noticed = comes(lambda: home.root_status()[0] == "offline", 20)
        self._figure("the disk pulled out: 'offline'", seconds(noticed), "20 s", noticed is not None)
        mount("-t", "tmpfs", "-o", "size=200m", "photos", home.album)
        shutil.copytree(copy, home.album, dirs_exist_ok=True)
        self._is_well("the photos back on a new disk", mark, read=PHOTOS)

    def _is_well(self, what: str, mark: int, read: int) -> None:
        home = self._home
        well = comes(lambda: home.root_status()[0] == "online" and home.is_done(PHOTOS) and home.is_in_step(), 60, 0.5)
        time.sleep(3)
        jobs = home.jobs(mark)
        whole = home.links() == self._links and self._face_ids() == self._faces and self._daemon.lives
        found = f"well after {seconds(well)}; {jobs['read']} read, {jobs['embedded']} embedded, {self._lost_links()} links lost"
        met = well is not None and whole and not jobs["embedded"] and jobs["read"] <= read
        self._figure(what, found, f"60 s; at most {read} read, none embedded", met)

    def _lost_links(self) -> int:
        return len(self._links - self._home.links())

    def _face_ids(self) -> list[object]:
        return self._home.query("SELECT face_id, person_id FROM faces ORDER BY face_id")

    def _figure(self, what: str, found: str, bar: str, met: bool) -> None:
        self._trial.figure(what, found, bar, met)


def _said(states: dict[str, int]) -> str:
    return ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
