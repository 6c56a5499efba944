"""
The state: photos tried again, copies of it made and put back.
"""

from __future__ import annotations

import os
from pathlib import Path

from facewatchd.operations.base import Nothing, Read, Record, Sole, Text, Write
from facewatchd.operations.context import Alone, Reading, Writing
from facewatchd.pipeline.intake.retry import retry
from facewatchd.store.backup import back_up, restore
from facewatchd.watch.answering import Answers, refuse_silent


class Retried(Record):
    """How many photos are tried again: now where the daemon runs, else when it next does."""

    photos: int


class FileParameters(Record):
    """
    Attributes:
        file: A copy of the state.
    """

    file: Text


class Restored(Record):
    """
    Attributes:
        kept: Where the state that was there before is kept; empty where there was none.
        photos: The photo folders of the copy that are not on this machine.
        people: Its people folder, where that is not on this machine; else empty.
    """

    kept: str
    photos: tuple[str, ...]
    people: str


def _retry(writing: Writing, _: Nothing) -> Retried:
    return Retried(photos=retry(writing.store))


def _backup(reading: Reading, parameters: FileParameters) -> Nothing:
    refuse_silent(parameters.file, "The backup cannot be written")
    back_up(reading.config.state.dir, Path(parameters.file))
    return Nothing()


def _restore(alone: Alone, parameters: FileParameters) -> Restored:
    refuse_silent(parameters.file, "The copy cannot be put back")
    kept = restore(alone.config.state.dir, Path(parameters.file))
    folders = alone.store.folders()
    people, answers = folders.people, Answers()

    def is_missing(path: Path) -> bool:
        return answers.answers(os.fsencode(path)) and not path.is_dir()

    return Restored(
        kept=str(kept) if kept else "",
        photos=tuple(str(path) for path in folders.photos if is_missing(path)),
        people=str(people) if people is not None and is_missing(people) else "",
    )


RETRY = Write("retry", Nothing, Retried, _retry)
BACKUP = Read("backup", FileParameters, Nothing, _backup)
RESTORE = Sole("restore", FileParameters, Restored, _restore, makes_state=True)
