"""
The links that a folder of the people tree should have, by the names that the program gives them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from facewatchd.core.dates.evidence import date_prefix
from facewatchd.core.tree.entries import WantedLink
from facewatchd.core.tree.link_names import Template
from facewatchd.pipeline.tree.files import deeper
from facewatchd.store import PersonPhoto

Target = Callable[[PersonPhoto], bytes]
"""What a link to a photo leads to, see `pipeline.tree.files.target_maker`."""


def links_to(template: Template, photos: Iterable[PersonPhoto], target: Target) -> tuple[WantedLink, ...]:
    """A link to each photo."""
    name = template.name
    return tuple([WantedLink(photo.photo_id, name(photo.path, photo.date), target(photo)) for photo in photos])


def links_by_year(template: Template, photos: Sequence[PersonPhoto], target: Target) -> tuple[WantedLink, ...]:
    """Those with a date in a folder per year."""
    prefixes = {photo.photo_id: date_prefix(photo.date) if photo.date else "" for photo in photos}
    return tuple(
        link._replace(name=b"%s/%s" % (prefixes[link.photo_id][:4].encode(), link.name), target=deeper(link.target))
        if prefixes[link.photo_id]
        else link
        for link in links_to(template, photos, target)
    )
