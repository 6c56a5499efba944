"""
What `tree --dry-run` would do, and the gestures that it would carry out, as sentences.
"""

from __future__ import annotations

import posixpath

from facewatchd.core.tree.entries import (
    Action,
    Adopt,
    Forget,
    MakeFolder,
    PutFile,
    PutLink,
    RemoveFile,
    RemoveFolder,
    RemoveLink,
    RenameFolder,
    is_symlink,
)
from facewatchd.core.tree.gestures import (
    Answered,
    Deleted,
    Displaced,
    Founded,
    Gesture,
    Hidden,
    Joined,
    Kept,
    Merged,
    Misplaced,
    Moved,
    Parted,
    Pointed,
    Renamed,
    Shown,
)
from facewatchd.core.tree.owners import Owner, Review, Suggestion, Together
from facewatchd.domain import Pool
from facewatchd.errors import displayable


def action_said(action: Action) -> str:
    """One line of a plan; paths are relative to the people folder."""
    match action:
        case MakeFolder(_, folder):
            return f"make the folder {displayable(folder)}"
        case RenameFolder(_, folder, to):
            return f"rename the folder {displayable(folder)} to {displayable(to)}"
        case RemoveFolder(_, folder):
            return f"remove the folder {displayable(folder)}, if nothing of yours is in it"
        case PutLink(folder, name, _, target, instead_of):
            leads = f" -> {displayable(target)}" if is_symlink(target) else ""
            return f"{'make' if instead_of is None else 'replace'} the link {_path(folder, name)}{leads}"
        case RemoveLink(folder, name):
            return f"remove the link {_path(folder, name)}"
        case PutFile(_, folder, name, _, instead_of):
            return f"{'write' if instead_of is None else 'replace'} the file {_path(folder, name)}"
        case RemoveFile(folder, name):
            return f"remove the file {_path(folder, name)}"
        case Adopt(folder, name):
            return f"keep {_path(folder, name)}, which is as it should be"
        case Forget(folder, name):
            return f"leave {_path(folder, name)} to you"


def gesture_said(gesture: Gesture) -> str:
    """What the user did in the tree, in one line."""
    match gesture:
        case Renamed(_, path, to):
            return f"the folder {displayable(path)} was renamed to {displayable(to)}"
        case Merged(person_id, into):
            return f"the folder of person {person_id} was merged into that of person {into}"
        case Hidden(person_id, path):
            return (
                f"the folder of person {person_id} was {'deleted' if path is None else f'moved to {displayable(path)}'}"
            )
        case Shown(person_id, path):
            return f"the folder of person {person_id}, who is hidden, is back as {displayable(path)}"
        case Moved(photo_id, source, to) if source is None:
            return f"a link to photo {photo_id} was copied to {owner_said(to)}"
        case Moved(photo_id, source, to) | Joined(photo_id, source, to):
            assert source is not None
            return f"the link to photo {photo_id} was moved from {owner_said(source)} to {owner_said(to)}"
        case Deleted(photo_id, source):
            return f"the link to photo {photo_id} was deleted from {owner_said(source)}"
        case Pointed(faces, source, to):
            what = "picture of a face was" if len(faces) == 1 else "pictures of faces were"
            how = "deleted" if to is None else "copied" if source is None else "moved"
            places = f"{f' from {owner_said(source)}' if source is not None else ''}{f' to {owner_said(to)}' if to is not None else ''}"
            return f"{len(faces)} {what} {how}{places}"
        case Founded(path, photos):
            return f"the folder {displayable(path)} was made, with {len(photos)} links"
        case Answered(person_id, photos, to):
            answer = "deleted" if to is None else f"moved to {owner_said(to)}"
            return f"{len(photos)} links in _review that ask about person {person_id} were {answer}"
        case Parted(one, other):
            return f"the folder that asks whether person {one} and person {other} are one was deleted"
        case Misplaced(person_id, path):
            return f"the folder of person {person_id} was moved to {displayable(path)}, where it means nothing"
        case Kept(person_id):
            return f"the folder of person {person_id}, who is hidden, was deleted"
        case Displaced(owner, path):
            return f"the folder of {owner_said(owner)} was moved to {displayable(path)}"


def owner_said(owner: Owner) -> str:
    """The owner of a folder, in words."""
    match owner:
        case Pool():
            return owner.value
        case Review(person_id):
            return f"_review of person {person_id}"
        case Suggestion(one, other):
            return f"_review of person {one} and person {other}"
        case Together(people):
            return f"_together of {' and '.join(f'person {one}' for one in people)}"
        case _:
            return f"person {owner}"


def _path(folder: bytes, name: bytes) -> str:
    return displayable(posixpath.join(folder, name))
