"""What the decoders do, done in this very process: quicker, for tests that are about something else."""

from __future__ import annotations

import os
from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from facewatchd.core.tree.scope import Scope
from facewatchd.domain import FileStat
from facewatchd.errors import PhotoError
from facewatchd.people.kept_pictures import KeptPictures
from facewatchd.photos.decoding.compare import difference
from facewatchd.photos.decoding.content import read_content
from facewatchd.photos.decoding.decode import Canvas
from facewatchd.photos.decoding.read import PhotoRead, check_name, opened
from facewatchd.photos.formats import PhotoKind
from facewatchd.photos.metadata.beside import fingerprint_at
from facewatchd.pipeline.tree.materialize import Materialized
from facewatchd.pipeline.tree.materialize import materialize as of_the_tree
from facewatchd.pipeline.tree.pictures import cut_now
from facewatchd.pipeline.tree.settings import TreeSettings
from facewatchd.store import Store


def read_photo(
    path: bytes,
    stat: FileStat,
    max_megapixels: float,
    known: Container[bytes] = frozenset(),
    enough: int | None = None,
    canvas: Canvas | None = None,
) -> PhotoRead:
    """Read and decode a photo; see `PhotoReader`."""
    beside = fingerprint_at(path)
    with opened(path, stat) as files:
        try:
            found = read_content(files, os.path.basename(path), stat, max_megapixels, known, enough, canvas)
        except PhotoError as error:
            error.path = path
            raise
    check_name(path, stat)
    return PhotoRead(found.content_hash, found.decoded, found.tags, found.sidecar, found.takeout, stat.mtime_ns, beside)


@dataclass(frozen=True, slots=True)
class PlainReader:
    """A `PhotoReader`, and a `Checker`."""

    max_megapixels: float

    def read(
        self, path: bytes, stat: FileStat, known: Container[bytes] = frozenset(), enough: int | None = None
    ) -> PhotoRead:
        return read_photo(path, stat, self.max_megapixels, known, enough)

    def difference(self, old: bytes, new: bytes, kind: PhotoKind, value: datetime) -> str:
        return difference(old, new, kind, value, self.max_megapixels)


def materialize(store: Store, settings: TreeSettings, scope: Scope | None = None, **options: Any) -> Materialized:
    """As the program's own, with faces cut in this process: to start a decoder takes longer than most trees."""
    kept = KeptPictures(store.folder)
    options.setdefault("cut", cut_now(PlainReader(settings.max_megapixels), kept, settings.answers))
    return of_the_tree(store, settings, scope, **options)
