"""Half precision made single."""

from __future__ import annotations

import numpy as np

from facewatchd.core.matching.float16 import single


def test_every_half_is_the_same_number_in_single_precision() -> None:
    """All there are: normal ones, tiny ones and both zeros, of either sign."""
    every = np.arange(2**16, dtype=np.uint16).view(np.float16)
    finite = every[np.isfinite(every)]
    found = single(finite)
    assert found.dtype == np.float32
    assert found.tobytes() == finite.astype(np.float32).tobytes()


def test_of_any_shape_and_order() -> None:
    """Also where the numbers do not lie one after the other."""
    vectors = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float16)
    assert np.array_equal(single(vectors.T), vectors.T.astype(np.float32))
    assert np.array_equal(single(vectors[::2, 1:4]), vectors[::2, 1:4])
    assert single(vectors[:0]).shape == (0, 7)


def test_what_is_single_already_is_not_copied() -> None:
    """Most archives are kept so."""
    vectors = np.ones((2, 3), np.float32)
    assert single(vectors) is vectors
