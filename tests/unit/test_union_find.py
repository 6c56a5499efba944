"""Components: what is connected stays together, and nothing is lost or counted twice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.core.grouping import union_find
from facewatchd.core.grouping.union_find import NONE, Components


@given(data=st.data(), count=st.integers(0, 40), together=st.sampled_from([1, 3, 10, 1000]))
def test_every_pair_is_in_one_part(data: st.DataObject, count: int, together: int) -> None:
    """Both ends of a pair are in one part, each part has its own clusters, and who is in no pair is in none."""
    ends = st.integers(0, max(count - 1, 0))
    pairs = data.draw(st.lists(st.tuples(ends, ends), max_size=30 if count else 0))
    pairs = [(a, b) for a, b in pairs if a < b]
    a, b = np.array(pairs, np.int64).reshape(-1, 2).T
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(union_find, "TOGETHER", together)
        found = Components.connected(a, b, count)
    assert sorted(np.concatenate([*found.rows, np.empty(0, np.int64)]).tolist()) == sorted({*a.tolist(), *b.tolist()})
    assert sorted(np.concatenate([*found.split(a, b), np.empty(0, np.int64)]).tolist()) == list(range(len(pairs)))
    for number, (rows, chosen) in enumerate(zip(found.rows, found.split(a, b), strict=True)):
        assert (np.diff(rows) > 0).all()
        assert (np.diff(chosen) > 0).all()
        assert (found.of[rows] == number).all()
        np.testing.assert_array_equal(rows[found.place[a[chosen]]], a[chosen])
        np.testing.assert_array_equal(rows[found.place[b[chosen]]], b[chosen])
    assert {at for at in range(count) if found.of[at] == NONE} == set(range(count)) - {*a.tolist(), *b.tolist()}


def test_small_parts_are_gone_through_together() -> None:
    """A thousand couples are one part, unless that would be too many at once."""
    a = np.arange(0, 2000, 2)
    assert len(Components.connected(a, a + 1, 2000).rows) == 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(union_find, "TOGETHER", 100)
        assert [len(rows) for rows in Components.connected(a, a + 1, 2000).rows] == [100] * 20


def test_a_part_of_some() -> None:
    """The others are in none, and pairs with them are left out."""
    some = Components.single(np.array([1, 3]), 5)
    assert some.of.tolist() == [NONE, 0, NONE, 0, NONE]
    assert [chosen.tolist() for chosen in some.split(np.array([0, 1, 1]), np.array([1, 3, 4]))] == [[1]]
    assert [rows.tolist() for rows in Components.single(np.empty(0, np.int64), 2).rows] == [[]]
