"""
How good the grouping is, and how fast: `python benchmarks/bench_grouping.py` (`make bench`).

quality   The portraits of ../shared (or $FACEWATCHD_SHARED), a folder a person, by both model families, on all people
          and on random halves of them, against the algorithms that other programs use. The embeddings take some minutes
          the first time and are kept in --cache.
new       New faces: learned people, and how many of the rest find them where one stranger in 200 is let in.
mixed     Mixed groups: whether they are told from people.
albums    Albums of several people a photo, through the whole program.
speed     Made-up embeddings with known people: from nothing, with the graph of neighbours up to date, and one face more.
rival     The same against the hdbscan package (minutes).

Every figure that has a bar is in the table at the end. Memory is the most that the process had in use beyond making up
its embeddings; 1,000,000 faces need 6 GB and some minutes.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from facewatchd.config import Config
from facewatchd.core.assign import NEAREST, Gallery, assign, look
from facewatchd.core.cohesion import cohesion
from facewatchd.core.evaluate import ALGORITHMS, group, score
from facewatchd.core.graph import Graph, Lists, neighbours
from facewatchd.core.recluster import NEIGHBOURS, ReclusterSettings, cluster, medoids, usual_link
from facewatchd.core.thresholds import shipped_thresholds
from facewatchd.core.ties import Ties
from facewatchd.domain import Box, Detection, Embeddings, FileStat, FoundFace, Quality, SeenFile, TakenPhoto
from facewatchd.faces.packs import open_engine
from facewatchd.neighbours.search import Cells, Neighbours
from facewatchd.photos.decode import decode
from facewatchd.pipeline.ingest import IngestSettings, find_faces
from facewatchd.pipeline.regroup import EXACT_FACES, compute, decide, regroup_settings, take_snapshot
from facewatchd.pipeline.thresholds import thresholds_for
from facewatchd.store import Store

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
        good: Whether it is fit to be grouped; the others may join, and count as found by nobody where they do not.
    """

    embeddings: Embeddings
    photo: NDArray[np.int64]
    person: NDArray[np.str_]
    central: NDArray[np.bool_]
    good: NDArray[np.bool_]

    def only(self, rows: NDArray[np.bool_]) -> Faces:
        return Faces(self.embeddings[rows], self.photo[rows], self.person[rows], self.central[rows], self.good[rows])


@dataclass(frozen=True)
class Figure:
    """A figure, what it is to be, and whether it is."""

    what: str
    seen: str
    bar: str
    met: bool


def at_least(what: str, seen: float, bar: float) -> Figure:
    return Figure(what, f"{seen:.4f}", f">= {bar:g}", seen >= bar)


def at_most(what: str, seen: float, bar: float, unit: str) -> Figure:
    return Figure(what, f"{seen:.1f} {unit}", f"<= {bar:g} {unit}", seen <= bar)


PARTS = ("quality", "new", "mixed", "albums", "speed", "rival")


