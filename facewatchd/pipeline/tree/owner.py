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

log = logging.getLogger(__name__)


def owner_of(store: Store) -> TreeOwner:
    """What a people folder of this state says."""
    return TreeOwner(store.state_id(), os.uname().nodename, os.fsencode(store.path.parent))


def is_ours(store: Store, path: bytes) -> bool:
    """Whether a people folder says that it belongs to this state."""
    owner = read_tree_owner(path)
    return owner is not None and owner.state_id == store.state_id()


def refuse_other_owner(config: Config, store: Store) -> None:
    """
    Raises:
        TreeError: The people folder belongs to another state.
    """
    refuse_other(store, os.fsencode(config.people.dir))


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
