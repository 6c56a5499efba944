"""
The day the disk gets a new name: 300 portraits, of which people are named and corrected, are found under other paths. No
photo is looked at again whose bytes are the same, no name, correction or link is lost, and what was recognised is said.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import yaml
from harness import Home, Trial, environment, mount

SHARED = Path(os.environ.get("FACEWATCHD_SHARED") or Path(__file__).resolve().parents[3] / "shared")
PHOTOS, QUICK_PHOTOS = 300, 60
CORRECTED = 12


def main(trial: Trial) -> None:
    portraits = SHARED / "photos" / "lfw-dev"
    if not portraits.is_dir():
        trial.figure("roots", f"no portraits to be had: {SHARED} is missing", "is skipped", met=True)
        return
    archive = _Archive(trial, trial.home("home"))
    archive.fill(portraits, QUICK_PHOTOS if trial.quick else PHOTOS)
    archive.correct()
    folder = trial.folder

    def renamed() -> list[Path]:
        return [archive.home.album.rename(folder / "Bilder")]

    def mounted_elsewhere() -> list[Path]:
        (folder / "media").mkdir()
        mount("--bind", folder / "Bilder", folder / "media")
        return [folder / "media"]

    def on_another_disk() -> list[Path]:
        (folder / "disk").mkdir()
        mount("-t", "tmpfs", "-o", "size=200m", "photos", folder / "disk")
        shutil.copytree(folder / "Bilder", folder / "disk" / "Fotos")
        return [folder / "disk" / "Fotos"]

    def split() -> list[Path]:
        return [folder / "disk" / "Fotos" / "even", folder / "disk" / "Fotos" / "odd"]

    def moved_apart() -> list[Path]:
        (folder / "disk" / "x").mkdir()
        (folder / "disk" / "Fotos" / "even").rename(folder / "disk" / "x" / "first")
        (folder / "disk" / "Fotos" / "odd").rename(folder / "disk" / "second")
        return [folder / "disk" / "x", folder / "disk" / "second"]

    def joined() -> list[Path]:
        (folder / "disk" / "all").mkdir()
        (folder / "disk" / "x" / "first").rename(folder / "disk" / "all" / "1")
        (folder / "disk" / "second").rename(folder / "disk" / "all" / "2")
        return [folder / "disk" / "all"]

    def copied_apart() -> list[Path]:
        for name, to in (("1", folder / "one" / "in"), ("2", folder / "two")):
            shutil.copytree(folder / "disk" / "all" / name, to, copy_function=shutil.copyfile)
        return [folder / "one", folder / "two"]

    def widened() -> list[Path]:
        (folder / "wide").mkdir()
        for name in ("one", "two"):
            (folder / name).rename(folder / "wide" / name)
        return [folder / "wide"]

    archive.goes_through("renamed", renamed)
    archive.goes_through("mounted elsewhere, the old path still there", mounted_elsewhere)
    archive.goes_through("copied to another disk", on_another_disk)
    archive.goes_through("split into two roots", split)
    archive.goes_through("the two moved to other places", moved_apart)
    archive.goes_through("the two moved into one", joined)
    archive.goes_through("copied apart without their times", copied_apart)
    archive.goes_through("the two renamed and joined", widened)
    archive.on_another_machine(folder / "wide", folder / "machine")


class _Archive:
    """A home that must stay whole wherever its photos are."""

    def __init__(self, trial: Trial, home: Home) -> None:
        self._trial = trial
        self.home = home
        self._whole: object = None

    def fill(self, portraits: Path, count: int) -> None:
        """The people with most portraits, in two folders."""
        people = sorted(portraits.iterdir(), key=lambda folder: (-len(list(folder.iterdir())), folder.name))
        photos = [photo for person in people for photo in sorted(person.iterdir())[:12]][:count]
        for number, photo in enumerate(photos):
            to = self.home.album / ("even" if number % 2 == 0 else "odd")
            to.mkdir(exist_ok=True)
            shutil.copyfile(photo, to / photo.name)
        self.home.once()
        self.home.count_jobs()

    def correct(self) -> None:
        """Name everybody, say that some photos are somebody else's, and of some that they are not who is believed."""
        tree = self.home.people
        named = 0
        for folder in sorted(tree.glob("Person *")):
            who = Counter(link.name.rsplit("_", 1)[0] for link in folder.glob("*.jpg") if link.is_symlink())
            name = who.most_common(1)[0][0]
            if not (tree / name).exists():
                folder.rename(tree / name)
                named += 1
        self.home.once()
        folders = sorted(
            folder for folder in tree.iterdir() if folder.is_dir() and not folder.name.startswith(("_", "Person"))
        )
        for number, (one, other) in enumerate(pairwise(folders)):
            links = sorted(link for link in one.iterdir() if link.is_symlink())
            if number < CORRECTED and len(links) > 3:
                links[0].rename(other / links[0].name)
                links[1].unlink()
                links[2].rename(tree / "_ignored" / links[2].name)
        self.home.once()
        self._whole = self._snapshot()
        said = len(self.home.query("SELECT 1 FROM journal WHERE undone = 0"))
        self._trial.figure("named, and corrected", f"{named} names, {said} words", "some", named > 2 and said > named)

    def goes_through(self, what: str, move: Callable[[], list[Path]]) -> None:
        """The photos go elsewhere, the configuration follows, and the daemon runs once."""
        values = yaml.safe_load(self.home.config.read_text())
        values["photos"] = [str(path) for path in move()]
        self.home.config.write_text(yaml.safe_dump(values))
        self._is_well(what, self.home.mark(), "run", "--once")

    def on_another_machine(self, photos: Path, machine: Path) -> None:
        """The state by backup and restore, the photos copied to another path, no people folder: one command each."""
        copy = machine / "copy"
        machine.mkdir()
        self._run("backup", str(copy))
        album = machine / "Pictures" / "album"
        shutil.copytree(photos, album, copy_function=shutil.copyfile)
        photos.rename(photos.with_name("gone"))
        self.home.people.rename(self.home.people.with_name("gone too"))
        home = Home(machine / "home", {"photos": [str(album)]})
        shutil.copytree(self.home.state / "models", home.state / "models", dirs_exist_ok=True)
        self.home = home
        self._run("restore", str(copy))
        self._is_well("restored on another machine", home.mark(), "run", "--once")

    def _is_well(self, what: str, mark: int, *command: str) -> None:
        log = self._run(*command)
        jobs = self.home.jobs(mark)
        said = [line for line in log.splitlines() if "they keep faces, names and corrections" in line]
        now = self._snapshot()
        dangling = sum(1 for link in self.home.people.rglob("*") if link.is_symlink() and not link.exists())
        found = (
            f"{jobs['embedded']} looked at again, {jobs['read']} compared by content; "
            f"{'nothing' if now == self._whole else 'something'} lost, {dangling} links dangle; {'said' if said else 'not said'}"
        )
        met = not jobs["embedded"] and now == self._whole and not dangling and bool(said)
        self._trial.figure(what, found, "0 again; nothing lost; said", met)

    def _run(self, *command: str) -> str:
        done = subprocess.run(
            self.home.command(*command), check=False, env=environment(), capture_output=True, text=True
        )
        if done.returncode:
            raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr}")
        return done.stderr

    def _snapshot(self) -> object:
        """Every face with whose it is, every word, and every link, whatever the paths are; names of photos are unique."""
        faces = {
            (os.path.basename(path), *box): (name, bool(ignored))
            for path, *box, name, ignored in self.home.query(
                "SELECT p.path, x, y, name, ignored FROM faces f JOIN photos p USING (photo_id)"
                " LEFT JOIN people USING (person_id) WHERE p.state = 'done'"
            )
        }
        words = sorted(self.home.query("SELECT face_id, person_id, kind FROM constraints"))
        journal = self.home.query("SELECT entry_id, title, undone FROM journal ORDER BY entry_id")
        links = defaultdict(set)
        for folder in self.home.people.iterdir():
            if folder.is_dir():
                links[folder.name] = {
                    (link.name, link.resolve().name) for link in folder.rglob("*") if link.is_symlink()
                }
        return faces, words, journal, dict(links)
