"""
The folders that a state belongs to: remembered by it, so that no command has to be told again, and held against what the
user says now.
"""

from __future__ import annotations

import difflib
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from facewatchd.config import Config, with_folders
from facewatchd.core.intake.roots import is_inside
from facewatchd.errors import ConfigError, FacewatchError, displayable
from facewatchd.store import Folders, Store
from facewatchd.watch.answering import Answers

log = logging.getLogger(__name__)


def remembered(config: Config, answers: Answers | None = None) -> Config:
    """
    The configuration with the folders that its state knows, for a command. A state that is missing or cannot be read is not
    this function's business.
    """
    try:
        with Store(config.state.dir, read_only=True) as store:
            folders = store.folders()
    except FacewatchError:
        return config
    return with_folders(config, folders.photos, folders.people, (Answers() if answers is None else answers).real_path)


def usable_folders(config: Config, store: Store, answers: Answers | None = None) -> Config:
    """
    The folders of a run of the daemon.

    Args:
        config: As read.
        store: The state.
        answers: Tells whether the file systems answer. A folder on one that does not is waited for, where it is known.

    Raises:
        ConfigError: There is no photo folder, or one that is not there and never was.
        FacewatchError: One that is not known does not answer.
    """
    answers = Answers() if answers is None else answers
    before = store.folders()
    config = with_folders(config, before.photos, before.people, answers.real_path)
    if not config.photos:
        raise ConfigError("There is no photo folder to watch", "Name one by --photos, or under 'photos:' in the file.")
    for path in config.photos:
        _refuse_unknown(store, path, before.photos, answers)
    return config


def settle_folders(config: Config, store: Store, answers: Answers | None = None) -> Config:
    """
    The folders of a run of the daemon, which the state remembers from now on.

    Raises:
        FacewatchError: See `usable_folders`.
    """
    before = store.folders()
    config = usable_folders(config, store, answers)
    tell_other_people_folder(config, before)
    if before.photos and {*before.photos} != {*config.photos}:
        log.info(
            "The photo folders are %s, as you say now; until now this state had %s",
            _listed(config.photos),
            _listed(before.photos),
        )
    with store.transaction():
        store.set_folders(Folders(config.photos, config.people.dir))
    return config


def tell_other_people_folder(config: Config, before: Folders) -> None:
    """Say where the people folder is another than the state has had."""
    if before.people is not None and before.people != config.people.dir:
        log.warning(
            "The people folder is %s, as you say now; until now this state had %s",
            displayable(config.people.dir),
            displayable(before.people),
        )


def _listed(paths: Sequence[Path]) -> str:
    return ", ".join(map(displayable, paths))


def _refuse_unknown(store: Store, path: Path, before: Sequence[Path], answers: Answers) -> None:
    """A folder that is not there is away where it was there before, and mistyped where it never was."""
    real = answers.real_path(os.fsencode(path))
    if not answers.answers(real):
        if any(root.path == real for root in store.roots.all().values()):
            return
        # symbolic links on it cannot be followed: which folder it is cannot be told
        raise FacewatchError("A photo folder that is not known does not answer", answers.why_not(real), path)
    try:
        os.stat(real)
    except OSError as error:
        if path in before or _is_known(store, real):
            return
        raise ConfigError(
            "There is no such photo folder",
            f"{error.strerror}; check its path under 'photos:' or --photos{_suggestion(path)}. The disk of a new photo folder "
            "must be mounted at the first start.",
            path,
        ) from error
    if not os.path.isdir(real):
        raise ConfigError("This is no photo folder", "It is a file; name the folder that it is in.", path)


def _is_known(store: Store, path: bytes) -> bool:
    """Whether photos of this folder are known: it was watched, or is a part of what was, or holds it."""
    return any(
        root.path == path and store.roots.identity(root.root_id) is not None for root in store.roots.all().values()
    ) or any(
        (is_inside(path, figures.root.path) or is_inside(figures.root.path, path)) and figures.photos + figures.missing
        for figures in store.roots.figures()
    )


def _suggestion(path: Path) -> str:
    try:
        beside = [entry.name for entry in os.scandir(path.parent) if entry.is_dir()]
    except OSError:
        return ""
    close = difflib.get_close_matches(path.name, beside, 1)
    return f" (did you mean {displayable(path.parent / close[0])}?)" if close else ""
