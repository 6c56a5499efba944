"""Who gets which name where several folders get names in one look."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.core.tree.folder_names import folder_name, is_same_name
from facewatchd.core.tree.name_claims import Claimant, NameClaim, NameDecisions, decide_names

ADA, BOB, CYD, DAN = 1, 2, 3, 4
NAMED = {ADA: "Ada", BOB: "Bob", CYD: "Cyd"}


def claim(person_id: int, name: str, **given: bool | str) -> NameClaim:
    return NameClaim(person_id, name, folder_name(name), may_merge=True, **given)  # type: ignore[arg-type]


def new(name: str) -> NameClaim:
    return NameClaim(name.encode(), name, folder_name(name))


@pytest.mark.parametrize(
    ("claims", "leaving", "refused", "merges"),
    [
        pytest.param([claim(ADA, "Eve")], [], {}, {}, id="a name that is free"),
        pytest.param([claim(ADA, "ADA")], [], {}, {}, id="the own name, written otherwise"),
        pytest.param([claim(ADA, "bob")], [], {ADA: BOB}, {}, id="somebody's name, written otherwise"),
        pytest.param([claim(ADA, "Bob")], [], {}, {ADA: BOB}, id="somebody's very name"),
        pytest.param([claim(ADA, "Bob"), claim(BOB, "Ada")], [], {}, {}, id="two names are exchanged"),
        pytest.param(
            [claim(ADA, "cyd"), claim(BOB, "Ada")], [], {ADA: CYD, BOB: ADA}, {}, id="the name is not given up"
        ),
        pytest.param([claim(BOB, "Ada"), claim(ADA, "cyd")], [], {ADA: CYD, BOB: ADA}, {}, id="... in the other order"),
        pytest.param(
            [claim(DAN, "Bob"), claim(BOB, "Ada"), claim(ADA, "cyd")],
            [],
            {ADA: CYD, BOB: ADA, DAN: BOB},
            {},
            id="... and whoever comes after",
        ),
        pytest.param([claim(ADA, "cyd"), new("Ada")], [], {ADA: CYD, b"Ada": ADA}, {}, id="... nor for a new folder"),
        pytest.param([claim(BOB, "Ada")], [ADA], {}, {}, id="of somebody who is hidden in the same look"),
        pytest.param([claim(ADA, "Eve"), claim(BOB, "eve")], [], {BOB: ADA}, {}, id="two want one name"),
        pytest.param([new("Eve"), new("eve")], [], {b"eve": b"Eve"}, {}, id="two new folders"),
        pytest.param([claim(DAN, "Ada", is_hidden=True)], [], {DAN: ADA}, {}, id="somebody hidden is not merged"),
        pytest.param(
            [claim(DAN, "Eve", is_hidden=True), claim(ADA, "Eve")], [], {}, {}, id="nor keeps a name from others"
        ),
        pytest.param(
            [NameClaim(DAN, "Ada", b"ADA", otherwise="Eve"), claim(BOB, "Eve")],
            [],
            {DAN: ADA, BOB: DAN},
            {},
            id="somebody shown again keeps the old name",
        ),
    ],
)
def test_who_gets_the_name(
    claims: list[NameClaim],
    leaving: list[int],
    refused: dict[Claimant, Claimant],
    merges: dict[int, int],
) -> None:
    """A name that somebody gives up is free, but only if they really get another one."""
    decided = decide_names(claims, NAMED, leaving)
    assert (decided.refused, decided.merges) == (refused, merges)


NAMES = st.sampled_from(["Ada", "ada", "ADA", "Bob", "bob", "Cyd", "cyd"])
HELD = st.dictionaries(st.integers(1, 5), NAMES, max_size=5)


def after(claims: list[NameClaim], named: dict[int, str], leaving: set[int], decided: NameDecisions) -> list[str]:
    """The names that are shown when all is done."""
    gone = leaving | decided.merges.keys()
    kept = {person: name for person, name in named.items() if person not in gone}
    for one in claims:
        if isinstance(one.claimant, int) and one.claimant not in {*gone, *decided.refused} and not one.is_hidden:
            kept[one.claimant] = one.name
    new_folders = [
        one.name for one in claims if isinstance(one.claimant, bytes) and one.claimant not in decided.refused
    ]
    return [*kept.values(), *new_folders]


@given(
    HELD,
    st.lists(st.tuples(st.integers(1, 7), NAMES), unique_by=lambda each: each[0], max_size=6),
    st.lists(NAMES, unique=True, max_size=2),
    st.sets(st.integers(1, 5), max_size=2),
)
def test_no_two_people_have_one_name(
    held: dict[int, str], wanted: list[tuple[int, str]], folders: list[str], leaving: set[int]
) -> None:
    """Whatever is renamed, made and hidden in one look, if there were no two before."""
    named: dict[int, str] = {}
    for person, name in held.items():
        if not any(is_same_name(name, other) for other in named.values()):
            named[person] = name
    claims = [*(claim(person, name) for person, name in wanted if person not in leaving), *map(new, folders)]
    shown = after(claims, named, leaving, decide_names(claims, named, leaving))
    assert not [(one, two) for at, one in enumerate(shown) for two in shown[at + 1 :] if is_same_name(one, two)]
