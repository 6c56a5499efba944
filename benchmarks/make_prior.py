"""
Makes `facewatchd/core/grouping/prior_dlib.npz`: what people have in common for the built-in models, which stands in where an
archive is small: `python benchmarks/make_prior.py`.

From the portraits of ../shared (or $FACEWATCHD_SHARED; Labeled Faces in the Wild, a third of its people) and the embeddings in
../shared/hard (half of the people of Families in the Wild, of the Large Age-Gap set and of UTKFace). Kept are the mean over
all people, the strongest directions in which they differ, and how much they differ along each: numbers over some thousand
people, and none of any of them.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from figures import SHARED
from portraits import portraits

from facewatchd.core.grouping import common
from facewatchd.core.grouping.common import Spread, spread_of_people
from facewatchd.domain import Embeddings

SETS = ("fiw", "lag", "utk")
DIRECTIONS = 16
COUNTS_AS = 500
"""Groups of an archive. Of 100, 500: with 500 small archives are better (benchmarks/bench_families.py)."""


def hard(name: str, pack: str) -> tuple[Embeddings, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """The good faces of a set, L2-normalised, and the number of each one's person."""
    with np.load(SHARED / "hard" / f"{name}-{pack}.npz") as stored:
        good = stored["good"]
        embeddings, person = stored["embeddings"][good].astype(np.float32), stored["person"][good].astype(np.int64)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    return embeddings, person


def spread(pack: str, cache: Path, sets: Sequence[str] = (*SETS, "lfw")) -> Spread:
    """The spread of the people of these sets, all of them together."""
    found: list[Spread | None] = []
    for name in sets:
        if name == "lfw":
            faces = portraits(pack, cache)
            faces = faces.only(faces.good & faces.central)
            embeddings, person = faces.embeddings, np.unique(faces.person, return_inverse=True)[1]
        else:
            embeddings, person = hard(name, pack)
        found.append(spread_of_people(embeddings, person))
    first, *others = (one for one in found if one is not None)
    for other in others:
        first = first.together(other)
    return first


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir(), "facewatchd-bench"))
    arguments = parser.parse_args()
    arguments.cache.mkdir(parents=True, exist_ok=True)
    whole = spread("builtin", arguments.cache)
    strengths, directions = np.linalg.eigh(whole.covariance)
    strengths, directions = strengths[::-1], directions[:, ::-1]
    path = Path(common.__file__).with_name("prior_dlib.npz")
    np.savez(
        path,
        mean=whole.mean.astype(np.float32),
        directions=directions[:, :DIRECTIONS].T.astype(np.float32),
        strengths=strengths[:DIRECTIONS].astype(np.float32),
        rest=np.float32(strengths[DIRECTIONS:].mean()),
        count=np.float32(COUNTS_AS),
    )
    print(f"{path}: {whole.count:.0f} people, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
