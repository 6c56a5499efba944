"""
How good the grouping is: `python benchmarks/bench_grouping.py` (`make bench`).

quality   The portraits of ../shared (or $FACEWATCHD_SHARED), a folder a person, by both model families, on all people
          and on random halves of them, against the algorithms that other programs use. The embeddings take some minutes
          the first time and are kept in --cache.
new       New faces: learned people, and how many of the rest find them where one stranger in 200 is let in.
cohorts   How much better somebody must fit who fits everybody: shares tried on the halves.
hubs      How much more those must resemble each other who resemble strangers: shares tried on the halves.
mixed     Mixed groups: whether they are told from people.
albums    Albums of several people a photo, through the whole program.

Every figure that has a bar is in the table at the end. How fast it is: bench_scale.py.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from figures import SHARED, Figure, at_least, at_most, told
from numpy.typing import NDArray
from portraits import Faces, free, portraits, settings_of

from facewatchd.config import Config
from facewatchd.core.evaluation.scores import ALGORITHMS, group, score
from facewatchd.core.grouping.cohesion import cohesion
from facewatchd.core.grouping.graph import Graph, neighbours
from facewatchd.core.grouping.recluster import NEIGHBOURS, ReclusterSettings, cluster, medoids
from facewatchd.core.matching.assign import COHORT_SHARE, NEAREST, assign, look, needed
from facewatchd.core.matching.gallery_index import GalleryIndex
from facewatchd.core.matching.thresholds import Thresholds, shipped_thresholds
from facewatchd.domain import Box, Detection, FileStat, FoundFace, Quality, SeenFile, TakenPhoto
from facewatchd.pipeline.grouping.regroup import compute, decide, regroup_settings, take_snapshot
from facewatchd.pipeline.grouping.thresholds import thresholds_for
from facewatchd.store import Store

PARTS = ("quality", "new", "cohorts", "hubs", "mixed", "albums")
HALVES = 6
# the best threshold of each algorithm that has one, found on all people: they get the benefit of the doubt
RIVALS = {
    "testpack": {"average_linkage": 0.44, "dbscan": 0.55, "chinese_whispers": 0.5},
    "builtin": {"average_linkage": 0.938, "dbscan": 0.962, "chinese_whispers": 0.955},
}


def main() -> int:
    """Returns the exit code: 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description="Measure the grouping of faces.")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="parts; all by default")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir(), "facewatchd-bench"))
    parser.add_argument("--photos", type=int, default=200, help="of each album")
    arguments = parser.parse_args()
    if not SHARED.is_dir():
        print(f"{SHARED} is missing: nothing to measure. $FACEWATCHD_SHARED names the folder.")
        return 0
    parts = set(arguments.only)
    arguments.cache.mkdir(parents=True, exist_ok=True)
    figures: list[Figure] = []
    for pack in ("testpack", "builtin"):
        if parts - {"albums"}:
            faces = portraits(pack, arguments.cache)
            figures += quality(pack, faces) if "quality" in parts else []
            figures += new_faces(pack, faces) if "new" in parts else []
            if "cohorts" in parts:
                cohorts(pack, faces)
            if "hubs" in parts:
                hubs(pack, faces)
            if "mixed" in parts:
                mixed_groups(pack, faces)
    if "albums" in parts:
        figures += albums(arguments.photos)
    return told(figures)


def fill(store: Store, pack: str, faces: Faces) -> NDArray[np.int64]:
    """Put the faces into a state, as if they had been taken in; returns their ids."""
    ids = np.empty(len(faces.photo), np.int64)
    landmarks = np.zeros((5, 2), np.float32)
    with store.transaction():
        root = store.roots.ensure(b"/portraits")
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


