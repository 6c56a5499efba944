"""
How well two photos are verified, and new faces compared with medoids: `python benchmarks/bench_workflows.py` (`make bench`).

verify      Pairs of portraits of ../shared (or $FACEWATCHD_SHARED), as many of one person as of two, in ten folds of different
            people: the threshold is chosen on nine and tried on the tenth. And the chance of error that `facewatchd verify`
            tells, compared with what happened.
validate    Half of the portraits of each person make the medoids, the other half and the people with one portrait are the faces.

The embeddings take some minutes the first time and are kept in --cache.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from portraits import Faces, portraits

from facewatchd.core.evaluation.validation import matched, medoids_of, validated
from facewatchd.core.matching.thresholds import shipped_thresholds
from facewatchd.core.matching.verification import chance_of_error

PARTS = ("verify", "validate")
PACKS = ("testpack", "builtin")
FOLDS, PAIRS, SEED = 10, 300, 0
"""As Labeled Faces in the Wild tests: ten sets of 300 pairs of one person and 300 of two (Huang et al. 2007)."""


@dataclass(frozen=True)
class Pairs:
    """Similarities of pairs, whether each is one person, and the fold of each."""

    similarity: NDArray[np.float64]
    same: NDArray[np.bool_]
    fold: NDArray[np.int64]

    def only(self, rows: NDArray[np.bool_]) -> Pairs:
        return Pairs(self.similarity[rows], self.same[rows], self.fold[rows])


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure verification and validation.")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="parts; both by default")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir(), "facewatchd-bench"))
    arguments = parser.parse_args()
    arguments.cache.mkdir(exist_ok=True)
    for pack in PACKS:
        faces = portraits(pack, arguments.cache)
        own = faces.only(faces.central)
        if "verify" in arguments.only:
            verification(pack, own)
        if "validate" in arguments.only:
            validation(pack, own)


def pairs_of(faces: Faces, count: int, seed: int) -> Pairs:
    """In each fold so many pairs of one person, and of two people of the fold."""
    random = np.random.default_rng(seed)
    people = random.permutation(np.unique(faces.person))
    similarity, same, folds = [], [], []
    for fold in range(FOLDS):
        rows_of = {one: np.flatnonzero(faces.person == one) for one in people[fold::FOLDS]}
        several = [rows for rows in rows_of.values() if len(rows) > 1]
        every = list(rows_of.values())
        for is_same in (True, False):
            for _ in range(count):
                if is_same:
                    a, b = random.choice(several[random.integers(len(several))], 2, replace=False)
                else:
                    one, other = random.choice(len(every), 2, replace=False)
                    a, b = random.choice(every[one]), random.choice(every[other])
                similarity.append(float(faces.embeddings[a] @ faces.embeddings[b]))
                same.append(is_same)
                folds.append(fold)
    return Pairs(np.array(similarity), np.array(same), np.array(folds))


def best_threshold(pairs: Pairs) -> float:
    """That is most often right."""
    order = np.argsort(pairs.similarity)
    values, same = pairs.similarity[order], pairs.same[order]
    right = np.r_[0, np.cumsum(~same)] + np.r_[same.sum() - np.r_[0, np.cumsum(same)]]
    at = int(right.argmax())
    return float(values[0] - 1 if at == 0 else (values[at - 1] + values[min(at, len(values) - 1)]) / 2)


def verification(pack: str, faces: Faces) -> None:
    threshold = shipped_thresholds(pack).same
    pairs = pairs_of(faces, PAIRS, SEED)
    chosen, ours, thresholds = [], [], []
    for fold in range(FOLDS):
        test, rest = pairs.only(pairs.fold == fold), pairs.only(pairs.fold != fold)
        best = best_threshold(rest)
        thresholds.append(best)
        chosen.append(np.mean((test.similarity >= best) == test.same))
        ours.append(np.mean((test.similarity >= threshold) == test.same))
    print(
        f"{pack}: verification in ten folds {np.mean(chosen):.4f} (standard deviation {np.std(chosen, ddof=1):.4f}; "
        f"thresholds {min(thresholds):.3f} to {max(thresholds):.3f}); with our threshold of {threshold} "
        f"{np.mean(ours):.4f} ({np.std(ours, ddof=1):.4f})"
    )
    # other pairs than those that the curve was found on
    tried = pairs_of(faces, 3000, SEED + 1)
    told = np.array([chance_of_error(pack, value, threshold) for value in tried.similarity])
    wrong = (tried.similarity >= threshold) != tried.same
    print(f"  chance of error told {told.mean():.4f}, errors {wrong.mean():.4f}, of {len(wrong)} pairs")
    for low, high in ((0, 0.001), (0.001, 0.01), (0.01, 0.1), (0.1, 0.3), (0.3, 0.51)):
        rows = (told >= low) & (told < high)
        if rows.any():
            print(
                f"    told {low} to {high}: {rows.sum()} pairs, mean {told[rows].mean():.4f}, errors {wrong[rows].mean():.4f}"
            )


def validation(pack: str, faces: Faces) -> None:
    random = np.random.default_rng(SEED)
    enrolled, tried = [], []
    for person in np.unique(faces.person):
        rows = random.permutation(np.flatnonzero(faces.person == person))
        half = len(rows) // 2
        enrolled += rows[:half].tolist()
        tried += rows[half:].tolist()
    labels = faces.person.tolist()
    chosen = medoids_of([labels[row] for row in enrolled], faces.embeddings[enrolled])
    medoids = faces.embeddings[[enrolled[row] for row in chosen.values()]]
    truth = [labels[row] for row in tried]
    ours = shipped_thresholds(pack)
    for what, threshold in (("0.75", 0.75), ("`assign`", ours.assign), ("`same`", ours.same)):
        given = matched(faces.embeddings[tried], medoids, [*chosen], threshold, "correlation")
        found = validated(truth, given, [*chosen])
        strangers = found.labelled - found.known
        accepted = sum(label != "unknown" and own not in chosen for own, label in zip(truth, given, strict=True))
        assert found.precision is not None
        assert found.recall is not None
        print(
            f"{pack}: {len(chosen)} medoids, {len(tried)} faces, threshold {what} = {threshold}: precision {found.precision:.4f}, "
            f"recall {found.recall:.4f}, unknown {found.unknown / found.faces:.4f}, "
            f"{accepted} of {strangers} strangers accepted"
        )


if __name__ == "__main__":
    main()
