"""
How good the grouping is, and how fast: `python benchmarks/bench_grouping.py` (`make bench`).

Quality: the portraits of ../shared (or $FACEWATCHD_SHARED), a folder a person, by both model families, on all people
and on random halves of them, against the algorithms that other programs use. New faces: learned people, and how many of
the rest find them where one stranger in 200 is let in. Mixed groups: whether they are told from people. Speed: made-up embeddings with known people, from the neighbour
graph and from nothing. The embeddings of the portraits take some minutes the first time and are kept in --cache.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facewatchd.config import Config
from facewatchd.core.assign import NEAREST, Gallery, assign
from facewatchd.core.cohesion import cohesion
from facewatchd.core.evaluate import ALGORITHMS, group, score
from facewatchd.core.graph import Graph, neighbours
from facewatchd.core.linkage import Ties
from facewatchd.core.recluster import NEIGHBOURS, ReclusterSettings, cluster, medoids
from facewatchd.core.thresholds import shipped_thresholds
from facewatchd.domain import Embeddings
from facewatchd.faces.packs import open_engine
from facewatchd.photos.decode import decode
from facewatchd.pipeline.ingest import IngestSettings, find_faces
from facewatchd.pipeline.regroup import regroup_settings

SHARED = Path(os.environ.get("FACEWATCHD_SHARED") or Path(__file__).resolve().parents[2] / "shared")
HALVES = 6
# the best threshold of each algorithm that has one, found on all people: they get the benefit of the doubt
RIVALS = {
    "testpack": {"average_linkage": 0.44, "dbscan": 0.55, "chinese_whispers": 0.5},
    "builtin": {"average_linkage": 0.938, "dbscan": 0.962, "chinese_whispers": 0.955},
}


@dataclass(frozen=True)
class Faces:
    """
    Faces of portraits, row by row.

    Attributes:
        photo: Number of the portrait.
        person: Name of the portrait's folder.
        central: Whether it is the portrait's own face; only those have a truth.
        good: Whether it is fit to be grouped; the others count as found by nobody.
    """

    embeddings: Embeddings
    photo: NDArray[np.int64]
    person: NDArray[np.str_]
    central: NDArray[np.bool_]
    good: NDArray[np.bool_]

    def only(self, rows: NDArray[np.bool_]) -> Faces:
        return Faces(self.embeddings[rows], self.photo[rows], self.person[rows], self.central[rows], self.good[rows])


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(description="Measure the grouping of faces.")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir(), "facewatchd-bench"))
    parser.add_argument("--sizes", type=int, nargs="*", default=[20_000, 50_000], help="made-up faces")
    parser.add_argument("--no-quality", action="store_true", help="speed only")
    parser.add_argument("--with-hdbscan", action="store_true", help="time the hdbscan package too (minutes)")
    options = parser.parse_args()
    if not SHARED.is_dir():
        print(f"{SHARED} is missing: nothing to measure. $FACEWATCHD_SHARED names the folder.")
        return 0
    options.cache.mkdir(parents=True, exist_ok=True)
    if not options.no_quality:
        for pack in ("testpack", "builtin"):
            faces = portraits(pack, options.cache)
            quality(pack, faces)
            new_faces(pack, faces)
            mixed_groups(pack, faces)
    for size in options.sizes:
        speed(size, with_hdbscan=options.with_hdbscan)
    return 0


def portraits(pack: str, cache: Path) -> Faces:
    """All faces of the portraits, by a pack; from the cache where they are in it."""
    kept = cache / f"{pack}.npz"
    if not kept.exists():
        print(f"embedding the portraits with {pack}, once ...", flush=True)
        name = str(SHARED / "models" / pack) if pack != "builtin" else pack
        engine = open_engine(name, cache, cache / "models", "cpu")
        limits = IngestSettings.of(Config()).limits
        rows: list[tuple[NDArray[np.float32], int, str, bool, bool]] = []
        for number, path in enumerate(sorted((SHARED / "photos" / "lfw-dev").glob("*/*.jpg"))):
            image = decode(path.read_bytes(), os.fsencode(path), 100).image
            height, width = image.shape[:2]
            found = find_faces(engine, image, limits)
            away = []
            for face in found:
                box = face.detection.box
                covers = box.x <= width / 2 <= box.x + box.w and box.y <= height / 2 <= box.y + box.h
                off = (box.x + box.w / 2 - width / 2) ** 2 + (box.y + box.h / 2 - height / 2) ** 2
                away.append(off if covers else np.inf)
            for at, face in enumerate(found):
                central = bool(np.isfinite(away[at])) and at == int(np.argmin(away))
                rows.append((face.embedding, number, path.parent.name, central, not face.quality.poor))
        columns = [np.array(column) for column in zip(*rows, strict=True)]
        np.savez(kept, embeddings=columns[0], photo=columns[1], person=columns[2], central=columns[3], good=columns[4])
    with np.load(kept) as stored:
        return Faces(*(stored[name] for name in ("embeddings", "photo", "person", "central", "good")))


def settings_of(pack: str) -> ReclusterSettings:
    config = Config.model_validate({"people": {"min_faces": 2}})
    return regroup_settings(config, shipped_thresholds(pack))


def free(photos: NDArray[np.int64]) -> Ties:
    return Ties(photos, [None] * len(photos), [frozenset()] * len(photos))


def figures(faces: Faces, algorithm: str, settings: ReclusterSettings, graph: Graph) -> tuple[float, float]:
    """B-cubed and pairwise F1 of the portraits' own faces."""
    good = faces.only(faces.good)
    labels = np.full(len(faces.good), -1, np.int64)
    labels[faces.good] = group(algorithm, good.embeddings, free(good.photo), settings, graph)
    found = score(faces.person[faces.central], labels[faces.central])
    return found.bcubed_f1, found.pairwise_f1


