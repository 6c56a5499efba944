"""
kill -9 at random moments while the people tree is written (R32, R36).

From round to round every link is made anew as one of another kind (`people.links`), people change their names, and some
photos leave. Each kill must leave old or new links, all whole; the next start must complete the tree, find nothing more
to do then, and take nothing that a kill left for the user's doing.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
from harness import Trial, tiny

from facewatchd.core.tree.entries import MARKER, LinkMode
from facewatchd.domain import (
    Assignment,
    Box,
    Detection,
    FileStat,
    FoundFace,
    PhotoId,
    Quality,
    SeenFile,
    TakenPhoto,
)
from facewatchd.people.covers import COVER
from facewatchd.photos.metadata.content_hash import content_hash
from facewatchd.pipeline.tree.materialize import TreeSettings, materialize
from facewatchd.store import Store

SEED = 36
PEOPLE, PHOTOS = 24, 360
MODES = (LinkMode.RELATIVE, LinkMode.COPY, LinkMode.HARDLINK, LinkMode.ABSOLUTE)
ROUNDS = 3
"""Some are too late: so many times as many are tried."""

LEAVE_OUT = 12
"""So many photos are missing in every second round."""

WRITER = """
import os, sys
from pathlib import Path
from facewatchd.core.tree.entries import LinkMode
from facewatchd.pipeline.tree.materialize import TreeSettings, materialize
from facewatchd.store import Store
tree = TreeSettings(os.fsencode(sys.argv[2]), 2, LinkMode(sys.argv[3]), max_megapixels=50)
with Store(Path(sys.argv[1])) as store:
    print("ready", flush=True)
    sys.stdin.readline()
    materialize(store, tree)
