"""What the tests of the people tree share: two people in an archive, a look at the tree, and what is in it then."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from helpers import DIM, MODEL, THRESHOLDS, Archive, unit
from plain import materialize

from facewatchd.core.grouping.recluster import ReclusterSettings
from facewatchd.core.matching.thresholds import Thresholds
from facewatchd.core.tree.entries import MARKER
from facewatchd.people.claims import HIDDEN
from facewatchd.people.covers import COVER
from facewatchd.pipeline.grouping.regroup import apply, compute, decide, take_snapshot
from facewatchd.pipeline.tree.materialize import Materialized
from facewatchd.store import StoredModel

OURS = {MARKER, COVER, HIDDEN}

CHANGES = {"symlink", "rename", "unlink", "mkdir", "rmdir"}


class Failing:
    """Makes the change of this number to the file system fail, before it is made or after."""

    def __init__(self, left: int, error: int) -> None:
        self._left = left
        self._error = error

    def __enter__(self) -> None:
        sys.setprofile(self._hook)

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _hook(self, frame: Any, event: str, function: Any) -> None:
        if event not in {"c_call", "c_return"} or getattr(function, "__name__", "") not in CHANGES:
            return
        if f"{os.sep}people{os.sep}" not in frame.f_code.co_filename:
            return
        self._left -= 1
        if self._left == -1:
            raise OSError(self._error, os.strerror(self._error))


def know_two(archive: Archive, ada_in: int, bob_in: int) -> None:
    """Ada (person 1) in so many photos, Bob (person 2) in so many, both in one more, and two unknown faces; all linked."""
    with archive.store.transaction():
        archive.store.set_model(StoredModel("test", MODEL, DIM, "cpu"))
    ada = archive.person("", [b"a%d.jpg" % number for number in range(ada_in)], 0)
    bob = archive.person("", [b"b%d.jpg" % number for number in range(bob_in)], 1)
    archive.add(b"both.jpg", [(ada, unit(0)), (bob, unit(1))])
    archive.add(b"x.jpg", [(None, unit(2))])
    archive.add(b"y.jpg", [(None, unit(3))])
    with archive.store.transaction():
        archive.store.medoids.replace(ada, archive.faces_of(ada)[:1])
        archive.store.medoids.replace(bob, archive.faces_of(bob)[:1])
    look(archive)


def look(archive: Archive, *, now: float | None = None) -> Materialized:
    return materialize(archive.store, archive.tree, now=now)


def regroup(archive: Archive, settings: ReclusterSettings, thresholds: Thresholds = THRESHOLDS) -> None:
    snapshot = take_snapshot(archive.store, MODEL, settings)
    apply(archive.store, decide(archive.store, snapshot, compute(snapshot), thresholds), time.time(), 0.1)


def shown(archive: Archive) -> dict[bytes, set[bytes]]:
    """What stands for photos in each folder at the top; an empty pool, and the folders of hidden people, are left out."""
    top = archive.tree.path
    below = {entry for entry in os.listdir(os.path.join(top, b"_ignored")) if _is_somebodys(top, entry)}
    found = {
        name: set(os.listdir(os.path.join(top, name))) - OURS - (below if name == b"_ignored" else set())
        for name in os.listdir(top)
        if os.path.isdir(os.path.join(top, name))
    }
    return {name: entries for name, entries in found.items() if entries or name not in {b"_ignored", b"_unknown"}}


def _is_somebodys(top: bytes, name: bytes) -> bool:
    return os.path.isfile(os.path.join(top, b"_ignored", name, MARKER))


def hidden(archive: Archive) -> dict[bytes, set[bytes]]:
    """What stands for photos in the folder of each hidden person."""
    top = os.path.join(archive.tree.path, b"_ignored")
    people = [name for name in os.listdir(top) if _is_somebodys(archive.tree.path, name)]
    return {name: set(os.listdir(os.path.join(top, name))) - OURS for name in people}


def shown_below(archive: Archive) -> dict[str, set[str]]:
    """What stands for photos in each folder at any depth that has any."""
    top = archive.tree.path
    found = {
        os.fsdecode(os.path.relpath(folder, top)): {os.fsdecode(name) for name in names if name not in OURS}
        for folder, _, names in os.walk(top)
        if folder != top
    }
    return {folder: names for folder, names in found.items() if names}
