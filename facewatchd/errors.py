"""
The error tree. An error is a sentence for the user: what happened, where, and what to do.

`PhotoError` and its kin mark one photo failed and the work goes on; every other `FacewatchError` ends the command.
Adapters turn `OSError`, `sqlite3.Error` and the libraries' own errors into these and keep the cause (`raise ... from`).
"""

from __future__ import annotations

import errno
import os


def displayable(path: bytes | str | os.PathLike[str]) -> str:
    """
    A path as text that any terminal and any log can take: undecodable bytes and control characters are escaped.
    """
    try:
        raw = os.fsencode(path)
    except UnicodeEncodeError:
        # typed by the user, and no file's name
        raw = str(path).encode("utf-8", "backslashreplace")
    text = raw.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


_REMEDIES = {
    errno.ENOENT: "check the path",
    errno.ENOTDIR: "a part of the path is a file: check the path",
    errno.EISDIR: "it is a folder: name a file",
    errno.EEXIST: "there is something of this name already: choose another",
    errno.EACCES: "check the owner and the permissions",
    errno.EPERM: "check the owner and the permissions",
    errno.ENOSPC: "free some space there",
    errno.EDQUOT: "your quota is used up: delete something of yours there, or have it raised",
    errno.EROFS: "mount the file system writable, or choose another place",
    errno.EFBIG: "raise the limit of the size of files (ulimit -f), or choose another file system",
    errno.EIO: "check the disk: `dmesg` says more",
    errno.ESTALE: "mount the share again",
    errno.ENOTCONN: "mount the share again",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ELOOP: "its symbolic links lead round in a circle: correct them",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENOMEM: "free some memory",
}


def remedy(error: OSError) -> str:
    """What the system says and what to do about it, as a sentence."""
    why = error.strerror or str(error)
    return f"{why}; {_REMEDIES.get(error.errno or 0, 'check its path and permissions')}."


def cause(error: BaseException) -> str:
    """What an error says of itself, without a full stop; a file that the system names as a path for people."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror} ({displayable(error.filename)})" if error.filename else error.strerror
    if len(error.args) == 1 and isinstance(error.args[0], bytes):
        return displayable(error.args[0])
    return str(error)


class FacewatchError(Exception):
    """
    Something that the user can read and act on.

    Args:
        title: What could not be done, without a full stop: "The state cannot be opened".
        message: Why, and what to do about it, in one sentence each.
        path: The file or folder that it is about, where there is one.
    """

    exit_code = 1

    def __init__(self, title: str, message: str = "", path: bytes | str | os.PathLike[str] | None = None) -> None:
        super().__init__(title, message)
        self.title = title
        self.message = message
        self.path = path

    def __str__(self) -> str:
        where = f" ({displayable(self.path)})" if self.path is not None else ""
        return f"{self.title}{where}: {self.message}" if self.message else f"{self.title}{where}"


class ConfigError(FacewatchError):
    """The configuration or the command line cannot be used."""

    exit_code = 2


class PhotoError(FacewatchError):
    """This photo cannot be taken in, and trying again will not help until the file changes."""


class PhotoBusyError(PhotoError):
    """This photo cannot be taken in now, but may be later: it vanished, or was changed while it was read."""


class PhotoTroubleError(PhotoError):
    """Taking this photo in went wrong in a way that says more about the program or the machine than about the photo."""


class PhotoRefusedError(PhotoError):
    """This photo's picture ended its decoder before, and is left alone."""


class PhotoRoomError(PhotoError):
    """This photo needs more memory than it was given."""


class PhotoCrashError(PhotoError):
    """
    Decoding this photo ended the process that did it.

    Args:
        why: What became of the decoder, as the end of a sentence about it.
        path: The file.
        content_hash: Of the picture that did it, whatever file it is in.
        slow: Whether it was ended for taking too long.
    """

    def __init__(self, why: str, path: bytes, content_hash: bytes, *, slow: bool) -> None:
        super().__init__(
            "The photo ends its decoder",
            f"The decoder {why}: the picture is left alone, under any name, until you say 'facewatchd retry'.",
            path,
        )
        self.why = why
        self.content_hash = content_hash
        self.slow = slow


class ModelError(FacewatchError):
    """The face models are missing, damaged, or not the ones that the state was made with."""


class StoreError(FacewatchError):
    """The state cannot be opened, read or written."""


class StoreFullError(StoreError):
    """
    The state cannot be written for now: its disk is full or fails, or another program holds it. Nothing is lost, and it
    may pass by itself.

    Args:
        title: See `FacewatchError`.
        message: See there.
        path: See there.
        waits_for: What the work waits for, behind 'waiting': "for space".
    """

    def __init__(
        self,
        title: str,
        message: str = "",
        path: bytes | str | os.PathLike[str] | None = None,
        waits_for: str = "for space",
    ) -> None:
        super().__init__(title, message, path)
        self.waits_for = waits_for


class TreeError(FacewatchError):
    """The people tree cannot be read or written."""


class RunningError(FacewatchError):
    """Another instance holds this state."""


class NotAnsweringError(RunningError):
    """Another instance holds this state, and could not be asked: nothing was done."""


class InterruptedRunError(FacewatchError):
    """A run that was to do everything was told to stop before."""
