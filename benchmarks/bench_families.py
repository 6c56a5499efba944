"""
How good the grouping is on families and across the years: `python benchmarks/bench_families.py` (`make bench`).

The embeddings of ../shared/hard (or $FACEWATCHD_SHARED): Families in the Wild (fiw) and the Large Age-Gap set (lag, each person
young and grown up), and the portraits (lfw), by both families of models. Each set as a whole, and random halves of its families,
grouped as faces are (all), as they are compared without what the archive's people have in common (`core.grouping.common`), and
with companions too (`core.grouping.company`), which is what the program does.

Then the trap: a person who is in every photo of 20 families, who says nothing about anybody.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from figures import SHARED, Figure, at_least, told
from numpy.typing import NDArray
from portraits import free, portraits, settings_of

from facewatchd.core.evaluation.scores import Scores, score
from facewatchd.core.grouping.recluster import ReclusterSettings, cluster
from facewatchd.domain import Embeddings

SETS = ("fiw", "lag", "lfw")
HALVES = 4
GAINS = {"testpack": {"fiw": 0.055, "lag": 0.07}, "builtin": {"fiw": 0.04, "lag": 0.045}}
"""What the program is to gain over embeddings compared as they are, in B-cubed and pairwise F1."""
FLOORS = {"testpack": (0.986, 0.995), "builtin": (0.970, 0.986)}
"""What it must keep on the portraits."""


@dataclass(frozen=True)
class Kin:
    """Good faces with their photos, people and families; `judged` are those with a truth."""

    embeddings: Embeddings
    photo: NDArray[np.int64]
    person: NDArray[np.int64]
    family: NDArray[np.int64]
    judged: NDArray[np.bool_]

    def only(self, rows: NDArray[np.bool_]) -> Kin:
        return Kin(self.embeddings[rows], self.photo[rows], self.person[rows], self.family[rows], self.judged[rows])

    def scored(self, settings: ReclusterSettings) -> Scores:
        labels = cluster(self.embeddings, free(self.photo), settings)
        return score(self.person[self.judged], labels[self.judged])


def kin(name: str, pack: str, cache: Path) -> Kin:
    """One of the sets, by a pack."""
    if name == "lfw":
        faces = portraits(pack, cache)
        faces = faces.only(faces.good)
        person = np.unique(faces.person, return_inverse=True)[1]
        return Kin(faces.embeddings, faces.photo, person, person, faces.central)
    with np.load(SHARED / "hard" / f"{name}-{pack}.npz") as stored:
        good = stored["good"]
        embeddings = stored["embeddings"][good].astype(np.float32)
        photo, person, family = (stored[key][good].astype(np.int64) for key in ("photo", "person", "family"))
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    return Kin(embeddings, photo, person, family, np.ones(len(photo), np.bool_))


def ways(pack: str) -> dict[str, ReclusterSettings]:
    """Embeddings as they are, without what people have in common, and with companions too."""
    now = settings_of(pack)
    assert now.spreads is not None
    return {
        "as they are": replace(now, spreads=None),
        "without what is common": replace(now, spreads=replace(now.spreads, company=0.0)),
        "with companions": now,
    }


def halves(faces: Kin) -> Iterator[Kin]:
    """The families at random in two, and that several times."""
    families = np.unique(faces.family)
    for seed in range(HALVES):
        first = np.isin(faces.family, np.random.default_rng(seed).permutation(families)[: len(families) // 2])
        yield faces.only(first)
        yield faces.only(~first)


def trapped(faces: Kin) -> Kin:
    """Twenty families, and somebody of another who is in each of their photos."""
    random = np.random.default_rng(0)
    chosen = faces.only(np.isin(faces.family, random.permutation(np.unique(faces.family))[:20]))
    photos = np.unique(chosen.photo)
    dim = faces.embeddings.shape[1]
    direction = random.standard_normal(dim)
    centre = chosen.embeddings.mean(axis=0)
    face = centre / np.linalg.norm(centre) + direction / np.linalg.norm(direction)
    shown = face / np.linalg.norm(face) + 0.02 * random.standard_normal((len(photos), dim))
    shown /= np.linalg.norm(shown, axis=1, keepdims=True)
    new = faces.person.max() + 1
    return Kin(
        np.concatenate([chosen.embeddings, shown.astype(np.float32)]),
        np.concatenate([chosen.photo, photos]),
        np.concatenate([chosen.person, np.full(len(photos), new)]),
        np.concatenate([chosen.family, np.full(len(photos), faces.family.max() + 1)]),
        np.concatenate([chosen.judged, np.zeros(len(photos), np.bool_)]),
    )


def measure(pack: str, cache: Path) -> Iterator[Figure]:
    print(f"\n{pack:34} {'all':>15}   halves (spread)")
    for name in SETS:
        faces = kin(name, pack, cache)
        seen = {}
        for what, settings in ways(pack).items():
            whole = seen[what] = faces.scored(settings)
            parts = [half.scored(settings) for half in halves(faces)]
            both = np.array([(part.bcubed_f1, part.pairwise_f1) for part in parts])
            mean, spread = both.mean(axis=0), both.std(axis=0)
            print(
                f"{name}, {what:28} {whole.bcubed_f1:.4f} / {whole.pairwise_f1:.4f}   "
                f"{mean[0]:.4f} ({spread[0]:.4f}) / {mean[1]:.4f} ({spread[1]:.4f})",
                flush=True,
            )
        before, after = seen["as they are"], seen["with companions"]
        if name == "lfw":
            yield at_least(f"{pack}: lfw, B-cubed F1", after.bcubed_f1, FLOORS[pack][0])
            yield at_least(f"{pack}: lfw, pairwise F1", after.pairwise_f1, FLOORS[pack][1])
        else:
            gain = GAINS[pack][name]
            yield at_least(f"{pack}: {name}, B-cubed F1 gained", after.bcubed_f1 - before.bcubed_f1, gain)
            yield at_least(f"{pack}: {name}, pairwise F1 gained", after.pairwise_f1 - before.pairwise_f1, gain)
        if name == "fiw":
            without, with_them = (trapped(faces).scored(settings) for settings in list(ways(pack).values())[1:])
            yield at_least(
                f"{pack}: precision, one person in all photos",
                with_them.pairwise_precision,
                round(without.pairwise_precision - 0.02, 4),
            )


def main() -> int:
    """Returns the exit code: 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir(), "facewatchd-bench"))
    arguments = parser.parse_args()
    if not (SHARED / "hard").is_dir():
        print(f"{SHARED / 'hard'} is missing: nothing to measure. $FACEWATCHD_SHARED names the folder.")
        return 0
    arguments.cache.mkdir(parents=True, exist_ok=True)
    return told([figure for pack in GAINS for figure in measure(pack, arguments.cache)])


if __name__ == "__main__":
    raise SystemExit(main())
