"""
Makes the state of a large archive in a few minutes: photos, faces, people, what the user said, and the folders of photos.

Nothing is decoded: the photos that are there are files of a few hundred bytes, and the state says that they were taken in. People
have as many photos as in a family's archive: some have tens of thousands, most have three to twenty.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import piexif
from numpy.typing import NDArray
from PIL import Image as PillowImage

from facewatchd.config import Config
from facewatchd.daemon.intake.date_keeper import tell_at_first_start
from facewatchd.domain import ModelInfo
from facewatchd.pipeline.dates.look import DateSettings
from facewatchd.pipeline.dates.redate import basis_of, machine_zone, mark_by_rules
from facewatchd.pipeline.models import stored_model
from facewatchd.store import Folders, LastRecluster, Store
from facewatchd.store.database import DATABASE

PER_FOLDER = 500
BLOCK = 20_000
# shares of the faces
KNOWN, LOW = 0.62, 0.15
NAMED = 0.1
SOME_DATE = b"1999:09:09 09:09:09"


@dataclass(frozen=True)
class Archive:
    """
    How large it is.

    Attributes:
        top: The folder that everything is in.
        faces: How many faces.
        photos: Photos that are not gone.
        people: How many people.
        tombstones: Photos that are gone, and remembered.
        away: Share of the photos in a folder that is offline.
    """

    top: Path
    faces: int
    photos: int
    people: int
    tombstones: int
    away: float = 0.2

    @property
    def here(self) -> Path:
        """The folder of photos that is there."""
        return self.top / "Photos"

    @property
    def gone(self) -> Path:
        """The folder of photos that is not there."""
        return self.top / "Away"

    @property
    def tree(self) -> Path:
        """The people folder."""
        return self.top / "People"

    @property
    def state(self) -> Path:
        """The state folder."""
        return self.top / "state"


def make(archive: Archive, config: Config, models: ModelInfo, first: NDArray[np.float32]) -> None:
    """
    Make the folders and the state; the people tree is left to the daemon.

    Args:
        archive: See there.
        config: That the daemon will have.
        models: That it will use.
        first: float32, shape (dim,): the embedding of the person with the most photos.
    """
    archive.here.mkdir(parents=True)
    archive.tree.mkdir()
    with Store(archive.state) as store:
        with store.transaction():
            store.set_model(stored_model(models))
            here = store.roots.ensure(os.fsencode(archive.here)).root_id
            away = store.roots.ensure(os.fsencode(archive.gone)).root_id
            found = archive.here.stat()
            store.roots.set_identity(here, found.st_dev, found.st_ino)
            store.set_folders(Folders((archive.here, archive.gone), archive.tree))
            store.tell_stacks()
        tell_at_first_start(store, DateSettings.of(config).mode)
        # with no photo yet this is done at once
        while mark_by_rules(store, basis_of(DateSettings.of(config), machine_zone())):
            pass
    with closing(sqlite3.connect(archive.state / DATABASE)) as db:
        db.execute("PRAGMA synchronous = OFF")
        with db:
            db.executemany(PHOTO, photos(archive, here, away, models.id))
            fill_people(db, archive, models, first)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with Store(archive.state) as store, store.transaction():
        good = store.faces.count_good(models.id)
        store.set_last_recluster(LastRecluster(dt.datetime.now(dt.UTC).timestamp(), 60.0, good, archive.people))


PHOTO = (
    "INSERT INTO photos (photo_id, root_id, path, size, mtime_ns, ctime_ns, inode, device, state, reason, content_hash,"
    " model_id, width, height, date_value, date_precision, date_source, date_confidence, date_zone_source)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 4000, 3000, ?, 'second', 'exif', 0.9, 'none')"
)


def photos(archive: Archive, here: int, away: int, model: str) -> Iterator[tuple[object, ...]]:
    """Rows of photos; those that are there are made on the disk, too."""
    start = dt.datetime(2005, 1, 1)  # noqa: DTZ001 - as cameras have it
    offline = int(archive.photos * archive.away)
    picture = tiny_picture()
    for number in range(archive.photos + archive.tombstones):
        is_away, is_gone = number < offline, number >= archive.photos
        name = b"%04d/%03d/IMG_%05d.jpg" % (2005 + number // 20_000, number // PER_FOLDER % 1000, number)
        moment = start + dt.timedelta(minutes=37 * number)
        taken, date = moment.strftime("%Y:%m:%d %H:%M:%S").encode(), moment.isoformat()
        stat = (10**6 + number, 10**18 + number, 10**18 + number, 10**9 + number, 40)
        if not is_away and not is_gone:
            stat = on_disk(os.path.join(os.fsencode(archive.here), name), picture.replace(SOME_DATE, taken))
        state, reason = ("missing" if is_gone else "done"), ""
        if is_away and number % 1000 == 0:
            state, reason = "failed", "The photo cannot be decoded: it is damaged."
        elif is_away and number % 100 == 1:
            state = "pending"
        content = number.to_bytes(32, "big")
        yield (number + 1, away if is_away else here, name, *stat, state, reason, content, model, date)


def tiny_picture() -> bytes:
    """A JPEG of a few hundred bytes, taken at `SOME_DATE`."""
    target = io.BytesIO()
    exif = piexif.dump({"Exif": {piexif.ExifIFD.DateTimeOriginal: SOME_DATE}})
    PillowImage.new("L", (16, 16)).save(target, "JPEG", exif=exif)
    return target.getvalue()


def on_disk(path: bytes, content: bytes) -> tuple[int, int, int, int, int]:
    """Make a file; what the state knows of it."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path))
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    os.write(handle, content)
    # settled long ago, for who compares
    os.utime(handle, ns=(10**18, 10**18))
    found = os.fstat(handle)
    os.close(handle)
    return (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev)