def quality(pack: str, faces: Faces) -> None:
    """One row an algorithm: all people, and the mean and spread over random halves of them."""
    names = np.unique(faces.person)
    parts = [faces]
    for seed in range(HALVES):
        half = np.isin(faces.person, np.random.default_rng(seed).permutation(names)[: len(names) // 2])
        parts += [faces.only(half), faces.only(~half)]
    graphs = [neighbours(part.embeddings[part.good], NEIGHBOURS) for part in parts]
    print(f"\n{pack}: {np.count_nonzero(faces.central)} faces of {len(names)} people, {HALVES} times two halves")
    print(f"{'B-cubed F1 / pairwise F1':26} {'all':>15}   halves (spread)")
    for algorithm in ALGORITHMS:
        settings = settings_of(pack)
        if algorithm in RIVALS[pack]:
            settings = ReclusterSettings(2, 2, RIVALS[pack][algorithm], 0.0)
        found = np.array([figures(part, algorithm, settings, graph) for part, graph in zip(parts, graphs, strict=True)])
        mean, spread = found[1:].mean(axis=0), found[1:].std(axis=0)
        print(
            f"{algorithm:26} {found[0, 0]:.4f} / {found[0, 1]:.4f}   "
            f"{mean[0]:.4f} ({spread[0]:.4f}) / {mean[1]:.4f} ({spread[1]:.4f})",
            flush=True,
        )


def new_faces(pack: str, faces: Faces) -> None:
    """
    People learned from 70 % of the portraits, the rest one by one: who is found, and how many strangers are let in.

    People need two portraits to be known; who has one among the learned ones is neither known nor a stranger.
    """
    own = faces.only(faces.good & faces.central)
    thresholds = shipped_thresholds(pack)
    found = []
    for seed in range(HALVES):
        learned = np.random.default_rng(seed).random(len(own.person)) < 0.7
        names, counts = np.unique(own.person[learned], return_counts=True)
        rows: list[int] = []
        people: list[int] = []
        for person, name in enumerate(names):
            members = np.flatnonzero(learned & (own.person == name))
            if counts[person] > 1:
                rows += members[medoids(own.embeddings[members], NEAREST)].tolist()
                people += [person] * (len(rows) - len(people))
        gallery = Gallery(np.array(people, np.int64), own.embeddings[rows])
        known, strangers = set(names[counts > 1]), set(own.person) - set(names)
        hits, let_in = [], []
        for face in np.flatnonzero(~learned):
            got = assign(own.embeddings[face], gallery, thresholds.assign, thresholds.margin).person_id
            if own.person[face] in known:
                hits.append(got is not None and names[got] == own.person[face])
            elif own.person[face] in strangers:
                let_in.append(got is not None)
        found.append((np.mean(hits), np.mean(let_in)))
    mean, spread = np.mean(found, axis=0), np.std(found, axis=0)
    print(
        f"new faces: recall of known people {mean[0]:.4f} ({spread[0]:.4f}), "
        f"strangers let in {mean[1]:.4f} ({spread[1]:.4f})",
        flush=True,
    )


def mixed_groups(pack: str, faces: Faces) -> None:
    """
    Whether groups of several people are told from people: the people of one half choose the threshold, those of the
    other judge it and the shipped one. Mixed are two people two to one, three to eight people, and single strangers.
    """
    own = faces.only(faces.good & faces.central)
    names = np.unique(own.person)
    shipped = shipped_thresholds(pack).coherent
    results = []
    for seed in range(HALVES):
        half = np.isin(own.person, np.random.default_rng(seed).permutation(names)[: len(names) // 2])
        both = [_people_and_mixtures(pack, own.only(rows), seed) for rows in (half, ~half)]
        for chosen_by, judged_by in (both, both[::-1]):
            tried = np.linspace(-1, 1, 2001)
            errors = [sum(_errors(*chosen_by, least)) for least in tried]
            chosen = float(np.median(tried[errors == np.min(errors)]))
            results.append((*_errors(*judged_by, chosen), *_errors(*judged_by, shipped)))
    lost, kept, lost_shipped, kept_shipped = np.mean(results, axis=0)
    print(
        f"mixed groups: chosen on the other half, people lost {lost:.4f}, mixtures kept {kept:.4f}; "
        f"at {shipped} as shipped {lost_shipped:.4f}, {kept_shipped:.4f}",
        flush=True,
    )


def _people_and_mixtures(pack: str, faces: Faces, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The cohesion of the groups that are one person's, and of groups mixed at random."""
    labels = cluster(faces.embeddings, free(faces.photo), settings_of(pack))
    groups = [np.flatnonzero(labels == label) for label in range(labels.max() + 1)]
    people = [rows for rows in groups if len(rows) > 2 and len(np.unique(faces.person[rows])) == 1]
    rows_of = {name: np.flatnonzero(faces.person == name) for name in np.unique(faces.person)}
    names = list(rows_of)
    frequent = [name for name in names if len(rows_of[name]) > 2]
    random = np.random.default_rng(seed)
    mixed = []
    for _ in range(200):
        a, b = (rows_of[name] for name in random.choice(frequent, 2, replace=False))
        mixed.append(np.concatenate([a, random.permutation(b)[: max(1, len(a) // 2)]]))
        several = random.choice(frequent, random.integers(3, 9), replace=False)
        mixed.append(np.concatenate([rows_of[name] for name in several]))
        mixed.append(np.array([random.choice(rows_of[name]) for name in random.choice(names, random.integers(3, 20))]))
    ours, theirs = (np.array([cohesion(faces.embeddings[rows]) for rows in kind]) for kind in (people, mixed))
    return ours, theirs


def _errors(people: NDArray[np.float64], mixed: NDArray[np.float64], least: float) -> tuple[float, float]:
    """Share of the people refused, and of the mixtures that pass."""
    return float(np.mean(people < least)), float(np.mean(mixed >= least))


def speed(size: int, *, with_hdbscan: bool) -> None:
    """Seconds, memory and figures on made-up faces."""
    spec = importlib.util.spec_from_file_location("make_embeddings", SHARED / "tools" / "make_embeddings.py")
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    embeddings, truth = tool.make(size, 512, 0)
    started, worked = time.perf_counter(), time.process_time()
    graph = neighbours(embeddings, NEIGHBOURS)
    searched = time.perf_counter()
    labels = cluster(embeddings, free(np.arange(size)), settings_of("testpack"), graph)
    ended = time.perf_counter()
    found = score(truth, labels)
    print(
        f"\n{size:,} made-up faces: neighbours {searched - started:.1f} s, grouping on the graph {ended - searched:.1f} s "
        f"({time.process_time() - worked:.1f} s of processor in all), "
        f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GB; B-cubed precision "
        f"{found.bcubed_precision:.4f}, recall {found.bcubed_recall:.4f}, F1 {found.bcubed_f1:.4f}",
        flush=True,
    )
    if with_hdbscan:
        import hdbscan  # noqa: PLC0415 - as in the program

        started = time.perf_counter()
        rival = hdbscan.HDBSCAN(min_cluster_size=2, min_samples=2, core_dist_n_jobs=1).fit(embeddings).labels_
        seconds = time.perf_counter() - started
        print(f"hdbscan.HDBSCAN: {seconds:.1f} s, B-cubed F1 {score(truth, rival.astype(np.int64)).bcubed_f1:.4f}")


if __name__ == "__main__":
    sys.exit(main())
