"""Which words rest on others, told by what each changed."""

from __future__ import annotations

import pytest

from facewatchd.core.tree.undoing import JournalledChange, Rows, change, depending_on

FACE, OTHER, ADA, BOB = 7, 8, 1, 2


def rows(face: int = FACE, person: int | None = None, name: str = "", *, made: int | None = None) -> Rows:
    return {
        "people": [[ADA, name, None, 0]],
        "faces": [[face, person, 0, None]],
        "constraints": [],
        "medoids": [],
        "made": [[made]] if made is not None else [],
    }


def said(
    number: int, before: Rows, after: Rows | None, *, undone: bool = False, undoes: int | None = None
) -> JournalledChange:
    return change(number, before, after, undone=undone, undoes=undoes)


GIVEN = said(1, rows(person=ADA), rows(person=BOB))


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        pytest.param(said(2, rows(person=BOB), rows()), [2], id="the same face"),
        pytest.param(said(2, rows(OTHER, ADA), rows(OTHER, BOB)), [], id="another face of the same people"),
        pytest.param(said(2, rows(name=""), rows(name="Ada")), [], id="a name of one of them"),
        pytest.param(said(2, rows(person=BOB), rows(), undone=True), [], id="taken back"),
        pytest.param(said(3, rows(), rows(person=BOB), undoes=2), [], id="the taking back of that"),
        pytest.param(said(2, rows(person=BOB), None), [2], id="of an older state: all that it knew"),
    ],
)
def test_what_rests_on_a_word(later: JournalledChange, expected: list[int]) -> None:
    """What it changed and they changed again; not what they only knew of."""
    assert list(depending_on(GIVEN, [later])) == expected


def test_what_rests_on_a_taking_back() -> None:
    """Words that came since and takings back that came since: what they made of the face would be lost."""
    back = said(3, rows(person=BOB), rows(person=ADA), undoes=1)
    later = [said(4, rows(person=ADA), rows()), said(5, rows(person=ADA), rows(), undoes=2)]
    assert list(depending_on(back, later)) == [5, 4]


def test_who_came_by_a_word() -> None:
    """Whoever was given more since rests on it, though no face is the same."""
    founded = said(1, rows(made=BOB), rows(person=BOB, made=BOB))
    assert list(depending_on(founded, [said(2, rows(OTHER, ADA), rows(OTHER, BOB))])) == [2]
