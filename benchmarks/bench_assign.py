"""
How long it takes to find the people in a new photo: `python benchmarks/bench_assign.py` (`make bench`).

Made-up people in a real state. Measured are the first face after a start, a face of a known person and of a stranger, a photo
of three faces and of eight, and a face after the medoids of a person changed. Times are on the clock and of the processor,
because other programs may share it.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from figures import Figure, at_least, at_most, told
from numpy.typing import NDArray

from facewatchd.core.matching.assign import assign_photo, best_people, look
from facewatchd.core.matching.thresholds import shipped_thresholds
from facewatchd.domain import (
    Box,
    Detection,
    Embeddings,
    FileStat,
    FoundFace,
    Quality,
    SeenFile,
    TakenPhoto,
)
from facewatchd.store import Store

MODEL = "made up"
FACES = 200
CLOSE = 0.75


def main() -> int:
    """Returns the exit code: 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description="Measure the assignment of new faces.")
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--medoids", type=int, default=3, help="of each of them")
    parser.add_argument("--dim", type=int, default=512)
    arguments = parser.parse_args()
    random = np.random.default_rng(0)
    centres = unit(random.standard_normal((arguments.people, arguments.dim), dtype=np.float32))
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder)) as store:
        fill(store, near(random, centres[np.repeat(np.arange(arguments.people), arguments.medoids)]), arguments.medoids)
        return told(measure(store, random, centres, arguments.dim))


def unit(vectors: NDArray[np.float32]) -> Embeddings:
    found: Embeddings = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return found


def near(random: np.random.Generator, centres: Embeddings) -> Embeddings:
    """Faces of these people."""
    noise = unit(random.standard_normal(centres.shape, dtype=np.float32))
    return unit(centres * np.float32(CLOSE) + noise * np.float32(np.sqrt(1 - CLOSE**2)))


def fill(store: Store, medoids: Embeddings, each: int) -> None:
    """A photo per person with as many faces as medoids."""
    landmarks = np.zeros((5, 2), np.float32)
    detection, quality = Detection(Box(0, 0, 50, 50), landmarks, 0.9), Quality(0.5, 50.0, "")
    with store.transaction():
        root = store.roots.ensure(b"/photos")
        for number in range(len(medoids) // each):
            found = tuple(FoundFace(detection, quality, one) for one in medoids[number * each : (number + 1) * each])
            seen = SeenFile(root.root_id, b"%d.jpg" % number, FileStat(1, number, number, number, 1))
            photo = store.photos.take(TakenPhoto(seen, b"%d" % number, 9, 9, None, found), MODEL)
            faces = store.faces.replace(photo, found, [None] * each, MODEL)
            store.medoids.replace(store.people.add(), faces)


def timed(work: Callable[[Embeddings], object], faces: Embeddings) -> tuple[float, float]:
    """Milliseconds on the clock, and of processor."""
    began, worked = time.perf_counter(), time.process_time()
    work(faces)
    return (time.perf_counter() - began) * 1e3, (time.process_time() - worked) * 1e3


def tell(what: str, found: list[tuple[float, float]]) -> float:
    """Print a line; returns the median on the clock."""
    clock, worked = np.median(found, axis=0)
    fastest = min(one for one, _ in found)
    print(f"{what:52} {clock:9.2f} ms (fastest {fastest:.2f}), {worked:9.2f} ms of processor", flush=True)
    return float(clock)


def measure(store: Store, random: np.random.Generator, centres: Embeddings, dim: int) -> list[Figure]:
    """One line a question; returns what has a bar."""
    thresholds = shipped_thresholds("buffalo_l")
    count = len(store.medoids.gallery_index(MODEL, dim).people)
    store.medoids.discard_index()
    print(f"{count:,} medoids of {len(centres):,} people, {dim} numbers each")
    known = near(random, centres[random.integers(0, len(centres), FACES // 2)])
    faces = np.concatenate([known, unit(random.standard_normal((FACES // 2, dim), dtype=np.float32))])

    def decide(some: Embeddings) -> int:
        index = store.medoids.gallery_index(MODEL, dim)
        found = assign_photo(look(some, index), thresholds, [frozenset[int]()] * len(some))
        return sum(one.person_id is not None for one in found)

    tell("the first face after a start", [timed(decide, faces[:1])])
    tell("a face of a known person", [timed(decide, faces[at : at + 1]) for at in range(FACES // 2)])
    tell("a face of a stranger", [timed(decide, faces[at : at + 1]) for at in range(FACES // 2, FACES)])
    three_ms = tell("a photo of three", [timed(decide, faces[at : at + 3]) for at in range(0, FACES - 3, 3)])
    tell("a photo of eight", [timed(decide, faces[at : at + 8]) for at in range(0, FACES, 8)])
    changes = []
    for person in range(1, 21):
        with store.transaction():
            store.medoids.replace(person, store.medoids.of(person)[:-1])
        changes.append(timed(decide, faces[:1]))
    tell("a face after the medoids of a person changed", changes)
    index = store.medoids.gallery_index(MODEL, dim)
    right = sum(
        next(look(face[np.newaxis], index)).candidates(frozenset())[0][0] == best_people(face, index)[0][0]
        for face in faces
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak {peak:.2f} GB")
    return [
        at_most("a photo of three", three_ms, 20, "ms"),
        at_least("the nearest is the nearest of all", right / len(faces), 1),
    ]


if __name__ == "__main__":
    sys.exit(main())
