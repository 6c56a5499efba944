"""
What the configuration says of the people tree.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from facewatchd.config import Config
from facewatchd.core.tree.entries import LinkMode
from facewatchd.core.tree.link_names import USUAL, Template, template
from facewatchd.watch.answering import Answers

_MEMORY = 3000 << 20
"""For decoding a photo, where the configuration says nothing, bytes: enough for every photo of a camera."""


@dataclass(frozen=True, slots=True)
class TreeSettings:
    """
    Attributes:
        path: The people directory, absolute, without symlinks.
        min_faces: An unnamed person must be in so many pictures that differ to get a folder.
        links: What stands for a photo.
        max_megapixels: For the photos that covers are cut out of.
        max_deletions: More links than this share of the tree are not deleted by the user at once.
        allow_same_photo: Whether two faces of a photo may be one person.
        years: Whether people's links are in a folder per year.
        together: Two people with so many photos in common have a folder of these; 0 for none.
        name: How links are named.
        pictures: So many of the newest unknown faces have a picture beside their link, and so has every face in `_review`;
            0: none has.
        max_seconds: For decoding one of those photos.
        max_memory: For decoding one of those photos, bytes.
        answers: Tells whether the file systems of the tree and of the photos answer.
    """

    path: bytes
    min_faces: int
    links: LinkMode
    max_megapixels: float
    max_deletions: float = 0.2
    allow_same_photo: bool = False
    years: bool = False
    together: int = 0
    name: Template = field(default_factory=lambda: template(USUAL))
    pictures: int = 0
    max_seconds: float = 60
    max_memory: int = _MEMORY
    answers: Answers = field(default_factory=Answers, compare=False)

    @classmethod
    def of(cls, config: Config, answers: Answers | None = None) -> TreeSettings:
        answers = Answers() if answers is None else answers
        return cls(
            answers.real_path(os.fsencode(config.people.dir)),
            config.people.min_faces,
            LinkMode(config.people.links),
            config.ingest.max_megapixels,
            config.people.max_deletions,
            config.people.allow_same_photo,
            config.people.years,
            config.people.together,
            template(config.people.link_name),
            config.people.face_pictures,
            config.ingest.max_seconds,
            (config.ingest.max_memory << 20) or _MEMORY,
            answers,
        )
