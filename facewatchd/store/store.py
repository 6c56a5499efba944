"""
The state: one connection with a repository for each kind of row, and transactions over them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sqlite3
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from facewatchd.domain import PhotoId
from facewatchd.store.database import DATABASE, connect, store_errors, without_patience
from facewatchd.store.date_journal import DateJournal
from facewatchd.store.faces import Faces
from facewatchd.store.files import Files
from facewatchd.store.given_names import GivenNames
from facewatchd.store.half_moves import HalfMoves
from facewatchd.store.journal import Journal
from facewatchd.store.manifest import Manifest
from facewatchd.store.medoids import Medoids
from facewatchd.store.notices import Notices
from facewatchd.store.people import People
from facewatchd.store.photo_dates import PhotoDates
from facewatchd.store.photos import Photos
from facewatchd.store.pictures import Pictures
from facewatchd.store.quarantine import Quarantine
from facewatchd.store.reviews import Reviews
from facewatchd.store.roots import Roots
from facewatchd.store.stacks import Stacks


@dataclass(frozen=True, slots=True)
class StoredModel:
    """The models that the embeddings of this state were made with."""

    pack: str
    id: str
    dim: int
    provider: str


@dataclass(frozen=True, slots=True)
class StoredCalibration:
    """
    Thresholds found from the user's own people.

    Attributes:
        at: When, seconds since 1970.
        assign: See `core.matching.thresholds.Thresholds`.
        link: See there.
        people: How many confirmed people they come from.
        known: How many people were known.
    """

    at: float
    assign: float
    link: float
    people: int
    known: int


@dataclass(frozen=True, slots=True)
class Folders:
    """
    The user's folders that a state belongs to, as they were given to the daemon when it last ran.

    Attributes:
        photos: The photo folders.
        people: The people folder; None where the daemon never ran, or an older one did.
    """

    photos: tuple[Path, ...] = ()
    people: Path | None = None


@dataclass(frozen=True, slots=True)
class DateMarking:
    """
    The rules by which the photos of a state are dated, as texts. The same rules have the same text.

    Attributes:
        before: The rules by which all photos were dated. Empty if they are not known.
        towards: The rules with which the photos are compared now. Empty if that is done.
        next: The photos up to this number are compared.
    """

    before: str = ""
    towards: str = ""
    next: PhotoId = 0


@dataclass(frozen=True, slots=True)
class LastRecluster:
    """The last reclustering: when (seconds since 1970), how long, and over what."""

    at: float
    seconds: float
    faces: int
    people: int


@dataclass(frozen=True, slots=True)
class HeldRecluster:
    """A reclustering that was not carried out: why, as a sentence, and over how many faces."""

    why: str
    faces: int


class Store:
    """
    The state, opened; see `connect`. Belongs to one thread at a time; close it, or use it as a context manager.

    Raises:
        StoreError: It cannot be opened; see `connect`.
    """

    def __init__(self, state_dir: Path, *, read_only: bool = False, check: bool = False) -> None:
        self.path = state_dir / DATABASE
        self._read_only = read_only
        self._db = connect(state_dir, read_only=read_only, check=check)
        self.medoids = Medoids(self._db, read_only=read_only)
        self.roots = Roots(self._db)
        self.photos = Photos(self._db)
        self.dates = PhotoDates(self._db)
        self.stacks = Stacks(self._db, self.medoids)
        self.files = Files(self._db)
        self.quarantine = Quarantine(self._db)
        self.faces = Faces(self._db, self.medoids)
        self.people = People(self._db, self.medoids)
        self.reviews = Reviews(self._db)
        self.pictures = Pictures(self._db)
        self.manifest = Manifest(self._db)
        self.journal = Journal(self._db, self.medoids)
        self.given_names = GivenNames(self._db)
        self.half_moves = HalfMoves(self._db)
        self.notices = Notices(self._db)
        self.date_journal = DateJournal(self._db)

    @property
    def folder(self) -> Path:
        """The state folder."""
        return self.path.parent

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; what was committed is safe either way."""
        with contextlib.suppress(sqlite3.Error):
            self._db.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """
        All or nothing; an inner transaction is part of the outer one.

        Raises:
            StoreError: SQLite refused. The whole transaction is undone.
        """
        if self._db.in_transaction:
            yield
            return
        with store_errors(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.journal.finish()
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                self.medoids.discard_index()
                self.journal.give_up()
                raise

    def leave(self, thread: threading.Thread) -> None:
        """
        The thread that it belongs to waits for something else, and may never come back. What it has begun is undone, and it
        is refused (LeftBehindError) where it comes back. It must not be using the state now.
        """
        self._db.leave(thread)
        self.medoids.discard_index()
        self.journal.give_up()

    def try_writing(self) -> None:
        """
        Write something that changes nothing, to see whether writing is possible (again).

        Raises:
            StoreError: It is not.
        """
        # no wait for another program that holds the file: it is tried again soon, and commands are answered meanwhile
        with without_patience(self._db), self.transaction():
            self._set("trial", "x" * 8192)
            self._set("trial", "")

    # --- the few facts about the whole

    def _get(self, key: str) -> str:
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else ""

    def _set(self, key: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))

    def state_id(self) -> str:
        """Tells this state from any other, for ever. Empty where it has none yet and is only read."""
        if not self._get("state.id") and not self._read_only:
            self._set("state.id", uuid.uuid4().hex)
        return self._get("state.id")

    def kept_out(self) -> bytes | None:
        """The signature of the file that keeps galleries out of the people tree. Empty if we made none, None if it is not known."""
        known = self._get("tree.kept_out")
        return known.removeprefix("made ").encode() if known else None

    def set_kept_out(self, signature: bytes) -> None:
        self._set("tree.kept_out", f"made {signature.decode()}")

    def folders(self) -> Folders:
        """The photo and people folders of this state."""
        photos = json.loads(self._get("folders.photos") or "[]")
        people = json.loads(self._get("folders.people") or "null")
        return Folders(tuple(map(Path, photos)), Path(people) if people is not None else None)

    def set_folders(self, folders: Folders) -> None:
        # JSON keeps what is no UTF-8 in a name as an escape, which SQLite's text would not
        self._set("folders.photos", json.dumps([str(path) for path in folders.photos]))
        self._set("folders.people", json.dumps(str(folders.people) if folders.people is not None else None))

    def tree_place(self) -> bytes | None:
        """Where the people tree was when it was last looked after; None where that is not known."""
        place = self._get("tree.place")
        return os.fsencode(json.loads(place)) if place else None

    def set_tree_place(self, path: bytes) -> None:
        self._set("tree.place", json.dumps(os.fsdecode(path)))
        self._set("tree.restored", "")

    def tree_seen_ns(self) -> int:
        """When the people tree was last looked after, nanoseconds since 1970; 0 where that is not known."""
        return int(self._get("tree.seen") or 0)

    def set_tree_seen(self, at_ns: int) -> None:
        self._set("tree.seen", str(at_ns))

    def is_restored(self) -> bool:
        """Whether this is a copy that was put back, and the people tree has not been looked after since."""
        return bool(self._get("tree.restored"))

    def model(self) -> StoredModel | None:
        """The models of this state, None before the first photo."""
        if not self._get("model.id"):
            return None
        return StoredModel(
            self._get("model.pack"), self._get("model.id"), int(self._get("model.dim")), self._get("model.provider")
        )

    def set_model(self, model: StoredModel) -> None:
        self._set("model.pack", model.pack)
        self._set("model.id", model.id)
        self._set("model.dim", str(model.dim))
        self._set("model.provider", model.provider)

    def last_recluster(self) -> LastRecluster | None:
        if not self._get("recluster.at"):
            return None
        return LastRecluster(
            float(self._get("recluster.at")),
            float(self._get("recluster.seconds")),
            int(self._get("recluster.faces")),
            int(self._get("recluster.people")),
        )

    def set_last_recluster(self, last: LastRecluster) -> None:
        self._set("recluster.at", repr(last.at))
        self._set("recluster.seconds", repr(last.seconds))
        self._set("recluster.faces", str(last.faces))
        self._set("recluster.people", str(last.people))

    def held(self) -> HeldRecluster | None:
        """The last reclustering, where it is held."""
        why = self._get("recluster.held")
        return HeldRecluster(why, int(self._get("recluster.held_faces"))) if why else None

    def set_held(self, held: HeldRecluster | None) -> None:
        self._set("recluster.held", held.why if held is not None else "")
        self._set("recluster.held_faces", str(held.faces) if held is not None else "")

    def stacks_are_told(self) -> bool:
        """Whether the photos of a state that knew no stacks have been looked through for them."""
        return bool(self._get("stacks.told"))

    def tell_stacks(self) -> None:
        self._set("stacks.told", "1")

    def date_marking(self) -> DateMarking:
        """How far the photos are compared with the present rules for dates."""
        text = self._get("dates.marking")
        return DateMarking(**json.loads(text)) if text else DateMarking()

    def set_date_marking(self, marking: DateMarking) -> None:
        self._set("dates.marking", json.dumps(dataclasses.asdict(marking)))

    def dates_are_told(self) -> bool:
        """Whether it was said that capture dates are written, or needed not to be."""
        return bool(self._get("dates.told"))

    def tell_dates(self) -> None:
        self._set("dates.told", "1")

    def calibration(self, model_id: str) -> StoredCalibration | None:
        """The thresholds that the user put into use for these models, None where those that come with them are."""
        text = self._get(f"calibration.{model_id}")
        return StoredCalibration(**json.loads(text)) if text else None

    def set_calibration(self, model_id: str, calibration: StoredCalibration | None) -> None:
        """Put thresholds into use; None for those that come with the models."""
        text = json.dumps(dataclasses.asdict(calibration)) if calibration is not None else ""
        self._set(f"calibration.{model_id}", text)

    def vitals(self) -> str:
        """What the daemon last said of itself, for `status` of another process; JSON, empty if it never ran."""
        return self._get("vitals")

    def set_vitals(self, document: str) -> None:
        self._set("vitals", document)
