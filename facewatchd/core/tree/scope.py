"""
Whose folders of the people tree are looked after when something changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from facewatchd.core.tree.owners import Owner, Review, Suggestion, Together
from facewatchd.domain import PersonId, PhotoId, Pool


@dataclass(frozen=True, slots=True)
class InPool:
    """One photo's place in the unknown pool, which may hold very many others."""

    photo_id: PhotoId


NO_PHOTO: Final = 0
PICTURES = InPool(NO_PHOTO)
"""Nothing of the pool but what has come and gone of its pictures of faces: no photo has this number."""

Scope = set[PersonId | InPool | None]
"""Whose folders to look after, with those of several people that they are among; None stands for the pools."""


def concerns(scope: Scope, owner: Owner) -> bool:
    """Whether a folder may change when something about these people does."""
    match owner:
        case Pool():
            return None in scope
        case Together(people):
            return not scope.isdisjoint(people)
        case Review(person_id):
            return _is_somebody_unknown_in(scope) or person_id in scope
        case Suggestion(one, other):
            return _is_somebody_unknown_in(scope) or not scope.isdisjoint({one, other})
        case _:
            return owner in scope


def _is_somebody_unknown_in(scope: Scope) -> bool:
    return any(one is None or isinstance(one, InPool) for one in scope)


def whom_of(owner: Owner) -> Scope:
    """Whom to look after when an owner's folder changed."""
    match owner:
        case int():
            return {owner}
        case Together(people):
            return {*people}
        case _:
            return {None}
