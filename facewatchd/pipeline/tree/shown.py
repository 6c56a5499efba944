"""
The folders of the people tree that are about several people or ask something: `_review`, `_together`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from facewatchd.core.grouping.suggestions import EXAMPLES, MOST
from facewatchd.core.tree.entries import MARKER, WantedFile, WantedFolder, WantedLink, WantedPicture
from facewatchd.core.tree.folder_names import folder_name, link_name
from facewatchd.core.tree.owners import Owner, Review, Suggestion, Together
from facewatchd.domain import Person, PersonId
from facewatchd.store import FaceOnPhoto, PersonPhoto, Store

Links = Callable[[Sequence[PersonPhoto]], tuple[WantedLink, ...]]
"""Makes the links of folders that lie one level below the top."""


def wanted_reviews(
    store: Store,
    links: Links,
    concerned: Callable[[Owner], bool],
    more: tuple[WantedFile, ...] = (),
    *,
    pictures: bool = False,
) -> list[WantedFolder]:
    """
    `_review/Grandma?` for everyone with faces that may be theirs, `_review/Grandma + Person 31?` for who may be one.

    Args:
        store: The state; only read.
        links: See there.
        concerned: Which folders are wanted.
        more: Files that are in each, too.
        pictures: Whether each face that is asked about has a picture.
    """
    files = (_marker(store), *more)
    folders = [
        WantedFolder(
            Review(person.person_id),
            f"{person.title}?",
            links(store.reviews.photos(person.person_id)),
            files,
            _beside(store.pictures.in_review(person.person_id)) if pictures else (),
        )
        for person in store.reviews.people()
        if concerned(Review(person.person_id))
    ]
    for one, other in store.reviews.suggestions()[:MOST]:
        owner = Suggestion(one.person_id, other.person_id)
        if not concerned(owner):
            continue
        examples = (*_examples(store, one, other, links), *_examples(store, other, one, links))
        covers = _covers(store, (one, other)) if pictures else ()
        folders.append(WantedFolder(owner, f"{one.title} + {other.title}?", examples, files, covers))
    return [folder for folder in folders if folder.links]


def wanted_unknown(store: Store, least: int, most: int) -> tuple[WantedPicture, ...]:
    """Pictures of the newest faces of the unknown pool; see `Pictures.unknown`."""
    return _beside(store.pictures.unknown(least, most)) if most else ()


def _beside(faces: Sequence[FaceOnPhoto]) -> tuple[WantedPicture, ...]:
    return tuple(WantedPicture(face_id, photo_id) for face_id, photo_id in faces)


def _covers(store: Store, people: Sequence[Person]) -> tuple[WantedPicture, ...]:
    """Who they are, each by their name: sorted with the examples, which begin with it."""
    covers = [(person, store.people.cover(person.person_id)) for person in people]
    return tuple(
        WantedPicture(face_id, None, folder_name(person.title) + b".jpg")
        for person, face_id in covers
        if face_id is not None
    )


def wanted_together(store: Store, links: Links, least: int, only: set[PersonId] | None) -> list[WantedFolder]:
    """`_together/Anna + Bob` for every two named people with so many photos in common; of these people only, or all."""
    folders = []
    for pair, photos in store.reviews.together(least, only):
        owner: Owner = Together(tuple(sorted(person.person_id for person in pair)))
        title = " + ".join(sorted((person.title for person in pair), key=str.casefold))
        folders.append(WantedFolder(owner, title, links(photos), (_marker(store),)))
    return folders


def _examples(store: Store, person: Person, other: Person, links: Links) -> list[WantedLink]:
    """Photos that show who a person is, each with their name in front."""
    faces = store.reviews.examples(person.person_id, other.person_id, EXAMPLES)
    title = folder_name(person.title).decode()
    return [link._replace(name=link_name(title, link.name)) for link in links(store.reviews.example_photos(faces))]


def _marker(store: Store) -> WantedFile:
    return WantedFile(MARKER, store.state_id())