"""


def main(trial: Trial) -> None:
    archive = _Archive(trial.folder)
    rng = random.Random(SEED)
    seconds = archive.write()
    kills = trial.kills // 2 if not trial.quick else trial.kills
    found: Counter[str] = Counter()
    for number in range(ROUNDS * kills):
        archive.change(number)
        found["in the midst"] += archive.kill_within(seconds, rng)
        found["entries that are neither old nor new"] += archive.neither_old_nor_new()
        found["broken links"] += archive.broken()
        archive.write()
        found["trees that were not completed"] += not archive.is_complete()
        found["second plans that were not empty"] += archive.plans()
        found["kills taken for the user's doing"] += archive.words()
        if found["in the midst"] == kills:
            break
    hit = found["in the midst"]
    trial.figure(f"kill -9 in the midst of writing {archive.count} links", f"{hit} times", kills, hit == kills)
    for wrong in (
        "entries that are neither old nor new",
        "broken links",
        "trees that were not completed",
        "second plans that were not empty",
        "kills taken for the user's doing",
    ):
        trial.figure(f"the same: {wrong}", found[wrong], 0, found[wrong] == 0)


class _Archive:
    """A state with its photos, and the tree as it was before the last change."""

    def __init__(self, folder: Path) -> None:
        self._photos = folder / "Photos"
        self._state = folder / "state"
        self._tree = folder / "People"
        self._mode = MODES[0]
        self.count = 0
        self._words = 0
        self._before: dict[bytes, str] = {}
        self._photos.mkdir(parents=True)
        with Store(self._state) as store, store.transaction():
            root = store.roots.ensure(os.fsencode(self._photos))
            ids = [store.people.add(f"Somebody {number}") for number in range(PEOPLE)]
            for number in range(PHOTOS):
                path = self._photos / f"IMG_{number:04d}.jpg"
                path.write_bytes(tiny(number))
                seen = SeenFile(root.root_id, os.fsencode(path.name), FileStat.of(os.lstat(path)))
                faces = tuple(_face(at) for at in range(3))
                taken = TakenPhoto(seen, content_hash(tiny(number)), 64, 48, None, faces)
                photo = store.photos.take(taken, "model")
                owners = (ids[number % PEOPLE], ids[(number * 7 + 1) % PEOPLE], None)
                for face, owner in zip(store.faces.replace(photo, faces, [None] * 3, "model"), owners, strict=True):
                    store.faces.assign({face: Assignment(owner, 0.9, 0.5)})

    @property
    def _settings(self) -> TreeSettings:
        return TreeSettings(os.fsencode(self._tree), 2, self._mode, max_megapixels=50)

    def write(self) -> float:
        """Write the tree undisturbed. Returns the seconds it took."""
        started = time.monotonic()
        with Store(self._state) as store:
            materialize(store, self._settings)
        self.count = sum(1 for _ in self._entries())
        return time.monotonic() - started

    def change(self, number: int) -> None:
        """Have every link made anew, people renamed, photos gone or back."""
        self._before = {path: _what(path) for path in self._entries()}
        self._mode = MODES[(number + 1) % len(MODES)]
        with Store(self._state) as store, store.transaction():
            for person in store.people.named():
                if person.person_id % 4 == number % 4:
                    store.people.rename(person.person_id, f"Somebody {person.person_id} of round {number}")
            away: list[PhotoId] = list(range(1, LEAVE_OUT + 1))
            if number % 2:
                store.photos.miss(away)
            else:
                store.photos.present(away)

    def kill_within(self, seconds: float, rng: random.Random) -> bool:
        """Returns whether the writer was killed before it ended."""
        command = [sys.executable, "-c", WRITER, str(self._state), str(self._tree), self._mode.value]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
            assert writer.stdin is not None
            assert writer.stdout is not None
            writer.stdout.readline()
            writer.stdin.write(b"go\n")
            writer.stdin.flush()
            time.sleep(rng.uniform(0, seconds))
            writer.kill()
        return writer.returncode == -signal.SIGKILL

    def _entries(self) -> list[bytes]:
        """Every link, copy and cover."""
        top = os.fsencode(self._tree)
        return [
            os.path.join(folder, name)
            for folder, _, names in os.walk(top)
            for name in names
            if folder != top and name != MARKER and not name.startswith(b".facewatchd-tmp")
        ]

    def neither_old_nor_new(self) -> int:
        """Entries that are not what was there before, nor a whole link of the new kind to a photo."""
        by_old_name = {os.path.basename(path): set[str]() for path in self._before}
        for path, what in self._before.items():
            by_old_name[os.path.basename(path)].add(what)
        return sum(
            1
            for path in self._entries()
            if _what(path) not in by_old_name.get(os.path.basename(path), set()) and not self._is_new(path)
        )

    def _is_new(self, path: bytes) -> bool:
        if os.path.basename(path) == COVER:
            with open(path, "rb") as file:
                return file.read().endswith(b"\xff\xd9")
        photo = os.path.join(os.fsencode(self._photos), os.path.basename(path))
        match self._mode:
            case LinkMode.RELATIVE | LinkMode.ABSOLUTE:
                is_absolute = os.path.islink(path) and os.path.isabs(os.readlink(path))
                return os.path.realpath(path) == photo and is_absolute == (self._mode is LinkMode.ABSOLUTE)
            case LinkMode.HARDLINK:
                return os.path.samestat(os.lstat(path), os.lstat(photo))
            case LinkMode.COPY:
                return not os.path.islink(path) and _what(path) == _what(photo)

    def broken(self) -> int:
        return sum(1 for path in self._entries() if not os.path.exists(path))

    def is_complete(self) -> bool:
        with Store(self._state) as store:
            wanted = sum(len(store.people.photos(person.person_id)) for person in store.people.named())
            wanted += len(list(store.people.unknown_photos(2)))
        links = [path for path in self._entries() if os.path.basename(path) != COVER]
        return len(links) == wanted and all(map(self._is_new, links))

    def plans(self) -> bool:
        """Whether a second plan has anything to do."""
        with Store(self._state, read_only=True) as store:
            return bool(materialize(store, self._settings, dry_run=True).actions)

    def words(self) -> int:
        """What was taken for the user's doing since the last time."""
        with Store(self._state) as store:
            known, self._words = self._words, len(store.journal.entries(1_000_000))
        return self._words - known


def _what(path: bytes) -> str:
    """A link's text, a file's content."""
    if os.path.islink(path):
        return os.fsdecode(os.readlink(path))
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def _face(at: int) -> FoundFace:
    landmarks = np.zeros((5, 2), np.float32)
    embedding = np.zeros(16, np.float32)
    embedding[at] = 1
    return FoundFace(Detection(Box(2.0 + 14 * at, 4, 12, 14), landmarks, 0.9), Quality(0.5, 50.0, ""), embedding)