def halves(faces: Faces) -> list[tuple[Faces, Faces]]:
    """The people at random in two, and that several times."""
    names = np.unique(faces.person)
    found = []
    for seed in range(HALVES):
        half = np.isin(faces.person, np.random.default_rng(seed).permutation(names)[: len(names) // 2])
        found.append((faces.only(half), faces.only(~half)))
    return found


BARS = {"testpack": (0.988, 0.994), "builtin": (0.965, 0.980)}


def quality(pack: str, faces: Faces) -> list[Figure]:
    """One row an algorithm: all people, and the mean and spread over random halves of them."""
    names = np.unique(faces.person)
    parts = [faces, *(half for both in halves(faces) for half in both)]
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


@dataclass(frozen=True)
class Learned:
    """
    Attributes:
        gallery: Of the people who are known.
        names: Theirs, by their numbers.
        theirs: Faces that are not learned of people who are recognised by two portraits or more.
        strangers: Faces of people of whom nothing is learned.
    """

    gallery: GalleryIndex
    names: NDArray[np.str_]
    theirs: list[int]
    strangers: list[int]


def learn(own: Faces, seed: int, least: int) -> Learned:
    """
    Learn people from 70 % of their portraits, chosen at random; who has fewer than `least` among those is neither known
    nor a stranger.
    """
    is_learned = np.random.default_rng(seed).random(len(own.person)) < 0.7
    names, counts = np.unique(own.person[is_learned], return_counts=True)
    rows: list[int] = []
    people: list[int] = []
    for person, name in enumerate(names):
        members = np.flatnonzero(is_learned & (own.person == name))
        if counts[person] >= least:
            rows += members[medoids(own.embeddings[members], NEAREST)].tolist()
            people += [person] * (len(rows) - len(people))
    new = np.flatnonzero(~is_learned)
    return Learned(
        GalleryIndex(np.array(people, np.int64), own.embeddings[rows]),
        names,
        new[np.isin(own.person[new], names[counts > 1])].tolist(),
        new[~np.isin(own.person[new], names)].tolist(),
    )


def new_faces(pack: str, faces: Faces) -> list[Figure]:
    """
    People learned from 70 % of the portraits, the rest one by one: who is found, how many strangers are let in, and whom
    the user is asked about; as shipped, and by the same threshold for every face. And the same where people of one
    portrait are known, too, of whom there are two and a half times as many.
    """
    own = faces.only(faces.good & faces.central)
    shipped = shipped_thresholds(pack)
    found = {}
    for least in (2, 1):
        worlds = [learn(own, seed, least) for seed in range(HALVES)]
        known = np.mean([len(np.unique(world.gallery.people)) for world in worlds])
        for what, thresholds in (
            ("as shipped", shipped),
            ("one threshold for every face", replace(shipped, cohort=None)),
        ):
            rates = np.array([_rates(own, world, thresholds) for world in worlds])
            found[least, what] = (mean := rates.mean(axis=0)).tolist()
            spread = rates.std(axis=0)
            print(
                f"new faces, {known:.0f} people, {what}: recall of known people {mean[0]:.4f} ({spread[0]:.4f}), "
                f"strangers let in {mean[1]:.4f} ({spread[1]:.4f}); asked about {mean[2]:.4f}, rightly {mean[3]:.2f}",
                flush=True,
            )
    recall, let_in, *_ = found[2, "as shipped"]
    bar = {"testpack": 0.98, "builtin": 0.90}[pack]
    return [
        at_least(f"{pack}: recall of known people", recall, bar),
        at_most(f"{pack}: strangers let in", 100 * let_in, 0.5, "%"),
    ]


def _rates(own: Faces, world: Learned, thresholds: Thresholds) -> tuple[float, float, float, float]:
    """Shares: known people's faces that are theirs, strangers' that are somebody's, all asked about, of these rightly."""

    def named(person: int | None) -> str:
        return "" if person is None else str(world.names[person])

    rows = world.theirs + world.strangers
    whose = own.person[rows]
    decided = [assign(one, thresholds) for one in look(own.embeddings, world.gallery, rows)]
    taken = np.array([named(one.person_id) for one in decided])
    asked = np.array([named(one.review) for one in decided])
    theirs = len(world.theirs)
    return (
        float(np.mean(taken[:theirs] == whose[:theirs])),
        float(np.mean(taken[theirs:] != "")),
        float(np.mean(asked != "")),
        float(np.mean((asked == whose)[asked != ""])),
    )


def cohorts(pack: str, faces: Faces) -> None:
    """
    How much better a face must fit the best person for what it fits the next better: recall where one stranger in 200 is
    let in, with each share, and with the one that is best on the other half of the people. Everybody is known.
    """
    shares = (0.0, 0.25, 0.5, 0.75, 1.0)
    thresholds = shipped_thresholds(pack)
    found: list[list[float]] = []
    for half in (half for both in halves(faces.only(faces.good & faces.central)) for half in both):
        learned = learn(half, 0, 1)
        people, fits = _best(half, learned, learned.theirs)
        right = learned.names[people] == half.person[learned.theirs]
        strangers = _best(half, learned, learned.strangers)[1]
        recalls = []
        for share in shares:
            theirs, others = (
                np.where(
                    some[:, 0] - some[:, 1] >= thresholds.margin, some[:, 0] - share * _above(some, thresholds), -1
                )
                for some in (fits, strangers)
            )
            least = np.sort(others)[-1 - len(others) // 200]
            recalls.append(float(np.mean(right & (theirs > least))))
        found.append(recalls)
    _tell_shares("cohorts", shares, np.array(found), COHORT_SHARE)


def _best(faces: Faces, learned: Learned, rows: list[int]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Whom these faces fit best, and how well they fit the best, best first."""
    ranked = [
        sorted(((fit, -person) for person, _, fit in one.candidates(frozenset())), reverse=True)
        for one in look(faces.embeddings, learned.gallery, rows)
    ]
    fits = np.array([[fit for fit, _ in one] for one in ranked])
    return np.array([-one[0][1] for one in ranked]), fits


def _above(fits: NDArray[np.float64], thresholds: Thresholds) -> NDArray[np.float64]:
    """How much better faces fit the people next to the best one than usual, shape (n_faces,)."""
    above: NDArray[np.float64] = (needed(fits, thresholds) - thresholds.assign) / COHORT_SHARE
    return above


def hubs(pack: str, faces: Faces) -> None:
    """
    How much more those must resemble each other who resemble strangers: B-cubed F1 with each share, and with the one
    that is best on the other half of the people.
    """
    shares = (0.0, 0.25, 0.5, 0.75, 1.0)
    good = faces.only(faces.good)
    settings = settings_of(pack)
    found = []
    for half in (half for both in halves(good) for half in both):
        graph, ties = neighbours(half.embeddings, NEIGHBOURS), free(half.photo)
        labels = [cluster(half.embeddings, ties, replace(settings, hubs=share), graph) for share in shares]
        found.append([score(half.person[half.central], of[half.central]).bcubed_f1 for of in labels])
    _tell_shares("hubs", shares, np.array(found), settings.hubs)


def _tell_shares(what: str, shares: tuple[float, ...], scores: NDArray[np.float64], shipped: float) -> None:
    """Print a line; the rows of `scores` are halves of the people, one after the other, its columns shares."""
    other = np.arange(len(scores)) ^ 1
    chosen = scores[np.arange(len(scores)), np.argmax(scores[other], axis=1)]
    told_shares = ", ".join(f"{share:g}: {mean:.4f}" for share, mean in zip(shares, scores.mean(axis=0), strict=True))
    better = np.count_nonzero(scores[:, shares.index(shipped)] > scores[:, shares.index(0.0)])
    print(
        f"{what}: {told_shares}; chosen on the other half: {chosen.mean():.4f}; "
        f"as shipped ({shipped:g}) better than none on {better} of {len(scores)} halves",
        flush=True,
    )


def mixed_groups(pack: str, faces: Faces) -> None:
    """
    Whether groups of several people are told from people: the people of one half choose the threshold, those of the
    other judge it and the shipped one. Mixed are the groups that look alike: what a threshold too low takes for one.
    """
    own = faces.only(faces.good & faces.central)
    shipped = shipped_thresholds(pack).coherent
    results = []
    for people in halves(own):
        both = [_people_and_mixtures(pack, half) for half in people]
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


if __name__ == "__main__":
    sys.exit(main())
