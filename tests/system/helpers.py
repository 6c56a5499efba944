"""
A small archive that the tests of the middle layers share: a photo folder, its state, its people tree. Its fixtures are
in `archive_fixtures`.
"""

from __future__ import annotations

import ctypes
import io
import itertools
import os
import shutil
import subprocess
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PillowImage
from plain import PlainReader

from facewatchd.config import Config
from facewatchd.core.matching.thresholds import Thresholds
from facewatchd.core.tree.entries import LinkMode
from facewatchd.domain import (
    Assignment,
    Box,
    DateFinding,
    Detection,
    Embedding,
    FaceId,
    FileStat,
    FoundFace,
    PersonId,
    PhotoId,
    Quality,
    Root,
    SeenFile,
    TakenPhoto,
)
from facewatchd.photos.metadata.content_hash import content_hash
from facewatchd.pipeline.tree.materialize import TreeSettings
from facewatchd.store import Store

MODEL = "model-a"
DIM = 16
NOW = 1_767_225_600.0
READER = PlainReader(250)
THRESHOLDS = Thresholds(assign=0.7, margin=0.05, link=0.7, bonus=0.0, same=0.6)
"""Made for embeddings of `unit`: those of one number are alike, those of two are not at all."""

NASTY_NAMES = (
    pytest.param(b"caf\xe9.jpg", id="not UTF-8"),
    pytest.param(b"line\nbreak.jpg", id="newline"),
    pytest.param(b"a" * 251 + b".jpg", id="255 bytes"),
    pytest.param(b"\xe2\x82\xac" * 83 + b"a.jpg", id="254 bytes of UTF-8"),
    pytest.param(b"-rf --.jpg", id="dashes"),
    pytest.param(b"100% '\"\\.jpg", id="quotes"),
)
"""File names that kernels take and programs stumble over (R9)."""


def unit(number: int, off: float = 0.0, towards: int = DIM - 1) -> Embedding:
    """The embedding of person `number`, turned by `off` radians towards another."""
    vector = np.zeros(DIM, np.float32)
    vector[number % DIM] = np.cos(off)
    vector[towards % DIM] += np.sin(off)
    return vector


def jpeg(seed: int = 0, size: tuple[int, int] = (48, 32)) -> bytes:
    """A real JPEG of noise, another one for every seed."""
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    target = io.BytesIO()
    PillowImage.fromarray(noise).save(target, "JPEG", quality=50)
    return target.getvalue()


def found_face(embedding: Embedding, at: int = 0, poor: str = "", quality: float = 0.5) -> FoundFace:
    """A face at the place number `at`; the places do not overlap."""
    landmarks = np.arange(10, dtype=np.float32).reshape(5, 2)
    box = Box(12.0 * at, 4.0, 10.0, 12.5)
    return FoundFace(Detection(box, landmarks, 0.75), Quality(quality, 33.0, poor), embedding)


def stat_of(path: bytes | Path) -> FileStat:
    return FileStat.of(os.lstat(path))


def fake_stat(number: int) -> FileStat:
    """A stat that no other number has."""
    return FileStat(1000 + number, 10**18 + number, 10**18 + number, 500 + number, 40)