def main() -> int:
    """Returns the exit code: 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description="Measure the grouping of faces.")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS[:-1], help="parts; all but rival by default")
    parser.add_argument("--with-hdbscan", action="store_true", help="rival too")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir(), "facewatchd-bench"))
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000], help="made-up faces")
    parser.add_argument("--photos", type=int, default=200, help="of each album")
    parser.add_argument("--inside", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if not SHARED.is_dir():
        print(f"{SHARED} is missing: nothing to measure. $FACEWATCHD_SHARED names the folder.")
        return 0
    if arguments.inside:
        print(json.dumps(measured(arguments.inside)))
        return 0
    parts = {*arguments.only, *(("rival",) if arguments.with_hdbscan else ())}
    arguments.cache.mkdir(parents=True, exist_ok=True)
    figures: list[Figure] = []
    for pack in ("testpack", "builtin"):
        if parts & {"quality", "new", "mixed"}:
            faces = portraits(pack, arguments.cache)
            figures += quality(pack, faces) if "quality" in parts else []
            figures += new_faces(pack, faces) if "new" in parts else []
            if "mixed" in parts:
                mixed_groups(pack, faces)
    if "albums" in parts:
        figures += albums(arguments.photos)
    if "speed" in parts:
        figures += speed(arguments.sizes)
    if "rival" in parts:
        figures += rival()
    print(f"\n{'':52} {'seen':>12} {'bar':>12}  met")
    for figure in figures:
        print(f"{figure.what:52} {figure.seen:>12} {figure.bar:>12}  {'yes' if figure.met else 'NO'}")
    return 0 if all(figure.met for figure in figures) else 1


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


def fill(store: Store, pack: str, faces: Faces) -> NDArray[np.int64]:
    """Put the faces into a state, as if they had been taken in; returns their ids."""
    ids = np.empty(len(faces.photo), np.int64)
    landmarks = np.zeros((5, 2), np.float32)
    with store.transaction():
        root = store.photos.root(b"/portraits")
        for photo in np.unique(faces.photo).tolist():
            rows = np.flatnonzero(faces.photo == photo)
            found = tuple(
                FoundFace(
                    Detection(Box(20.0 * at, 0, 10, 10), landmarks, 0.9),
                    Quality(0.5, 50.0, "" if faces.good[row] else "poor"),
                    faces.embeddings[row],
                )
                for at, row in enumerate(rows.tolist())
            )
            seen = SeenFile(root.root_id, b"%d.jpg" % photo, FileStat(1, photo, photo, photo, 1))
            kept = store.photos.take(TakenPhoto(seen, b"%d" % photo, 250, 250, None, found), pack)
            ids[rows] = store.faces.replace(kept, found, [None] * len(found), pack)
    return ids


def ours(pack: str, faces: Faces) -> NDArray[np.int64]:
    """The person of each face as the program finds it, left-over and poor faces with the others; -1 for nobody."""
    config = Config.model_validate({"people": {"min_faces": 2}})
    thresholds = thresholds_for(config, pack)
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder)) as store:
        ids = fill(store, pack, faces)
        snapshot = take_snapshot(store, pack, regroup_settings(config, thresholds))
        people = decide(store, snapshot, compute(snapshot), thresholds).assignments
    found = [people[face].person_id for face in ids.tolist()]
    return np.array([-1 if person is None else -person for person in found], np.int64)


def figures(pack: str, faces: Faces, algorithm: str, settings: ReclusterSettings, graph: Graph) -> tuple[float, float]:
    """B-cubed and pairwise F1 of the portraits' own faces."""
    if algorithm == "ours":
        labels = ours(pack, faces)
    else:
        good = faces.only(faces.good)
        labels = np.full(len(faces.good), -1, np.int64)
        labels[faces.good] = group(algorithm, good.embeddings, free(good.photo), settings, graph)
    found = score(faces.person[faces.central], labels[faces.central])
    return found.bcubed_f1, found.pairwise_f1


BARS = {"testpack": (0.988, 0.994), "builtin": (0.965, 0.980)}


def quality(pack: str, faces: Faces) -> list[Figure]:
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
        found = np.array(
            [figures(pack, part, algorithm, settings, graph) for part, graph in zip(parts, graphs, strict=True)]
        )
        if algorithm == "ours":
            seen = found[0]
        mean, spread = found[1:].mean(axis=0), found[1:].std(axis=0)
        print(
            f"{algorithm:26} {found[0, 0]:.4f} / {found[0, 1]:.4f}   "
            f"{mean[0]:.4f} ({spread[0]:.4f}) / {mean[1]:.4f} ({spread[1]:.4f})",
            flush=True,
        )
    return [
        at_least(f"{pack}: {name}, all portraits", value, bar)
        for name, value, bar in zip(("B-cubed F1", "pairwise F1"), seen.tolist(), BARS[pack], strict=True)
    ]


def new_faces(pack: str, faces: Faces) -> list[Figure]:
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
        new = np.flatnonzero(~learned)
        for face, looked in zip(new, look(own.embeddings, gallery, new.tolist()), strict=True):
            got = assign(looked, thresholds.assign, thresholds.margin).person_id
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
    bar = {"testpack": 0.98, "builtin": 0.90}[pack]
    return [
        at_least(f"{pack}: recall of known people", float(mean[0]), bar),
        at_most(f"{pack}: strangers let in", 100 * float(mean[1]), 0.5, "%"),
    ]


