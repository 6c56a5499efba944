"""
The gallery index: the medoids of all known people, with which a face is compared.

A face is compared with all of them by one product of matrices in single precision. With 10,000 people of three medoids and
512 numbers that reads 61 MB: 1 to 2 ms for one face, 3 to 9 ms for the three of a photo.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from facewatchd.domain import Embeddings

ROUNDING = 1e-4
"""
Two similarities of the same two embeddings differ by less than this. The order of the additions depends on how many faces are
in the product: 512 roundings of 2**-24 are 3e-5.
"""


class GalleryIndex:
    """
    Medoids with the people that they belong to.

    Args:
        people: int64, shape (n_medoids,): the person of each medoid. A person may have several, in any order.
        medoids: Embeddings, shape (n_medoids, dim).
    """

    def __init__(self, people: NDArray[np.int64], medoids: Embeddings) -> None:
        self.people = people
        self.medoids = medoids

    @cached_property
    def _places(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """The rows person by person; the people, ascending; where the rows of each begin, and the end."""
        order = np.argsort(self.people, kind="stable")
        people, starts = np.unique(self.people[order], return_index=True)
        return order, people, np.append(starts, len(order))

    def rows_of(self, people: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """
        The medoids of some people.

        Args:
            people: int64, shape (n_people,). Each has medoids here.

        Returns:
            A column of rows for each person, shape (most medoids of one person, n_people), and a mask of the same shape.
            A person with fewer medoids has the first one repeated there, and False in the mask.
        """
        order, known, starts = self._places
        at = np.searchsorted(known, people)
        counts = starts[at + 1] - starts[at]
        number = np.arange(counts.max())[:, np.newaxis]
        is_there = number < counts
        return order[starts[at] + number * is_there], is_there

    def similarities(self, embeddings: Embeddings) -> NDArray[np.float32]:
        """
        The similarity of each face to each medoid, -1..1, each off by less than `ROUNDING`.

        Args:
            embeddings: float32, shape (n_faces, dim), L2-normalised.

        Returns:
            Shape (n_faces, n_medoids).
        """
        found: NDArray[np.float32] = embeddings @ self.medoids.T
        return found
