"""
The scope: the people and folders that have to be looked after when something changed.
"""

from __future__ import annotations

from collections.abc import Iterable
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
"""The people to look after, in their own folders and in those of several people; None stands for the pools."""


def concerns(scope: Scope, owner: Owner) -> bool:
    """Whether a folder may change when something about these people does."""
    match owner:
        case Pool():
            return None in scope
        case Together(people):
            return not scope.isdisjoint(people)
        case Review(person_id):
            return _is_pool_in(scope) or person_id in scope
        case Suggestion(one, other):
            return _is_pool_in(scope) or not scope.isdisjoint({one, other})
        case _:
            return owner in scope


def _is_pool_in(scope: Scope) -> bool:
    return any(one is None or isinstance(one, InPool) for one in scope)


def scope_of(owners: Iterable[Owner]) -> Scope:
    """What has to be looked after when the folders of these owners changed."""
    scope: Scope = set()
    for owner in owners:
        match owner:
            case int():
                scope.add(owner)
            case Together(people):
                scope |= {*people}
            case _:
                scope.add(None)
    return scope


def with_unknown(*owners: Owner | None) -> frozenset[Owner]:
    """These, and the unknown pool: nearly every change of a face's person changes it, too."""
    return frozenset({Pool.UNKNOWN, *(owner for owner in owners if owner is not None)})
