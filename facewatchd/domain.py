"""
The records and enums of the program. They are frozen. This module imports no other module of the program.

Paths are bytes throughout, because that is what a POSIX file name is. Times are seconds since 1970 (`float`, UTC) unless
they are capture dates, which are naive wall-clock `datetime`s: a camera knows no time zone.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""uint8, shape (height, width, 3), channels in BGR order (as OpenCV keeps them), upright, C-contiguous."""

Embeddings = NDArray[np.float32]
"""float32, shape (n_faces, dim), every row L2-normalised."""

Embedding = NDArray[np.float32]
"""float32, shape (dim,), L2-normalised."""

FaceId = int
PersonId = int
PhotoId = int
RootId = int


# --- photos ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FileStat:
    """
    The `lstat` of a regular file: enough to know whether its content may have changed.

    Attributes:
        size: Bytes.
        mtime_ns: Last change of the content, nanoseconds since 1970; programs can set it at will.
        ctime_ns: Last change of the inode, nanoseconds since 1970; no program can set it.
        inode: Inode number, unique on its device.
        device: `st_dev`.
    """

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    device: int

    @classmethod
    def of(cls, found: os.stat_result) -> FileStat:
        """The record of a stat by the system."""
        return cls(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev)

    def same_content(self, other: FileStat) -> bool:
        """Whether the content is probably the same (the times of the inode may differ)."""
        return (self.size, self.mtime_ns, self.inode) == (other.size, other.mtime_ns, other.inode)


@dataclass(frozen=True, slots=True)
class SeenFile:
    """A photo-like file as the scanner or the watcher saw it. `path` is relative to the root."""

    root_id: RootId
    path: bytes
    stat: FileStat


class PhotoState(StrEnum):
    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class KnownPhoto:
    """
    A photo in the index: enough to know whether the file on disk is still the one that was taken in.

    Attributes:
        absent: Whether it was not seen when it was last looked for.
        beside: Fingerprint of the sidecars beside it when its date was last looked for, empty where there were none.
    """

    photo_id: PhotoId
    stat: FileStat
    state: PhotoState
    absent: bool = False
    beside: bytes = b""

    def is_up_to_date(self, stat: FileStat) -> bool:
        """
        Whether a file with this stat needs no work. A file that failed is tried again after any change, also of its
        permissions.
        """
        if self.absent or self.state is PhotoState.MISSING or not self.stat.same_content(stat):
            return False
        return self.state is not PhotoState.FAILED or self.stat.ctime_ns == stat.ctime_ns


@dataclass(frozen=True, slots=True)
class PlacedPhoto:
    """A photo as the index has it, and where. A photo that had to make room for another has a NUL in its path."""

    root_id: RootId
    path: bytes
    photo: KnownPhoto


@dataclass(frozen=True, slots=True)
class Root:
    """One watched folder. `path` is absolute and without symlinks."""

    root_id: RootId
    path: bytes


class Health(StrEnum):
    ONLINE = "online"
    DEGRADED = "degraded"
    OFFLINE = "offline"


class WatchMode(StrEnum):
    INOTIFY = "inotify"
    POLLING = "polling"


@dataclass(frozen=True, slots=True)
class RootStatus:
    """How a root is watched and whether it can be trusted. `reason` is empty when it is online."""

    path: bytes
    mode: WatchMode
    health: Health
    reason: str = ""


# --- dates ----------------------------------------------------------------------------------------------------------


class DateSource(StrEnum):
    """Where a capture date came from, best first (requirement R19)."""

    USER = "user"
    XMP = "xmp"
    EXIF = "exif"
    TAKEOUT = "takeout"
    NAME_TIME = "name-time"
    NAME_DATE = "name-date"
    FOLDER = "folder"
    MTIME = "mtime"


class Precision(StrEnum):
    SECOND = "second"
    DAY = "day"
    MONTH = "month"
    YEAR = "year"


class ZoneSource(StrEnum):
    """Where the zone of a capture date came from (R22)."""

    NONE = "none"
    TAG = "tag"  # an offset tag of the photo
    GPS = "gps"  # how far its clock stands from the satellites'
    SIDECAR = "sidecar"  # the offset in its XMP sidecar
    CONFIG = "config"  # dates.timezone, of a moment known in UTC
    MACHINE = "machine"  # this computer's, of such a moment


@dataclass(frozen=True, slots=True)
class DateFinding:
    """
    A capture date and its evidence.

    Attributes:
        value: Wall-clock time where the photo was taken; the parts finer than `precision` are the smallest possible.
        precision: Finest part of `value` that is known.
        source: Where it came from.
        confidence: 0..1, how often such a source is right.
        zone: Offset such as "+02:00", or empty where unknown.
        problem: What is wrong with the photo's own metadata, empty where they are right.
        zone_source: Where `zone` came from.
        hangs: Whether a later clock would find another date, because a date in the future was not believed.
    """

    value: datetime
    precision: Precision
    source: DateSource
    confidence: float
    zone: str = ""
    problem: str = ""
    zone_source: ZoneSource = ZoneSource.NONE
    hangs: bool = False


class KnownDate(NamedTuple):
    """The part of a `DateFinding` for names and tables. The tree has very many, and a tuple is made much faster."""

    value: datetime
    precision: Precision
    source: DateSource


# --- faces ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the upright photo; may reach over its edges. `w` and `h` are positive."""

    x: float
    y: float
    w: float
    h: float

    def overlap(self, other: Box) -> float:
        """Intersection over union, 0..1."""
        width = min(self.x + self.w, other.x + other.w) - max(self.x, other.x)
        height = min(self.y + self.h, other.y + other.h) - max(self.y, other.y)
        if width <= 0 or height <= 0:
            return 0.0
        shared = width * height
        return shared / (self.w * self.h + other.w * other.h - shared)


