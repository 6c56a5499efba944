"""
Who may have which name, where several people and new folders get names in one look at the people tree: a name that one person
gives up is free for another, but only if that person really gets another name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from facewatchd.core.tree.folder_names import fold, folder_name
from facewatchd.domain import PersonId

Claimant = PersonId | bytes
"""A person, or the path of a new folder."""


@dataclass(frozen=True, slots=True)
class NameClaim:
    """
    A folder that the user renamed or made.

    Attributes:
        claimant: The person, or the path of the folder that the user made.
        name: The name that it would give.
        folder: What the folder is called.
        is_hidden: Whether the person is not shown: their name stays free for others.
        may_merge: Whether it means that two people are one, if somebody else has exactly this name.
        otherwise: The name that the person has if this one is taken, although they had no name that others could see.
    """

    claimant: Claimant
    name: str
    folder: bytes
    is_hidden: bool = False
    may_merge: bool = False
    otherwise: str = ""


@dataclass(frozen=True, slots=True)
class NameDecisions:
    """
    Attributes:
        refused: Claimants that do not get the name, and who has it.
        merges: People who are the same as the one who has the name.
        given_up: People who have another name after this look, are hidden, or are merged into somebody else.
    """

    refused: Mapping[Claimant, Claimant]
    merges: Mapping[PersonId, PersonId]
    given_up: frozenset[PersonId]


def decide_names(
    claims: Sequence[NameClaim],
    named: Mapping[PersonId, str],
    leaving: Collection[PersonId],
    moving: Collection[PersonId] = (),
) -> NameDecisions:
    """
    Decide who gets the name that their folder has now. Two names are the same where `folder_names.is_same_name` says so.

    Args:
        claims: The folders with new names, in the order of the gestures.
        named: The names of the people who have one that others cannot get: they are shown, or are merged into somebody without
            a name, who gets theirs.
        leaving: People who give up their name in any case: they are hidden, or are merged into somebody with a name.
        moving: People who are merged into somebody else: whoever has their name now does not mean them.

    Returns:
        The decisions. Carried out in any order, they leave no two people who are shown with one name, if there were none before.
    """
    # somebody who was to have another name did not offer the old one to anybody who is the same person
    unsettled = {*moving, *(claim.claimant for claim in claims)}
    refused: dict[Claimant, Claimant] = {}
    merges: dict[PersonId, PersonId] = {}
    while True:
        # each round knows more claims that fail, whose claimants keep their names
        changing = {claim.claimant for claim in claims if claim.claimant not in refused}
        given_up = {*leaving, *(claimant for claimant in changing if isinstance(claimant, int))}
        holders: dict[str, list[Claimant]] = defaultdict(list)
        for person, name in named.items():
            if person not in given_up:
                holders[_folded(name)].append(person)
        for claim in claims:
            if claim.claimant in refused and claim.otherwise:
                holders[_folded(claim.otherwise)].append(claim.claimant)
        failed = False
        merges.clear()
        for claim in claims:
            if claim.claimant in refused:
                continue
            others = [holder for holder in holders[_folded(claim.name)] if holder != claim.claimant]
            if not others:
                if not claim.is_hidden:
                    holders[_folded(claim.name)].append(claim.claimant)
                continue
            same = [
                holder
                for holder in others
                if isinstance(holder, int)
                and holder not in unsettled
                and claim.folder == folder_name(named.get(holder, ""))
            ]
            if claim.may_merge and not claim.is_hidden and isinstance(claim.claimant, int) and same:
                merges[claim.claimant] = same[0]
                continue
            refused[claim.claimant] = others[0]
            failed = True
        if not failed:
            return NameDecisions(refused, dict(merges), frozenset(given_up))


def _folded(name: str) -> str:
    return fold(name.encode("utf-8", "surrogateescape"))
