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
    A path as text for any terminal and any log: undecodable bytes and control characters are escaped.
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
    errno.EEXIST: "there is something with this name already: choose another name",
    errno.EACCES: "check the owner and the permissions",
    errno.EPERM: "check the owner and the permissions",
    errno.ENOSPC: "free some space there",
    errno.EDQUOT: "your quota is used up: delete files there, or ask for a larger quota",
    errno.EROFS: "mount the file system writable, or choose another place",
    errno.EFBIG: "raise the limit on file sizes (ulimit -f), or choose another file system",
    errno.EIO: "check the disk: `dmesg` says more",
    errno.ESTALE: "mount the share again",
    errno.ENOTCONN: "mount the share again",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ELOOP: "its symbolic links form a loop: correct them",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENOMEM: "free some memory",
}


def remedy(error: OSError) -> str:
    """The message of the system and what to do, as a sentence."""
    why = error.strerror or str(error)
    return f"{why}; {_REMEDIES.get(error.errno or 0, 'check its path and permissions')}."


def cause(error: BaseException) -> str:
    """The message of an error, without a full stop. A file name in it is made readable."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror} ({displayable(error.filename)})" if error.filename else error.strerror
    if len(error.args) == 1 and isinstance(error.args[0], bytes):
        return displayable(error.args[0])
    return str(error)


class FacewatchError(Exception):
    """
    An error for the user, with what to do.

    Args:
        title: What failed, without a full stop: "The state cannot be opened".
        message: The reason, and what to do, in one sentence each.
        path: The file or folder, if there is one.
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
    """Taking in this photo failed, probably because of the program or the machine and not of the photo."""


class PhotoRefusedError(PhotoError):
    """The picture of this photo ended its decoder before. It is not decoded again."""


class PhotoRoomError(PhotoError):
    """This photo needs more memory than it was given."""


class PhotoCrashError(PhotoError):
    """
    Decoding this photo ended the process that did it.

    Args:
        why: What happened to the decoder, as the end of a sentence about it.
        path: The file.
        content_hash: Of the picture, which may be in several files.
        slow: Whether it was ended because it took too long.
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


class LeftBehindError(BaseException):
    """This thread waited for too long, and another does its work by now: it must do nothing more. Not to be handled."""


class ModelError(FacewatchError):
    """The face models are missing, damaged, or not the ones that the state was made with."""


class StoreError(FacewatchError):
    """The state cannot be opened, read or written."""


class StoreFullError(StoreError):
    """
    The state cannot be written now: its disk is full or fails, or another program holds it. Nothing is lost, and the trouble
    may end by itself.

    Args:
        title: See `FacewatchError`.
        message: See there.
        path: See there.
        waits_for: What the work waits for, as the text after 'waiting': "for space".
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
    """Another instance holds this state, and did not answer. Nothing was done."""


class InterruptedRunError(FacewatchError):
    """A run that should do everything was stopped before the end."""
