"""
The photo folders of a state.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from facewatchd.errors import FacewatchError, displayable
from facewatchd.operations.base import Nothing, Read, Record, Sole, Text
from facewatchd.operations.context import Alone, Reading
from facewatchd.pipeline.intake.roots import move_root
from facewatchd.watch.answering import Answers


class RootEntry(Record):
    """
    A photo folder.

    Attributes:
        path: Absolute.
        watched: Whether the last run of the daemon watched it.
        there: Whether there is such a folder now.
        photos: How many photos of it are known.
        missing: How many more are not there any more.
    """

    path: str
    watched: bool
    there: bool
    photos: int
    missing: int


class Roots(Record):
    """All photo folders, those that are not watched any more too."""

    roots: tuple[RootEntry, ...]


class MoveParameters(Record):
    """
    Attributes:
        old: What the folder was, absolute.
        new: What it is.
    """

    old: Text
    new: Text


class Moved(Record):
    """
    Attributes:
        photos: How many photos carry on in the new folder.
        advice: What is left to be done, as a sentence; empty where nothing is.
    """

    photos: int
    advice: str


def _list(reading: Reading, _: Nothing) -> Roots:
    answers = Answers()
    return Roots(
        roots=tuple(
            RootEntry(
                path=os.fsdecode(one.root.path),
                watched=one.watched,
                there=answers.answers(one.root.path) and os.path.isdir(one.root.path),
                photos=one.photos,
                missing=one.missing,
            )
            for one in reading.store.roots.figures()
        )
    )


def _move(alone: Alone, parameters: MoveParameters) -> Moved:
    before, after = (Path(os.path.abspath(Path(path).expanduser())) for path in (parameters.old, parameters.new))
    answers = Answers()
    if not answers.answers(os.fsencode(after)):
        raise FacewatchError("The folder cannot be looked at", answers.why_not(os.fsencode(after)), after)
    store = alone.store
    count = move_root(store, *(answers.real_path(os.fsencode(path)) for path in (before, after)))
    folders = store.folders()
    if before in folders.photos:
        photos = tuple(after if path == before else path for path in folders.photos)
        with store.transaction():
            store.set_folders(dataclasses.replace(folders, photos=photos))
    advice = ""
    if before in alone.config.photos:
        advice = f"Where the configuration or --photos names {displayable(before)}, name {displayable(after)} instead."
    return Moved(photos=count, advice=advice)


LIST = Read("roots.list", Nothing, Roots, _list)
MOVE = Sole("roots.move", MoveParameters, Moved, _move)