def mixed_groups(pack: str, faces: Faces) -> None:
    """
    Whether groups of several people are told from people: the people of one half choose the threshold, those of the
    other judge it and the shipped one. Mixed are the groups that look alike: what a threshold too low takes for one.
    """
    own = faces.only(faces.good & faces.central)
    names = np.unique(own.person)
    shipped = shipped_thresholds(pack).coherent
    results = []
    for seed in range(HALVES):
        half = np.isin(own.person, np.random.default_rng(seed).permutation(names)[: len(names) // 2])
        both = [_people_and_mixtures(pack, own.only(rows)) for rows in (half, ~half)]
        for chosen_by, judged_by in (both, both[::-1]):
            tried = np.linspace(-1, 1, 2001)
            lost = [_errors(chosen_by, least)[0] for least in tried]
            # to lose somebody is worse than to keep a mixture
            chosen = float(tried[np.flatnonzero(np.array(lost) <= MAY_BE_LOST)[-1]])
            results.append((chosen, *_errors(judged_by, chosen), *_errors(judged_by, shipped)))
    print("mixed groups: at   people lost   mixed kept: up to 5 faces   up to 14    more")
    chosen, *errors = np.mean(results, axis=0).tolist()
    for what, at, (lost, *kept) in (
        ("chosen on the other half", chosen, errors[:4]),
        ("as shipped", shipped, errors[4:]),
    ):
        print(f"{at:17.3f} {lost:13.4f} {kept[0]:27.3f} {kept[1]:10.3f} {kept[2]:7.3f}   {what}", flush=True)


MAY_BE_LOST = 0.002
"""Share of the people who may be taken for several."""

Groups = list[tuple[int, float]]
"""Size and cohesion of each."""


def _people_and_mixtures(pack: str, faces: Faces) -> tuple[Groups, Groups]:
    """The groups that are one person's, and those of which nobody has more than 60 %."""
    people: Groups = []
    mixed: Groups = []
    settings = settings_of(pack)
    assert settings.strangers is not None
    for lower in (0.0, 0.1, 0.2, 0.3, 0.4):
        link = settings.link - lower * (settings.link - settings.strangers.mean)
        labels = cluster(faces.embeddings, free(faces.photo), replace(settings, link=link))
        for label in range(labels.max() + 1):
            rows = np.flatnonzero(labels == label)
            _, counts = np.unique(faces.person[rows], return_counts=True)
            share, group = counts.max() / len(rows), (len(rows), cohesion(faces.embeddings[rows]))
            if len(rows) > 2 and share == 1 and lower == 0:
                people.append(group)
            elif len(rows) > 2 and share <= 0.6:
                mixed.append(group)
    return people, mixed


def _errors(groups: tuple[Groups, Groups], least: float) -> tuple[float, float, float, float]:
    """Share of the people refused, and of the small, middle and large mixtures that pass."""
    people, mixed = (np.array(kind) for kind in groups)
    kept = [
        mixed[(mixed[:, 0] >= low) & (mixed[:, 0] < high), 1] >= least for low, high in ((3, 6), (6, 15), (15, np.inf))
    ]
    small, middle, large = (float(np.mean(some)) if len(some) else 0.0 for some in kept)
    return float(np.mean(people[:, 1] < least)), small, middle, large


def albums(photos: int) -> list[Figure]:
    """Two albums, one of many people, one of a family, through `run --once` with the test pack."""
    found = []
    for people, seed in ((40, 1), (8, 2)):
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            album, faces = home / "album", home / "faces.csv"
            config = {
                "photos": [str(album)],
                "people": {"dir": str(home / "people"), "min_faces": 2},
                "state": {"dir": str(home / "state")},
                "models": {"pack": str(SHARED / "models" / "testpack")},
            }
            (home / "config.yaml").write_text(json.dumps(config))
            portraits_dir = SHARED / "photos" / "lfw-dev"
            sizes = ["--photos", str(photos), "--people", str(people), "--seed", str(seed)]
            python("make_album.py", str(portraits_dir), str(album), *sizes)
            python("-m", "facewatchd", "run", "--once", "--config", str(home / "config.yaml"))
            python("-m", "facewatchd", "faces", "export", "--config", str(home / "config.yaml"), "--csv", str(faces))
            truth = next(path for path in (album / "truth.json", home / "truth.json") if path.exists())
            scored = python("score_faces.py", str(faces), "--truth", str(truth), "--album", str(album))
            with faces.open(newline="", encoding="utf-8", errors="surrogateescape") as rows:
                pairs = Counter((row["photo"], row["person_id"]) for row in csv.DictReader(rows) if row["person_id"])
        print(f"\nalbum of {photos} photos, {people} people: {scored.strip()}", flush=True)
        name = f"album of {people}: "
        found += [
            at_least(f"{name}B-cubed F1", json.loads(scored)["bcubed_f1"], 0.985),
            at_most(f"{name}two faces of a photo in one person", sum(n > 1 for n in pairs.values()), 0, ""),
        ]
    return found


def python(script: str, *arguments: str) -> str:
    """What a script of the shared tools, or a module, prints."""
    first = [str(SHARED / "tools" / script)] if script.endswith(".py") else [script]
    done = subprocess.run([sys.executable, *first, *arguments], check=True, capture_output=True, text=True)
    return done.stdout


def made_up(size: int) -> tuple[Embeddings, NDArray[np.int32]]:
    """The embeddings and whose each is."""
    spec = importlib.util.spec_from_file_location("make_embeddings", SHARED / "tools" / "make_embeddings.py")
    assert spec is not None
    assert spec.loader is not None
    tool: ModuleType = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    embeddings, truth = tool.make(size, 512, 0)
    # as the program reads them
    return embeddings.astype(np.float16) if size > EXACT_FACES else embeddings, truth


def peak_gb() -> float:
    """The most memory in use since it was last forgotten."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 2**20


def measured(size: int) -> dict[str, Any]:
    """Everything about so many made-up faces; in a process of its own, for the memory."""
    more = 1100
    embeddings, truth = made_up(size + more)
    vectors = embeddings[:size]
    Path("/proc/self/clear_refs").write_text("5")
    settings = settings_of("testpack")
    started, worked = time.perf_counter(), time.process_time()
    found = Neighbours.find(vectors, NEIGHBOURS, usual_link(settings, size))
    graph = found.graph()
    searched, searching = time.perf_counter(), time.process_time()
    labels = cluster(vectors, free(np.arange(size)), settings, graph)
    ended, ending = time.perf_counter(), time.process_time()
    peak = peak_gb()
    scores = score(truth[:size], labels)
    filled = Graph(
        np.concatenate([graph.indices, np.full((more, NEIGHBOURS), -1, np.int32)]),
        np.concatenate([graph.similarities, np.full((more, NEIGHBOURS), -2, np.float32)]),
    )
    cells = Cells(found.cells.centres, np.concatenate([found.cells.of, np.zeros(more, np.int32)]))
    growing = Neighbours(Lists.of(filled), cells, np.arange(size), usual_link(settings, size))
    singles = []
    with threadpool_limits(1):
        for row in range(size, size + 100):
            begun = time.perf_counter()
            growing.add(embeddings, np.array([row]), again=False)
            singles.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        growing.add(embeddings, np.arange(size + 100, size + more))
        batch = (time.perf_counter() - begun) / (more - 100)
    return {
        "find_s": searched - started,
        "find_cpu_s": searching - worked,
        "cluster_s": ended - searched,
        "cluster_cpu_s": ending - searching,
        "peak_gb": peak,
        "precision": scores.bcubed_precision,
        "recall": scores.bcubed_recall,
        "f1": scores.bcubed_f1,
        "add_ms": 1000 * float(np.median(singles)),
        "add_worst_ms": 1000 * max(singles),
        "add_batch_ms": 1000 * batch,
    }


def speed(sizes: list[int]) -> list[Figure]:
    """Seconds, memory and figures on made-up faces."""
    bars = {100_000: (5.0, 12.0), 1_000_000: (60.0, 180.0)}
    rows: dict[int, dict[str, Any]] = {}
    found = []
    for size in sizes:
        command = [sys.executable, __file__, "--inside", str(size)]
        row = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        rows[size] = row
        print(f"\n{size:,} made-up faces: " + ", ".join(f"{key} {value:.4g}" for key, value in row.items()), flush=True)
        given, nothing = bars.get(size, (float("inf"), float("inf")))
        name = f"{size:,} faces: "
        found += [
            at_most(f"{name}recluster, graph up to date", row["cluster_s"], given, "s"),
            at_most(f"{name}from nothing", row["find_s"] + row["cluster_s"], nothing, "s"),
            at_least(f"{name}B-cubed recall", row["recall"], 0.97),
            at_most(f"{name}peak memory", row["peak_gb"], 6, "GB"),
            at_most(f"{name}one face more", row["add_ms"], 5, "ms"),
            at_most(f"{name}one of 1,000 more, with the second look", row["add_batch_ms"], 5, "ms"),
        ]
    if {100_000, 1_000_000} <= rows.keys():
        growth = rows[1_000_000]["cluster_s"] / rows[100_000]["cluster_s"]
        found.append(at_most("growth of reclustering, 100,000 to 1,000,000", growth, 12, "times"))
    return found


def rival(size: int = 20_000) -> list[Figure]:
    """The hdbscan package on the same faces."""
    import hdbscan  # noqa: PLC0415 - as in the program

    embeddings, truth = made_up(size)
    settings = settings_of("testpack")
    started = time.perf_counter()
    graph = Neighbours.find(embeddings, NEIGHBOURS, usual_link(settings, size)).graph()
    labels = cluster(embeddings, free(np.arange(size)), settings, graph)
    ended = time.perf_counter()
    singles = embeddings.astype(np.float32)
    theirs = hdbscan.HDBSCAN(min_cluster_size=2, min_samples=2, core_dist_n_jobs=-1).fit(singles).labels_
    seconds = time.perf_counter() - ended
    ours_f1, their_f1 = (score(truth, found.astype(np.int64)).bcubed_f1 for found in (labels, theirs))
    print(
        f"\n{size:,} faces: {ended - started:.1f} s, hdbscan {seconds:.1f} s; B-cubed F1 {ours_f1:.4f}, {their_f1:.4f}"
    )
    times = seconds / (ended - started)
    return [
        Figure(f"{size:,} faces: times faster than hdbscan", f"{times:.0f}", ">= 50", times >= 50),
        at_least(f"{size:,} faces: B-cubed F1, the bar is hdbscan's", ours_f1, round(their_f1, 4)),
    ]


if __name__ == "__main__":
    sys.exit(main())
