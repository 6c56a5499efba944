"""
What the people tree costs: `python benchmarks/bench_tree.py` (`make bench`).

Makes a state with 100,000 links to show (1,000 people, and two thirds of the faces of nobody known), then measures how
long it takes to build the tree from nothing, to find an unchanged one unchanged, to link one photo more, and to cut
covers. Ends with 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import datetime as dt
import io
import os
import queue
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

from facewatchd.core.tree.entries import LinkMode
from facewatchd.core.tree.owners import Owner
from facewatchd.core.tree.scope import InPool, Scope
from facewatchd.daemon.tree.covers import CoverCutter
from facewatchd.daemon.tree.tree_keeper import TreeKeeper
from facewatchd.domain import (
    Assignment,
    Box,
    DateFinding,
    DateSource,
    Detection,
    FileStat,
    FoundFace,
    PersonId,
    Pool,
    Precision,
    Quality,
    Root,
    SeenFile,
    TakenPhoto,
)
from facewatchd.people.kept_pictures import KeptPictures
from facewatchd.people.looked import Looked
from facewatchd.photos.decoding.decoders import Decoders
from facewatchd.photos.decoding.isolated import DecodeLimits
from facewatchd.photos.metadata.content_hash import content_hash
from facewatchd.pipeline.tree.materialize import TreeSettings, materialize
from facewatchd.store import PersonFace, Store, StoredModel

BUILD_S, UNCHANGED_S, ONE_MORE_S = 30.0, 2.0, 0.1
COVERS, COVER_S, COVER_WAIT_S = 20, 1.0, 0.25
NINE = 9
MODEL = "bench"
PICTURE = (4000, 3000)


@dataclass
class Bench:
    """One state with its tree; `met` is whether every bar was, so far."""

    store: Store
    root: Root
    tree: TreeSettings
    met: bool = True

    def measure(self, what: str, bar: float, work: Callable[[], str]) -> None:
        """Time it and print a line."""
        started, used = time.perf_counter(), time.process_time()
        found = work()
        seconds, used = time.perf_counter() - started, time.process_time() - used
        met = seconds <= bar
        self.met &= met
        print(
            f"{what:<58} {seconds:7.3f} s ({used:.3f} s of a core)  bar {bar:g} s  {'met' if met else 'MISSED'}  {found}",
            flush=True,
        )


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(description="Measure what the people tree costs.")
    parser.add_argument("--links", type=int, default=100_000)
    parser.add_argument("--people", type=int, default=1_000)
    parser.add_argument("--pictures", type=int, default=500, help="of the newest unknown faces")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="facewatchd-bench-") as folder:
        top = Path(os.path.realpath(folder))
        with Store(top / "state") as store:
            bench = fill(store, top, arguments.links, arguments.people)
            bench.tree = replace(bench.tree, pictures=arguments.pictures)
            run(bench, arguments.links)
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    return 0 if bench.met else 1


def fill(store: Store, top: Path, links: int, people: int) -> Bench:
    """A third of the links in people's folders, some of which are large and most small; the rest in the pool."""
    started = time.perf_counter()
    (top / "Photos").mkdir()
    with store.transaction():
        store.set_model(StoredModel("bench", MODEL, 16, "cpu"))
        root = store.roots.ensure(os.fsencode(top / "Photos"))
        ids = [store.people.add(f"Somebody {number}" if number % 3 == 0 else "") for number in range(people)]
        shares = 1 / np.arange(2, people + 2)
        counts = np.maximum(3, (shares / shares.sum() * links / 3).astype(int))
        owners = [person for person, count in zip(ids, counts, strict=True) for _ in range(count)]
        for number in range(links):
            add(store, root, number, owners[number] if number < len(owners) else None)
    settings = TreeSettings(os.fsencode(top / "People"), 3, links=LinkMode.RELATIVE, max_megapixels=50)
    print(f"{links:,} photos, {people:,} people: made in {time.perf_counter() - started:.0f} s", flush=True)
    return Bench(store, root, settings)


def add(store: Store, root: Root, number: int, person: PersonId | None, content: bytes | None = None) -> Scope:
    """A photo with one face, in the state only. Returns whose folders it changes."""
    taken_at = dt.datetime(2010, 1, 1) + dt.timedelta(hours=number)  # noqa: DTZ001 - as cameras have it
    date = DateFinding(taken_at, Precision.SECOND, DateSource.EXIF, 0.9)
    seen = SeenFile(
        root.root_id, path_of(number), FileStat(10**6 + number, 10**18 + number, 10**18 + number, 10**6 + number, 40)
    )
    embedding = np.zeros(16, np.float32)
    embedding[number % 16] = 1
    landmarks = np.zeros((5, 2), np.float32)
    found = FoundFace(Detection(Box(1800, 1000, 700, 900), landmarks, 0.9), Quality(0.5, 50.0, ""), embedding)
    shows = b"%032d" % number if content is None else content_hash(content)
    taken = TakenPhoto(seen, shows, *PICTURE, date, (found,))
    photo_id = store.photos.take(taken, MODEL)
    (face_id,) = store.faces.replace(photo_id, (found,), [None], MODEL)
    if person is not None:
        store.faces.assign({face_id: Assignment(person, 0.9, 0.5)})
    return {InPool(photo_id) if person is None else person}


