"""
One people folder belongs to one state (requirement R40): two daemons would take each other's links for gestures of the user.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from facewatchd.config import Config
from facewatchd.errors import FacewatchError, TreeError, displayable
from facewatchd.people.markers import TreeOwner, read_tree_owner
from facewatchd.store import Store
from facewatchd.watch.answering import Answers

log = logging.getLogger(__name__)


def owner_of(store: Store) -> TreeOwner:
    """What a people folder of this state says."""
    return TreeOwner(store.state_id(), os.uname().nodename, os.fsencode(store.path.parent))


def is_ours(store: Store, path: bytes) -> bool:
    """Whether a people folder says that it belongs to this state."""
    owner = read_tree_owner(path)
    return owner is not None and owner.state_id == store.state_id()


def refuse_other_owner(config: Config, store: Store, answers: Answers | None = None) -> None:
    """
    One that does not answer is held against its owner when it is looked after.

    Raises:
        TreeError: The people folder belongs to another state.
    """
    path = os.fsencode(config.people.dir)
    if (Answers() if answers is None else answers).answers(path):
        refuse_other(store, path)


def refuse_silent(store: Store, path: bytes, answers: Answers, *, copies: bool) -> None:
    """
    Args:
        store: The state.
        path: The people folder.
        answers: Tells whether the file systems answer.
        copies: Whether photos are copied into it, or linked as files, so that they must be there, too.

    Raises:
        TreeError: Something that has to be looked at or written does not answer.
    """
    if not answers.answers(path):
        raise TreeError(
            "The people tree waits", f"{answers.why_not(path)} The tree is looked after when it answers again.", path
        )
    for root in store.roots.all().values() if copies else ():
        if store.roots.is_watched(root.root_id) and not answers.answers(root.path):
            raise TreeError(
                "The people tree waits",
                f"Photos that are copied into it do not answer. {answers.why_not(root.path)}",
                root.path,
            )


def refuse_other(store: Store, path: bytes) -> TreeOwner | None:
    """
    The same for the people folder at a path.

    Returns:
        What it says of its owner; this state may have been elsewhere when it was written. None where it says nothing.
    """
    owner = read_tree_owner(path)
    if owner is None or owner.state_id == store.state_id():
        return owner
    where = f"{displayable(owner.folder)} on {owner.host}"
    if _is_gone(owner):
        log.info("%s belonged to a state that is gone (%s): this one looks after it now", displayable(path), where)
        return owner
    raise TreeError(
        "The people folder belongs to another state",
        f"That state is in {where}. Use it (--state), or choose another people folder (--people); if that state is gone for "
        "good, delete the file .facewatchd in the people folder.",
        path,
    )


def _is_gone(owner: TreeOwner) -> bool:
    """Whether the state that a people folder belongs to was on this machine, and is no more."""
    if owner.host != os.uname().nodename:
        return False
    folder = Path(os.fsdecode(owner.folder))
    try:
        with Store(folder, read_only=True) as other:
            return other.state_id() != owner.state_id
    except FacewatchError:
        return not os.path.lexists(folder)