@dataclass(frozen=True, slots=True)
class Archive:
    """A photo folder with its state and its people tree, all real."""

    folder: Path
    store: Store
    root: Root
    tree: TreeSettings

    @property
    def photos(self) -> bytes:
        return self.root.path

    def write(self, path: bytes, content: bytes | None = None) -> SeenFile:
        """Put a photo there; a different one for every path."""
        full = os.path.join(self.root.path, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as file:
            file.write(jpeg(zlib.crc32(path)) if content is None else content)
        return self.seen(path)

    def seen(self, path: bytes) -> SeenFile:
        return SeenFile(self.root.root_id, path, stat_of(os.path.join(self.root.path, path)))

    def add(
        self,
        path: bytes,
        faces: Iterable[tuple[PersonId | None, Embedding]] = (),
        date: DateFinding | None = None,
        poor: str = "",
        quality: float = 0.5,
        content: bytes | None = None,
    ) -> PhotoId:
        """A photo on disk and in the state, with the faces of these people side by side."""
        seen = self.write(path, content)
        given = list(faces)
        found = tuple(found_face(embedding, at, poor, quality) for at, (_, embedding) in enumerate(given))
        content = content_hash(Path(os.fsdecode(os.path.join(self.photos, path))).read_bytes())
        taken = TakenPhoto(seen, content, 48, 32, date, found)
        with self.store.transaction():
            photo_id = self.store.photos.take(taken, MODEL)
            ids = self.store.faces.replace(photo_id, found, [None] * len(found), MODEL)
            for face_id, (person, _) in zip(ids, given, strict=True):
                self.store.faces.assign({face_id: Assignment(person, 0.9, 0.5)})
        return photo_id

    def person(self, name: str, paths: Sequence[bytes], number: int = 0) -> PersonId:
        """Somebody with a face in each of these new photos."""
        person = self.store.people.add(name)
        for path in paths:
            self.add(path, [(person, unit(number))])
        return person

    def faces_of(self, person: PersonId | None) -> list[FaceId]:
        if person is None:
            return []
        return sorted(face.face_id for face in self.store.faces.of_person(person))


def open_archive(folder: Path) -> Archive:
    """The archive in this folder, made where it is missing."""
    photos = folder / "Photos"
    photos.mkdir(parents=True, exist_ok=True)
    store = Store(folder / "state")
    with store.transaction():
        root = store.roots.ensure(os.path.realpath(os.fsencode(photos)))
    tree = TreeSettings(os.path.realpath(os.fsencode(folder / "People")), 2, links=LinkMode.RELATIVE, max_megapixels=50)
    return Archive(folder, store, root, tree)


def config_of(archive: Archive) -> Config:
    """As a user has it, for commands."""
    people = {"dir": os.fsdecode(archive.tree.path), "min_faces": archive.tree.min_faces, "face_pictures": False}
    state = {"dir": str(archive.store.path.parent)}
    return Config.model_validate({"photos": [os.fsdecode(archive.photos)], "people": people, "state": state})


# --- what is on disk


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands under a path: its type and rights, its content (a link's target), when it changed."""

    mode: int
    content: bytes
    mtime_ns: int


def listing(folder: bytes | Path) -> dict[bytes, Entry]:
    """Everything in and below a folder, by its path relative to that."""
    top = os.fsencode(folder)
    found = {}
    for path in itertools.chain.from_iterable(
        [os.path.join(at, name) for name in (*folders, *files)] for at, folders, files in os.walk(top)
    ):
        stat = os.lstat(path)
        content = b""
        if os.path.islink(path):
            content = os.readlink(path)
        elif os.path.isfile(path):
            with open(path, "rb") as file:
                content = file.read()
        found[os.path.relpath(path, top)] = Entry(stat.st_mode, content, stat.st_mtime_ns)
    return found


def links(folder: bytes | Path) -> dict[bytes, bytes]:
    """All links in and below a folder: path -> the real path that they lead to."""
    top = os.fsencode(folder)
    return {
        path: os.path.realpath(os.path.join(top, path))
        for path in listing(top)
        if os.path.islink(os.path.join(top, path))
    }


def broken_links(folder: bytes | Path) -> list[bytes]:
    return [path for path, target in links(folder).items() if not os.path.exists(target)]


# --- other processes


# Root may read and write everything, by two capabilities: without them (and as anybody else) modes count.
_WITHOUT_ROOTS_RIGHTS = """
import ctypes, os, sys
for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP
os.execv(sys.argv[1], sys.argv[1:])
"""


def without_roots_rights(script: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a Python script as somebody for whom the rights of files and folders count, also where the tests are root's."""
    return subprocess.run(
        [sys.executable, "-c", _WITHOUT_ROOTS_RIGHTS, sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@contextmanager
def rights_count() -> Iterator[None]:
    """In this thread, and in those that it starts, the rights of files and folders count, also where the tests are root's."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this thread
    before = (ctypes.c_uint32 * 6)()  # twice: effective, permitted, inheritable
    assert libc.capget(header, before) == 0
    # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    now = (ctypes.c_uint32 * 6)(int(before[0]) & ~0b110, *before[1:])
    assert libc.capset(header, now) == 0
    try:
        yield
    finally:
        assert libc.capset(header, before) == 0


def in_namespace(script: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a script where it may mount file systems; skips where that is not to be had."""
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "-Urm", "true"], check=False, capture_output=True).returncode:
        pytest.skip("no user namespaces here")
    return subprocess.run(
        [unshare, "-Urm", sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def numbers(values: Iterable[int]) -> NDArray[np.int64]:
    return np.array(list(values), np.int64)
