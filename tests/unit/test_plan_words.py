"""What `tree --dry-run` says of every kind of gesture and change: sentences, and no program's words."""

from __future__ import annotations

from typing import get_args

import pytest

from facewatchd.core.tree.entries import (
    Action,
    Adopt,
    Forget,
    MakeFolder,
    PutFile,
    PutLink,
    RemoveFile,
    RemoveFolder,
    RemoveLink,
    RenameFolder,
    hard_link,
)
from facewatchd.core.tree.gestures import (
    Answered,
    Deleted,
    Displaced,
    Founded,
    Gesture,
    Hidden,
    Joined,
    Kept,
    Merged,
    Misplaced,
    Moved,
    Parted,
    Pointed,
    Renamed,
    Shown,
)
from facewatchd.core.tree.owners import Review, Suggestion, Together
from facewatchd.core.tree.plan_words import action_said, gesture_said, owner_said
from facewatchd.domain import Pool

ACTIONS: list[tuple[Action, str]] = [
    (MakeFolder(1, b"Ada"), "make the folder Ada"),
    (RenameFolder(1, b"Ada", b"Z\xff"), r"rename the folder Ada to Z\xff"),
    (RemoveFolder(1, b"Ada"), "remove the folder Ada, if nothing of yours is in it"),
    (PutLink(b"Ada", b"a.jpg", 1, b"../../a.jpg"), "make the link Ada/a.jpg -> ../../a.jpg"),
    (PutLink(b"Ada", b"a.jpg", 1, hard_link(7), b"../x"), "replace the link Ada/a.jpg"),
    (RemoveLink(b"Ada", b"2019/a.jpg", b"x"), "remove the link Ada/2019/a.jpg"),
    (PutFile(1, b"Ada", b"folder.jpg", "1"), "write the file Ada/folder.jpg"),
    (PutFile(1, b"Ada", b"folder.jpg", "1", b"2"), "replace the file Ada/folder.jpg"),
    (RemoveFile(b"Ada", b"folder.jpg", b"2"), "remove the file Ada/folder.jpg"),
    (Adopt(b"Ada", b"a.jpg", 1, b"x"), "keep Ada/a.jpg, which is as it should be"),
    (Forget(b"Ada", b"a.jpg"), "leave Ada/a.jpg to you"),
]
GESTURES: list[tuple[Gesture, str]] = [
    (Renamed(3, b"Person 3", b"Ada"), "the folder Person 3 was renamed to Ada"),
    (Merged(3, 1), "the folder of person 3 was merged into that of person 1"),
    (Hidden(3, None), "the folder of person 3 was deleted"),
    (Hidden(3, b"_ignored/Ada"), "the folder of person 3 was moved to _ignored/Ada"),
    (Shown(3, b"Ada"), "the folder of person 3, who is hidden, is back as Ada"),
    (Moved(7, None, 3), "a link to photo 7 was copied to person 3"),
    (Moved(7, Pool.UNKNOWN, 3), "the link to photo 7 was moved from _unknown to person 3"),
    (Joined(7, 1, 3), "the link to photo 7 was moved from person 1 to person 3"),
    (Pointed(((7, 17),), Review(3), 3), "1 picture of a face was moved from _review of person 3 to person 3"),
    (Pointed(((7, 17), (8, 18)), Pool.UNKNOWN, None), "2 pictures of faces were deleted from _unknown"),
    (Pointed(((7, 17),), None, 3), "1 picture of a face was copied to person 3"),
    (Deleted(7, Review(3)), "the link to photo 7 was deleted from _review of person 3"),
    (Founded(b"Carl", ((7, None), (8, 1))), "the folder Carl was made, with 2 links"),
    (Answered(3, (7, 8), None), "2 links in _review that ask about person 3 were deleted"),
    (Answered(3, (7, 8), Pool.IGNORED), "2 links in _review that ask about person 3 were moved to _ignored"),
    (Parted(1, 3), "the folder that asks whether person 1 and person 3 are one was deleted"),
    (Misplaced(3, b"_review/Ada"), "the folder of person 3 was moved to _review/Ada, where it means nothing"),
    (Kept(3), "the folder of person 3, who is hidden, was deleted"),
    (Displaced(Suggestion(1, 3), b"x"), "the folder of _review of person 1 and person 3 was moved to x"),
]


@pytest.mark.parametrize(("action", "said"), ACTIONS)
def test_changes(action: Action, said: str) -> None:
    """Each with its path."""
    assert action_said(action) == said


@pytest.mark.parametrize(("gesture", "said"), GESTURES)
def test_gestures(gesture: Gesture, said: str) -> None:
    """Each with whom it is about."""
    assert gesture_said(gesture) == said


def test_every_kind_has_its_sentence() -> None:
    """Also one that is added some day."""
    assert {type(action) for action, _ in ACTIONS} == set(get_args(Action))
    assert {type(gesture) for gesture, _ in GESTURES} == set(get_args(Gesture))
    assert owner_said(Together((1, 3))) == "_together of person 1 and person 3"
