"""
A reclustering is carried into the state, or held where it would do too much to those who are known (see `core.grouping.change_guard`).
"""

from __future__ import annotations

from dataclasses import replace

from facewatchd.core.grouping.change_guard import examine
from facewatchd.domain import PersonId
from facewatchd.pipeline.grouping.regroup import Regrouping, add_people, apply
from facewatchd.store import HeldRecluster, Store

_MOST_TOLD = 3


def objection(store: Store, regrouping: Regrouping, max_moved: float) -> str:
    """
    Why a reclustering is not to be carried out without being asked for, and what would clear it; empty where it may be.

    Args:
        store: Knows the names.
        regrouping: What it comes to.
        max_moved: See `core.grouping.change_guard.examine`.
    """
    titles = {person.person_id: person.title for person in store.people.named()}
    before = {face: person for face, person in regrouping.before.items() if person}
    after = {face: assignment.person_id for face, assignment in regrouping.assignments.items()}
    verdict = examine(before, after, titles.keys(), max_moved)
    if not verdict.held:
        return ""
    parts = []
    if verdict.too_many:
        parts.append(
            f"it would reassign {verdict.moved:,} of {verdict.assigned:,} faces (limit: recluster.max_moved = "
            f"{max_moved:.0%})"
        )
    parts += [
        f"{mixing.faces:,} of {mixing.of:,} faces of {titles[mixing.person]} would go to {titles[mixing.into]}"
        for mixing in verdict.mixed[:_MOST_TOLD]
    ]
    if len(verdict.mixed) > _MOST_TOLD:
        parts.append(f"{len(verdict.mixed) - _MOST_TOLD} more named people would give many faces to another")
    return (
        f"A new grouping is held: {'; '.join(parts)}. To look at it: 'facewatchd recluster --dry-run'. To apply it anyway: "
        "'facewatchd recluster --force'. Until then faces that are assigned stay where they are, and new people are added."
    )


def apply_guarded(
    store: Store, regrouping: Regrouping, at: float, seconds: float, max_moved: float, *, force: bool = False
) -> str:
    """
    Store a reclustering, all or nothing. One that is held changes nothing of what is known: of it, people are added all
    of whose faces were nobody's, so that whoever is new has not to wait for the user.

    Args:
        store: The state.
        regrouping: What it comes to.
        at: When it began, seconds since 1970.
        seconds: How long it took.
        max_moved: See `core.grouping.change_guard.examine`.
        force: Whether the user has asked for it whatever it does.

    Returns:
        Why it is held; empty where it is done.
    """
    why = "" if force else objection(store, regrouping, max_moved)
    with store.transaction():
        if why:
            add_people(store, newcomers(regrouping))
            store.set_held(HeldRecluster(why, len(regrouping.assignments)))
        else:
            apply(store, regrouping, at, seconds)
            store.set_held(None)
    return why


def newcomers(regrouping: Regrouping) -> Regrouping:
    """Of a reclustering, the new people none of whose faces was anybody's."""
    old: set[PersonId] = {
        person
        for face, assignment in regrouping.assignments.items()
        if (person := assignment.person_id) is not None and regrouping.before[face]
    }
    new = {person: faces for person, faces in regrouping.medoids.items() if person < 0 and person not in old}
    assignments = {face: found for face, found in regrouping.assignments.items() if found.person_id in new}
    return replace(regrouping, assignments=assignments, medoids=new)
