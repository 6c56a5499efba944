"""
What could not be looked at in the photo folders: said in `status` until a scan has seen it, and tried again when it changes.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from facewatchd.domain import Root
from facewatchd.errors import displayable
from facewatchd.watch.ways import why_closed

log = logging.getLogger(__name__)

_MOST_SAID = 3
_NOT_YET_ASKED = "not yet asked"


@dataclass(slots=True)
class _Trouble:
    """A sentence for the user, and how the folder or link was when it was last asked."""

    sentence: str
    state: str


@dataclass(slots=True)
class Troubles:
    """
    Of one root; belongs to the thread that owns the state.

    Attributes:
        root: The root.
    """

    root: Root
    _found: dict[bytes, _Trouble] = field(default_factory=dict)

    def __contains__(self, path: object) -> bool:
        return path in self._found

    def __bool__(self) -> bool:
        return bool(self._found)

    def scanned(self, below: bytes, problems: Iterable[tuple[bytes, str]]) -> list[bytes]:
        """
        A scan of a folder went to its end and came to these problems; paths are relative to the root.

        Returns:
            What was closed and is not any more.
        """
        before = {path: old for path, old in self._found.items() if _is_in(path, below)}
        for path in before:
            del self._found[path]
        said = 0
        for path, sentence in problems:
            old = before.pop(path, None)
            if old is not None and old.sentence == sentence:
                # it has been looked at in this state
                self._found[path] = _Trouble(sentence, self._state(path))
                continue
            # it may have changed since the scan was there
            self._found[path] = _Trouble(sentence, _NOT_YET_ASKED)
            if said < _MOST_SAID:
                log.warning("%s: %s", self._name(path), sentence)
            said += 1
        if said > _MOST_SAID:
            log.warning("%s: so it is with %d more", displayable(self.root.path), said - _MOST_SAID)
        return list(before)

    def changed(self) -> list[bytes]:
        """What may be looked at by now, relative to the root; told once for every change."""
        found = []
        for path, trouble in self._found.items():
            state = self._state(path)
            if state != trouble.state:
                trouble.state = state
                found.append(path)
        return found

    def sentences(self) -> list[str]:
        """For `status`: a few with their paths, and how many more there are."""
        first = sorted(self._found.items())[:_MOST_SAID]
        said = [f"{self._name(path)}: {trouble.sentence}" for path, trouble in first]
        more = len(self._found) - len(first)
        if more:
            what = "folder or file is" if more == 1 else "folders and files are"
            said.append(
                f"{more} more {what} kept from facewatchd in {displayable(self.root.path)}; the log names some."
            )
        return said

    def forget(self, paths: Sequence[bytes]) -> None:
        """There is nothing to say of these any more."""
        for path in paths:
            self._found.pop(path, None)

    def links(self) -> list[bytes]:
        """Those that are symbolic links."""
        return [path for path in self._found if os.path.islink(os.path.join(self.root.path, path))]

    def _name(self, path: bytes) -> str:
        return displayable(os.path.join(self.root.path, path) if path else self.root.path)

    def _state(self, path: bytes) -> str:
        full = os.path.join(self.root.path, path) if path else self.root.path
        try:
            return f"link to {os.fsdecode(os.readlink(full))}"
        except OSError:
            return f"errno {why_closed(full)} on {_device(full)}"


def _device(path: bytes) -> int:
    try:
        return os.lstat(path).st_dev
    except OSError:
        return -1


def _is_in(path: bytes, folder: bytes) -> bool:
    return not folder or path == folder or path.startswith(folder + b"/")
