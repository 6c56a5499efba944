"""
Names that the user gives to links: a link in an owner's folder that was renamed is the photo's link, and keeps the name for good.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from facewatchd.core.tree.entries import WantedLink, Written, WrittenFolder
from facewatchd.core.tree.folder_names import is_variant
from facewatchd.domain import PhotoId

_YEAR = re.compile(rb"(?:[0-9]{4})?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class GivenName:
    """A photo's link in an owner's folder has this name, without the year's folder."""

    photo_id: PhotoId
    name: bytes


def given_names(
    wanted: Sequence[WantedLink],
    written: Sequence[Written],
    found: Iterable[Written],
    called: Mapping[PhotoId, Collection[bytes]],
    reserved: Collection[bytes],
) -> list[GivenName]:
    """
    The names that the user gave to links in one folder since it was written.

    Args:
        wanted: The links that it should have.
        written: The entries that were written into it.
        found: What stands for photos in it now; in other folders of it than years' they are the user's own.
        called: Per photo the names that its links had in the whole tree, without folders.
        reserved: Names of files of ours, which no link can have.
    """
    had = {entry.photo_id: entry.name for entry in written}
    there: dict[PhotoId | None, list[bytes]] = {}
    for entry in found:
        place, name = posixpath.split(entry.name)
        if _YEAR.fullmatch(place) and name not in reserved:
            there.setdefault(entry.photo_id, []).append(entry.name)
    given = []
    for link in wanted:
        now, before = there.get(link.photo_id), had.get(link.photo_id)
        if now is None or before in now:
            continue
        name, usual = posixpath.basename(min(now)), posixpath.basename(link.name)
        if before is not None:
            is_given = name not in {posixpath.basename(before), usual}
        else:
            # as it was called where it came from, with the number that made it unique there or here
            is_given = not any(is_variant(name, other) for other in (usual, *called.get(link.photo_id, ())))
        if is_given:
            given.append(GivenName(link.photo_id, name))
    return given


def with_given_names(links: Sequence[WantedLink], names: Mapping[PhotoId, bytes]) -> tuple[WantedLink, ...]:
    """The links, those with a name of the user's by that, each in the folder of its year."""
    if not names:
        return tuple(links)
    return tuple(
        link._replace(name=posixpath.join(posixpath.dirname(link.name), names[link.photo_id]), is_given=True)
        if link.photo_id in names
        else link
        for link in links
    )


def names_in(folders: Iterable[WrittenFolder]) -> dict[PhotoId, set[bytes]]:
    """The names that the links of each photo have, without folders."""
    names: dict[PhotoId, set[bytes]] = {}
    for folder in folders:
        for entry in folder.entries:
            if entry.photo_id is not None:
                names.setdefault(entry.photo_id, set()).add(posixpath.basename(entry.name))
    return names