@dataclass(frozen=True, slots=True)
class Detection:
    """
    A face as the detector reports it.

    Attributes:
        box: Where it is.
        landmarks: float32, shape (5, 2), pixels of the upright photo: the eye on the picture's left, the other eye,
            nose tip, the mouth corner on the picture's left, the other corner.
        score: Detector's confidence, 0..1.
    """

    box: Box
    landmarks: NDArray[np.float32]
    score: float


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """
    Which models made the embeddings.

    Attributes:
        pack: Name that the user knows: "builtin", "buffalo_l", or a directory.
        id: Hex digest over the model files and the way they are used; embeddings of different ids are never compared.
        dim: Length of an embedding.
        provider: ONNX Runtime execution provider in use, as the session itself reports it.
        recognition: sha256 of the recognition model's file, the key to its shipped thresholds.
        licence: One line for the user: what the models may be used for.
    """

    pack: str
    id: str
    dim: int
    provider: str
    recognition: str
    licence: str


class FaceEngine(Protocol):
    """
    Finds faces in an upright image and turns them into embeddings. Safe to call from several threads at once.
    """

    @property
    def info(self) -> ModelInfo:
        """Which models these are."""

    def detect(self, image: Image) -> list[Detection]:
        """All faces that the detector finds, best score first. Empty if there are none."""

    def align(self, image: Image, landmarks: NDArray[np.float32]) -> Image:
        """The face turned upright and cut out by its landmarks, as the recognition model wants it: a square BGR chip."""

    def magnification(self, landmarks: NDArray[np.float32]) -> float:
        """Pixels of the chip that `align` cuts per pixel of the photo: above 1 the photo has less to give than is wanted."""

    def embed(self, chips: list[Image]) -> Embeddings:
        """Embeddings of aligned chips, shape (len(chips), dim); (0, dim) for none."""


@dataclass(frozen=True, slots=True)
class Quality:
    """
    The quality of a face.

    Attributes:
        value: 0..1, larger is better.
        sharpness: Variance of the Laplacian of the aligned face at 112 x 112, grey levels squared.
        poor: Why it is of low quality, and must not make a person. Empty if it may; see `core.intake.quality`.
    """

    value: float
    sharpness: float
    poor: str = ""


@dataclass(frozen=True, slots=True)
class FoundFace:
    """A face of a photo that is taken in, as it is stored."""

    detection: Detection
    quality: Quality
    embedding: Embedding


@dataclass(frozen=True, slots=True)
class TakenPhoto:
    """
    The result of taking in a photo. Width and height are of the upright photo, in pixels. `beside` is as in
    `KnownPhoto`.
    """

    seen: SeenFile
    content_hash: bytes
    width: int
    height: int
    date: DateFinding | None
    faces: tuple[FoundFace, ...]
    beside: bytes = b""


@dataclass(frozen=True, slots=True)
class SamePhoto:
    """A file with a picture that was taken in before: moved, copied back, or with other tags now."""

    seen: SeenFile
    content_hash: bytes
    date: DateFinding | None
    beside: bytes = b""


class FaceState(StrEnum):
    CONFIRMED = "confirmed"
    ASSIGNED = "assigned"
    UNKNOWN = "unknown"
    REVIEW = "review"
    IGNORED = "ignored"
    POOR = "poor"


@dataclass(frozen=True, slots=True)
class Assignment:
    """
    The person to whom a face belongs, as the program believes.

    Attributes:
        person_id: The person, or None for the unknown pool.
        similarity: Cosine to the nearest medoid of the best person, -1..1; NaN where there is no person at all.
        gap: How much nearer that is than the nearest medoid of any other person. Infinite if there is no other person.
        review: For an unassigned face, the person to whom it may belong: too close to call.
    """

    person_id: PersonId | None
    similarity: float
    gap: float
    review: PersonId | None = None


@dataclass(frozen=True, slots=True)
class Face:
    """
    A face as the state has it.

    Attributes:
        confirmed: Whether the user said that it belongs to `person_id`.
        cluster_id: The cluster of the last reclustering that it was in, or None.
        ignored: Whether the user does not want to see it, or the person.
        review: For an unassigned face, the person to whom it may belong: too close to call.
    """

    face_id: FaceId
    photo_id: PhotoId
    box: Box
    score: float
    quality: float
    poor: str
    person_id: PersonId | None
    confirmed: bool
    cluster_id: int | None
    similarity: float | None
    ignored: bool = False
    review: PersonId | None = None

    @property
    def state(self) -> FaceState:
        """What the export calls it."""
        if self.ignored:
            return FaceState.IGNORED
        if self.confirmed:
            return FaceState.CONFIRMED
        if self.person_id is not None:
            return FaceState.ASSIGNED
        if self.poor:
            return FaceState.POOR
        return FaceState.UNKNOWN if self.review is None else FaceState.REVIEW


# --- people ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Person:
    """A person. The id never changes and is never used again. `name` is empty until the user gives one."""

    person_id: PersonId
    name: str = ""

    @property
    def title(self) -> str:
        """What the user sees: the name, or the number."""
        return self.name or f"Person {self.person_id}"


class Pool(StrEnum):
    """Folders of the people tree that belong to no person. The values are their names."""

    UNKNOWN = "_unknown"
    IGNORED = "_ignored"


class ConstraintKind(StrEnum):
    MUST_BE = "must-be"
    CANNOT_BE = "cannot-be"


@dataclass(frozen=True, slots=True)
class Constraint:
    """A correction about a face and a person. Assignment and reclustering must follow it, and it is kept for good."""

    kind: ConstraintKind
    face_id: FaceId
    person_id: PersonId
