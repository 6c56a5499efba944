"""
How files come, change and move, each with the number of jobs that it may cause (R3, R4, R6, R8, R9).

A job is a photo that is read; the dear ones are those that find and embed its faces. The state itself counts both.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import piexif
from harness import WATCHING, Home, Trial, comes, mount, photos_in, put, seconds, tiny, wait_until

PAUSE_S = 4.0
QUIET_S = 12.0
"""Nothing more comes of a change after this: longer than the wait for a file that nobody closed, and a look at all."""


def main(trial: Trial) -> None:
    count = 100 if trial.quick else 1_000
    second = trial.folder / "second"
    second.mkdir()
    mount("-t", "tmpfs", "-o", "size=100m", "second", second)
    album = trial.folder / "home" / "album"
    # the gate as it is shipped; a look at everything now and then, as what it does is counted too
    home = trial.home("home", photos=[str(album), str(second)], watch={"rescan_s": 8})
    shown = [path for path in photos_in(trial.prepared.album) if trial.prepared.is_linked(os.fsencode(path))]
    put(set(photos_in(trial.prepared.album)) - set(shown[:10]), trial.prepared.album, album)
    (second / "there already.jpg").write_bytes(tiny(1))
    tree = album / "tree"
    for number in range(count):
        folder = tree / f"{number % 20:02d}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:04d}.jpg").write_bytes(tiny(10 + number))
    home.count_jobs()
    with home.daemon() as daemon:
        daemon.wait_for(WATCHING, 240)
        wait_until(lambda: home.is_settled(len(home.disk())), 60, "everything grouped")
        known = [album / path.relative_to(trial.prepared.album) for path in shown[10:] if _date(path)]
        cases = _Cases(trial, home, shown[:10], known)
        for case, jobs, embedded in (
            (cases.slow_writer, 1, 1),
            (cases.syncthing, 1, 1),
            (cases.firefox, 2, 1),  # the empty file is looked at, and refused
            (cases.tree_renamed, 0, 0),
            (cases.hard_link, 0, 0),
            (cases.symlink_loop, 0, 0),
            (cases.symlink_to_photo, 0, 0),
            (cases.bind_mount, 0, 0),
            (cases.latin1_name, 1, 1),
            (cases.longest_name, 1, 1),
            (cases.retagged, 1, 0),
            (cases.date_patched, 1, 0),
            (cases.other_file_system, 1, 0),
            (cases.names_swapped, 2, 0),
            (cases.saved_by_editor, 1, 1),
        ):
            cases.run(case, jobs, embedded)
        trial.figure("all these: the daemon", "lives" if daemon.lives else "died", "lives", daemon.lives)


class _Cases:
    """
    Args:
        trial: Where the figures go.
        home: With a running daemon.
        fresh: Photos that the album does not have.
        known: Photos of the album.
    """

    def __init__(self, trial: Trial, home: Home, fresh: list[Path], known: list[Path]) -> None:
        self._trial = trial
        self._home = home
        self._fresh = iter(fresh)
        self._known = iter(known)
        self._album, self._second = home.roots
        self._mounts: list[Path] = []

    def run(self, case: Callable[[], str | bytes], jobs: int, embedded: int) -> None:
        """
        Do something to the files, let everything come to rest, and count.

        Args:
            case: Does it; its docstring says what. Returns the path to which a link must lead in the end, or "".
            jobs: Photos that may be read.
            embedded: Those of them whose faces may be found.
        """
        home, mark = self._home, self._home.mark()
        faces = self._faces()
        linked = case()
        settled = comes(lambda: self._is_in_step(linked), 60, every=0.3)
        time.sleep(QUIET_S)
        done = home.jobs(mark)
        refused = home.states()["failed"]
        # another picture's faces are other faces
        kept = case == self.saved_by_editor or not faces - self._faces()
        broken = sum(1 for link in home.people.glob("*/*") if link.is_symlink() and not link.exists())
        still = self._is_in_step(linked)
        found = f"{done['read'] + done['failed']} read, {done['embedded']} embedded; right after {seconds(settled)}"
        found += f", {done['failed']} of them refused" * bool(done["failed"]) + ", not any more" * (not still)
        found += ", faces lost" * (not kept) + f", {broken} broken links" * bool(broken)
        met = settled is not None and still and kept and not broken and not refused
        met = met and done["read"] + done["failed"] <= jobs and done["embedded"] == embedded
        what = (case.__doc__ or "").strip()
        self._trial.figure(what, found, f"{jobs} read, {embedded} embedded", met)

    def _is_in_step(self, linked: str | bytes) -> bool:
        """Whether the index equals the disk, nothing waits, and the link is there."""
        home, states = self._home, self._home.states()
        index, disk = home.index(), self._disk()
        inodes = {stat[2] for stat in index.values()}
        same = index.items() <= disk.items() and inodes == {stat[2] for stat in disk.values()}
        return (
            same
            and len(inodes) == len(index)
            and not states["pending"]
            and not states["absent"]
            and (not linked or home.is_linked(os.fsencode(linked)))
        )

    def _disk(self) -> dict[bytes, tuple[int, int, int]]:
        """Every photo, without what a bind mount shows a second time."""
        mounts = tuple(os.fsencode(path) + b"/" for path in self._mounts)
        return {path: stat for path, stat in self._home.disk().items() if not (mounts and path.startswith(mounts))}

    def _faces(self) -> set[tuple[object, ...]]:
        """Faces by id, with the picture that they are in."""
        return set(self._home.query("SELECT face_id, content_hash FROM faces JOIN photos USING (photo_id)"))

    # --- the cases

    def slow_writer(self) -> str:
        """written in five goes, 4 s apart"""
        source = next(self._fresh).read_bytes()
        photo = self._album / "slow.jpg"
        step = len(source) // 5 + 1
        with photo.open("wb") as file:
            for start in range(0, len(source), step):
                file.write(source[start : start + step])
                file.flush()
                time.sleep(PAUSE_S)
        return str(photo)

    def syncthing(self) -> str:
        """Syncthing: a temporary name, then renamed"""
        photo = self._album / "synced.jpg"
        part = self._album / ".syncthing.synced.jpg.tmp"
        shutil.copy(next(self._fresh), part)
        time.sleep(PAUSE_S)
        part.rename(photo)
        return str(photo)

    def firefox(self) -> str:
        """Firefox: an empty file and a .part, which replaces it"""
        photo = self._album / "downloaded.jpg"
        photo.touch()
        part = self._album / "downloaded.jpg.part"
        shutil.copy(next(self._fresh), part)
        time.sleep(2 * PAUSE_S)
        part.rename(photo)
        return str(photo)

    def tree_renamed(self) -> str:
        """a tree of photos renamed"""
        (self._album / "tree").rename(self._album / "forest")
        return ""

    def hard_link(self) -> str:
        """a hard link to a photo"""
        os.link(next(self._known), self._album / "a second name.jpg")
        return ""

    def symlink_loop(self) -> str:
        """a link to the folder it is in"""
        (self._album / "loop").symlink_to(self._album)
        return ""

    def symlink_to_photo(self) -> str:
        """a link to a photo"""
        (self._album / "link.jpg").symlink_to(next(self._known))
        return ""

    def bind_mount(self) -> str:
        """a folder mounted a second time"""
        again = self._album / "zz again"
        again.mkdir()
        mount("--bind", self._album / "forest" / "03", again)
        self._mounts.append(again)
        return ""

    def latin1_name(self) -> bytes:
        r"""`caf\xe9.jpg`"""
        photo = os.fsencode(self._album) + b"/caf\xe9.jpg"
        shutil.copy(os.fsencode(next(self._fresh)), photo)
        return photo

    def longest_name(self) -> bytes:
        """a name of 255 bytes"""
        photo = os.fsencode(self._album) + b"/" + b"l" * 251 + b".jpg"
        shutil.copy(os.fsencode(next(self._fresh)), photo)
        return photo

    def retagged(self) -> str:
        """a photo given a comment (written anew)"""
        photo = next(self._known)
        tags = piexif.load(str(photo))
        tags["Exif"][piexif.ExifIFD.UserComment] = b"ASCII\0\0\0Grandma's birthday"
        piexif.insert(piexif.dump(tags), str(photo))
        return str(photo)

    def date_patched(self) -> str:
        """a photo's date changed in place"""
        photo = next(self._known)
        before = _date(photo) or b""
        with photo.open("r+b") as file:
            data = file.read()
            file.seek(data.index(before))
            file.write(b"2001" + before[4:])
        return str(photo)

    def other_file_system(self) -> str:
        """a photo moved to another root, on another disk"""
        return str(shutil.move(next(self._known), self._second / "moved.jpg"))

    def names_swapped(self) -> str:
        """two photos that swap names"""
        one, other = next(self._known), next(self._known)
        aside = one.with_name("aside.jpg")
        one.rename(aside)
        other.rename(one)
        aside.rename(other)
        return str(one)

    def saved_by_editor(self) -> str:
        """another picture saved over a photo, by way of a temporary file"""
        photo = next(self._known)
        part = photo.with_name(".saving.tmp")
        shutil.copy(next(self._fresh), part)
        part.replace(photo)
        return str(photo)


def _date(photo: Path) -> bytes | None:
    """Its DateTimeOriginal, as it stands in the file."""
    value: bytes | None = piexif.load(str(photo))["Exif"].get(piexif.ExifIFD.DateTimeOriginal)
    return value