def run(bench: Bench, links: int) -> None:
    """All that is measured."""
    looked = Looked()
    looked.watched = True

    def build(scope: Scope | None = None) -> str:
        return f"{len(materialize(bench.store, bench.tree, scope, looked=looked, cut=tiny).actions):,} actions"

    def unchanged() -> str:
        done = materialize(bench.store, bench.tree, cut=tiny)
        return f"as at the daemon's start; {len(done.actions):,} actions"

    bench.measure(f"{links:,} links from nothing", BUILD_S, build)
    bench.measure("the tree unchanged, nothing remembered of it", UNCHANGED_S, unchanged)
    time.sleep(1.1)  # until the folders' times tell that they have not changed
    build()
    bench.measure("the tree unchanged, looked at before", UNCHANGED_S, build)
    for number in range(links, links + 3):
        with bench.store.transaction():
            scope = add(bench.store, bench.root, number, None)
        bench.measure("one photo more of nobody known", ONE_MORE_S, lambda: build(scope))  # noqa: B023 - called at once
        bench.measure("what it takes to see that this was all", ONE_MORE_S, lambda: build(set()))
    covers(bench)


def tiny(_: Owner, __: PersonFace) -> bytes:
    """A cover that costs nothing."""
    return b"cover"


def covers(bench: Bench) -> None:
    """What the covers of more people cost, and how long the daemon's loop waits for them."""
    people = [bench.store.people.add(f"With a cover {number}") for number in range(COVERS)]
    photos = os.path.dirname(bench.tree.path) + b"/Photos"
    content = picture()
    number = 10**6
    for person in people:
        with bench.store.transaction():
            add(bench.store, bench.root, number, person, content)
        path = os.path.join(photos, path_of(number))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
        number += 1
    ready: queue.SimpleQueue[Owner] = queue.SimpleQueue()
    decoders = Decoders()
    cutter = CoverCutter(decoders, DecodeLimits(50, 60, 1 << 30), ready.put)
    keeper = TreeKeeper(bench.store, bench.tree, cutter.cut)
    keeper.is_watched()
    keeper.materialize()
    longest = 0.0

    def cut() -> str:
        nonlocal longest
        keeper.touch({*people})
        for left in range(COVERS, -1, -1):
            started = time.perf_counter()
            keeper.materialize()
            longest = max(longest, time.perf_counter() - started)
            if left:
                keeper.covered(ready.get())
        return f"the loop waited {longest:.3f} s at most"

    bench.measure(f"{COVERS} covers out of photos of 12 megapixels", COVERS * COVER_S, cut)
    bench.met &= longest <= COVER_WAIT_S
    cutter.stop()
    pictures(bench, content)


def pictures(bench: Bench, content: bytes) -> None:
    """What pictures of faces that are asked about cost: the photo has nine, and is decoded once."""
    path = bench.root.path + b"/nine.jpg"
    with open(path, "wb") as file:
        file.write(content)
    ready: queue.SimpleQueue[Owner] = queue.SimpleQueue()
    kept = KeptPictures(bench.store.folder)
    cutter = CoverCutter(Decoders(), DecodeLimits(50, 60, 1 << 30), ready.put, kept)
    faces = [
        PersonFace(10**9 + at, path, Box(300 + 380 * at, 1000, 330, 420), content_hash(content)) for at in range(NINE)
    ]

    def cut() -> str:
        for face in faces:
            cutter.cut(Pool.UNKNOWN, face)
        for _ in faces:
            ready.get()
        sizes = [len(cutter.cut(Pool.UNKNOWN, face) or b"") for face in faces]
        return f"{sum(sizes) / NINE / 1000:.0f} kB each"

    bench.measure(f"pictures of {NINE} faces out of a photo of 12 megapixels", COVER_S, cut)
    cutter.stop()


def path_of(number: int) -> bytes:
    return b"%d/IMG_%04d.jpg" % (number // 1000, number % 10_000)


def picture() -> bytes:
    """A photo of 12 megapixels."""
    noise = np.random.default_rng(0).integers(0, 256, (PICTURE[1] // 8, PICTURE[0] // 8, 3), np.uint8)
    target = io.BytesIO()
    PillowImage.fromarray(noise).resize(PICTURE).save(target, "JPEG", quality=90)
    return target.getvalue()


if __name__ == "__main__":
    sys.exit(main())
