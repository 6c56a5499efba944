"""How often the answer of `verify` is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.core.matching.thresholds import shipped_thresholds
from facewatchd.core.matching.verification import LEAST_CHANCE, chance_of_error

PACKS = ("builtin", "buffalo_l")


@pytest.mark.parametrize("pack", PACKS)
@given(one=st.floats(-1, 1), other=st.floats(-1, 1))
def test_the_surer_the_farther_from_the_threshold(pack: str, one: float, other: float) -> None:
    threshold = shipped_thresholds(pack).same
    near, far = sorted((one, other), key=lambda similarity: abs(similarity - threshold))
    if (near >= threshold) == (far >= threshold):
        assert chance_of_error(pack, far, threshold) <= chance_of_error(pack, near, threshold)


@pytest.mark.parametrize("pack", PACKS)
def test_at_its_ends_and_in_the_middle(pack: str) -> None:
    threshold = shipped_thresholds(pack).same
    assert chance_of_error(pack, 1, threshold) == LEAST_CHANCE
    assert chance_of_error(pack, -1, threshold) < 0.001
    assert 0.1 < chance_of_error(pack, threshold, threshold) < 0.5
    # both answers to one similarity: one of them is right
    assert chance_of_error(pack, threshold, -1) + chance_of_error(pack, threshold, 1) == pytest.approx(1)
