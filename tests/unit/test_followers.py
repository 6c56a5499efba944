"""Poor faces join people, and lead nobody."""

from __future__ import annotations

from facewatchd.core.grouping.followers import followers


def test_as_many_as_lead_may_follow() -> None:
    """Not more: they would be what the person is made of."""
    assert followers({1: 7, 2: 7, 3: 8}, {7: 2, 8: 5}) == {1: 7, 2: 7, 3: 8}
    assert followers({1: 7, 2: 7, 3: 7, 4: 8}, {7: 2, 8: 5}) == {4: 8}


def test_nobody_follows_those_who_have_no_good_face() -> None:
    """Nor anybody who is not there."""
    assert followers({1: 7, 2: 8}, {8: 0}) == {}
    assert followers({}, {7: 2}) == {}