def fill_people(db: sqlite3.Connection, archive: Archive, models: ModelInfo, first: NDArray[np.float32]) -> None:
    """Rows of people, faces, embeddings, medoids, and of what the user said and is asked."""
    random = np.random.default_rng(0)
    people, faces = archive.people, archive.faces
    named = int(people * NAMED)
    db.executemany(
        "INSERT INTO people (person_id, name, hidden) VALUES (?, ?, ?)",
        ((at + 1, f"Somebody {at + 1}" if at < named else "", int(at % 250 == 249)) for at in range(people)),
    )
    whose, photo = owners(random, archive)
    low = (whose == 0) & (random.random(faces) < LOW / (1 - KNOWN))
    asked = np.flatnonzero((whose == 0) & ~low & (random.random(faces) < 0.01))
    review = np.zeros(faces, np.int64)
    review[asked] = random.integers(1, min(people, 300) + 1, len(asked))
    centres = unit(random.standard_normal((people + 1, models.dim), dtype=np.float32))
    centres[1] = first
    spread = 0.8 / np.sqrt(models.dim)
    landmarks = np.zeros((5, 2), "<f4").tobytes()
    quality = random.random(faces)
    for begin in range(0, faces, BLOCK):
        rows = range(begin, min(begin + BLOCK, faces))
        noise = random.standard_normal((len(rows), models.dim), dtype=np.float32)
        mine = whose[begin : rows.stop]
        vectors = unit(np.where(mine[:, None] > 0, centres[mine] + spread * noise, noise)).astype("<f4")
        db.executemany(
            "INSERT INTO faces (face_id, photo_id, x, y, w, h, landmarks, score, quality, sharpness, poor, person_id,"
            " similarity, gap, review_of) VALUES (?, ?, ?, 900, 300, 400, ?, 0.9, ?, 50, ?, ?, 0.7, 0.3, ?)",
            (
                (
                    *(row + 1, int(photo[row]), 100.0 + 350 * (row % 10), landmarks, float(quality[row])),
                    *("small" if low[row] else "", int(whose[row]) or None, int(review[row]) or None),
                )
                for row in rows
            ),
        )
        db.executemany(
            "INSERT INTO embeddings (face_id, model_id, vector) VALUES (?, ?, ?)",
            ((row + 1, models.id, vectors[row - begin].tobytes()) for row in rows),
        )
    firsts: dict[int, list[int]] = {}
    for row in np.flatnonzero(whose).tolist():
        theirs = firsts.setdefault(int(whose[row]), [])
        if len(theirs) < 3:
            theirs.append(row + 1)
    db.executemany(
        "INSERT INTO medoids (person_id, face_id) VALUES (?, ?)",
        ((person, face) for person, theirs in sorted(firsts.items()) for face in theirs),
    )
    # every named person has confirmed faces, and some that they are not
    sure = np.flatnonzero((whose > 0) & (whose <= named))[: faces // 50]
    db.executemany(
        "INSERT INTO constraints (face_id, person_id, kind) VALUES (?, ?, ?)",
        (
            (row + 1, int(whose[row]), "must-be") if row % 5 else (row + 1, int(whose[row]) % people + 1, "cannot-be")
            for row in sure.tolist()
        ),
    )
    pairs = {(one, one + 1 + one % 7) for one in range(named, min(people - 8, named + 400))}
    db.executemany("INSERT INTO suggestions VALUES (?, ?, ?)", ((*pair, 0.5) for pair in sorted(pairs)))
    db.executemany(
        "INSERT INTO quarantine VALUES (?, 'The photo ended its decoder.', 1e9)",
        ((b"q" + at.to_bytes(31, "big"),) for at in range(50)),
    )
    journal = json.dumps({"people": [], "medoids": [], "faces": [], "constraints": [], "made": []})
    db.executemany(
        "INSERT INTO journal (at, title, before, after) VALUES (?, ?, ?, ?)",
        ((1e9 + at, f"Renamed Person {at}", journal, journal) for at in range(1000)),
    )


def owners(random: np.random.Generator, archive: Archive) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Whose each face is, 0 for nobody, and the photo that it is in, ascending: nobody is twice in a photo."""
    known = int(archive.faces * KNOWN)
    shares = 1 / np.arange(2, archive.people + 2)
    counts = np.maximum(3, (shares / shares.sum() * known).astype(np.int64))
    whose = np.repeat(np.arange(1, archive.people + 1), counts)[: archive.faces]
    whose = np.concatenate([whose, np.zeros(archive.faces - len(whose), np.int64)])
    every = archive.photos + archive.tombstones // 10
    photo = random.integers(1, every + 1, archive.faces)
    order = np.lexsort((whose, photo))
    whose, photo = whose[order], photo[order]
    twice = np.zeros(archive.faces, bool)
    twice[1:] = (whose[1:] == whose[:-1]) & (photo[1:] == photo[:-1])
    whose[twice] = 0
    return whose, photo


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    found: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return found
