"""
Whether the file systems that are served by others answer: network shares, and file systems of programs (FUSE).

When their server is gone, a thread that touches them may wait for ever, and cannot be interrupted. So they are asked first, by a
process that may be left waiting. Local disks are not asked: they answer or fail, if after a while.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import math
import os
import select
import socket
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import Final

from facewatchd.errors import FacewatchError, cause, displayable
from facewatchd.processes.start import start_module
from facewatchd.watch import asking
from facewatchd.watch.mounts import Mount, is_remote, mount_of, mounts_in, read_mounts

log = logging.getLogger(__name__)

PATIENCE_S = 2.0
"""An answer takes a round trip to the server. What takes longer is not waited for; the work goes on without it."""

SILENT_S = 20.0
"""A file system is said to be away when it has not answered for so long: disks that sleep need up to 15 s to spin up."""

_FRESH_S = 0.05
"""An answer holds for so long: what many things ask at once is asked once."""

_TABLE_S = 1.0
"""The mount table is read again after so long."""

_END_S = 0.2

_MOST_LINKS = 40
"""As the kernel has it (path_resolution(7))."""

_NO_ANSWER = frozenset((
    errno.ETIMEDOUT, errno.EIO, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETUNREACH, errno.ECONNABORTED,
    errno.EINTR,
))  # fmt: skip
"""What a client says that has given up waiting for its server."""


@dataclass(slots=True)
class _Asker:
    """
    Asks one file system. Belongs to the thread that holds its lock.

    Attributes:
        mount: Which.
        asked: When the question was asked that is not answered yet, by the monotonic clock; None where there is none.
        silent_since: When the first question was asked since the last answer; None where it answers. `since`: by the wall's.
        answered: When it last answered.
    """

    mount: Mount
    lock: threading.Lock = field(default_factory=threading.Lock)
    channel: socket.socket | None = None
    process: subprocess.Popen[bytes] | None = None
    asked: float | None = None
    silent_since: float | None = None
    since: float = 0.0
    answered: float = float("-inf")

    def ask(self, patience_s: float) -> bool:
        """Whether it answers within so many seconds; a question that waits for longer already is not waited for."""
        with self.lock:
            return self._ask(patience_s)

    def look(self) -> None:
        """Ask, and see what has been answered, without waiting for anything; not while another thread asks."""
        if self.lock.acquire(blocking=False):
            try:
                # starting a process may take long: it has to close the files that are open here
                if self.process is not None:
                    self._ask(0.0)
            finally:
                self.lock.release()

    def _ask(self, patience_s: float) -> bool:
        now = time.monotonic()
        if self.asked is None and now - self.answered < _FRESH_S:
            return True
        deadline = now + patience_s if self.asked is None else self.asked + patience_s
        while True:
            if self.asked is None:
                if not self._send():
                    return True  # it cannot be asked here, so that nothing is known against it
                if self.silent_since is None:
                    self.silent_since, self.since = time.monotonic(), time.time()
            asked = self.asked
            outcome = self._heard(max(0.0, deadline - time.monotonic()))
            if outcome is None:
                return False
            if outcome:
                self.silent_since = None
                if asked is not None and now - asked < patience_s:
                    self.answered = time.monotonic()
                    return True
                # the answer may have come long ago
                deadline = time.monotonic() + patience_s
            elif time.monotonic() >= deadline:
                # an error that took long is no answer
                return False

    def _send(self) -> bool:
        for _ in range(2):
            try:
                if self.channel is None:
                    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
                    with theirs:
                        self.process = start_module(asking.__name__, theirs, os.fsdecode(self.mount.point))
                    self.channel = ours
                self.channel.send(b"?")
            except OSError as error:
                log.debug("Cannot ask %s whether it answers: %s", displayable(self.mount.point), cause(error))
                self.end()
            else:
                self.asked = time.monotonic()
                return True
        return False

    def _heard(self, seconds: float) -> bool | None:
        """Whether what came was an answer; None where nothing came."""
        assert self.channel is not None
        assert self.asked is not None
        if not select.select([self.channel], [], [], seconds)[0]:
            return None
        took, self.asked = time.monotonic() - self.asked, None
        try:
            said = self.channel.recv(16)
        except OSError:
            said = b""
        if not said:
            # it was killed
            self.end()
            return False
        return not (took > PATIENCE_S and int(said) in _NO_ANSWER)

    def end(self) -> None:
        """Ask no more. Where the process waits for an answer, it ends when it has it."""
        if self.channel is not None:
            self.channel.close()
        self.channel = self.asked = None
        if self.process is not None:
            self.process.kill()
            # one that waits cannot be waited for
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(_END_S)
        self.process = None


_Key = tuple[int, bytes]
"""Of a mount: one that is mounted again at the same point is another."""


class Answers:
    """
    Asks the file systems that paths are on. May be used in several threads. Costs nothing while no path is on one that is
    served by others.

    Args:
        patience_s: How long an answer is waited for.
        silent_s: Without an answer for so long, a file system is away.

    Attributes:
        silent_s: As given.
    """

    def __init__(self, patience_s: float = PATIENCE_S, silent_s: float = SILENT_S) -> None:
        self._patience_s = patience_s
        self.silent_s = silent_s
        self._lock = threading.Lock()
        self._askers: dict[_Key, _Asker] = {}
        self._mounts: tuple[Mount, ...] = ()
        self._read_at = float("-inf")
        self._reached: dict[bytes, tuple[bytes, Mount | None]] = {}
        self._left: list[tuple[_Key, threading.Thread]] = []

    def answers(self, path: bytes, *, inside: bool = False) -> bool:
        """
        Whether what a path is on answers now; asks, and waits a moment. True for what is on a local disk.

        Args:
            path: Absolute; what it leads to need not be there.
            inside: Whether what is mounted below it must answer, too.
        """
        return all(self._answers(mount) for mount in self._mounts_at(path, inside=inside))

    def silence(self, path: bytes, *, inside: bool = False) -> str:
        """
        Since when what a path is on has not answered, as a sentence with what to do. Empty where it answers, and while it has
        not been silent for long enough to be given up. Arguments as for `answers`; nothing is asked.
        """
        for asker in self._silent(path, inside=inside):
            if time.monotonic() - (asker.silent_since or math.inf) >= self.silent_s:
                return _said(asker)
        return ""

    def why_not(self, path: bytes, *, inside: bool = False) -> str:
        """The sentence of `silence`, however short it has been."""
        return next(map(_said, self._silent(path, inside=inside)), "Its file system does not answer.")

    def real_path(self, path: bytes) -> bytes:
        """As `os.path.realpath`; but what is beyond the mount point of a file system that does not answer is left as it is."""
        reached, mount = self._reach(path)
        return os.path.realpath(path) if mount is None or self._answers(mount) else os.path.normpath(reached)

    def waits_s(self) -> float:
        """
        Ask all that were asked before, without waiting for anything: for how long one has not answered, seconds; 0 where all
        do.
        """
        with self._lock:
            askers = [*self._askers.values()]
        for asker in askers:
            asker.look()
        now = time.monotonic()
        return max((now - since for asker in askers if (since := asker.silent_since) is not None), default=0.0)

    def silent_ones(self) -> list[str]:
        """The sentence about each that does not answer."""
        with self._lock:
            return [_said(asker) for asker in self._askers.values() if asker.silent_since is not None]

    def leave(self, thread: threading.Thread) -> None:
        """
        A thread waits for a file system that does not answer, and is left behind: until it ends, what does not answer now counts
        as if it did not, so that no other thread works there at the same time.
        """
        with self._lock:
            self._left += [(key, thread) for key, asker in self._askers.items() if asker.silent_since is not None]

    def close(self) -> None:
        """Ask no more."""
        with self._lock:
            askers = [*self._askers.values()]
            self._askers.clear()
        for asker in askers:
            with asker.lock:
                asker.end()

    def _answers(self, mount: Mount) -> bool:
        answers = self._asker(mount).ask(self._patience_s)
        with self._lock:
            self._left = [(key, thread) for key, thread in self._left if thread.is_alive()]
            return answers and not any(key == _key(mount) for key, _ in self._left)

    def _silent(self, path: bytes, *, inside: bool) -> list[_Asker]:
        askers = [self._asker(mount) for mount in self._mounts_at(path, inside=inside)]
        return [asker for asker in askers if asker.silent_since is not None]

    def _asker(self, mount: Mount) -> _Asker:
        with self._lock:
            return self._askers.setdefault(_key(mount), _Asker(mount))

    def _mounts_at(self, path: bytes, *, inside: bool) -> list[Mount]:
        reached, mount = self._reach(path)
        found = [mount] if mount is not None else []
        if inside:
            found += [one for one in mounts_in(reached, self._mounts) if is_remote(one.kind)]
        return found

    def _reach(self, path: bytes) -> tuple[bytes, Mount | None]:
        """See `reach`."""
        with self._lock:
            now = time.monotonic()
            if now - self._read_at >= _TABLE_S:
                self._mounts, self._read_at = read_mounts(), now
                self._reached.clear()
                for gone in self._askers.keys() - set(map(_key, self._mounts)):
                    self._askers.pop(gone).end()
            if path not in self._reached:
                self._reached[path] = reach(path, self._mounts)
            return self._reached[path]


def refuse_silent(path: str | os.PathLike[str], title: str, answers: Answers | None = None) -> None:
    """
    A file or folder that the user has named is not waited for.

    Args:
        path: What was named; it need not be there.
        title: What cannot be done, for the error.
        answers: Tells whether the file systems answer; for one path, None.

    Raises:
        FacewatchError: Its file system does not answer.
    """
    if answers is None:
        with contextlib.closing(Answers()) as own:
            refuse_silent(path, title, own)
        return
    absolute = os.path.abspath(os.fsencode(path))
    if not answers.answers(absolute):
        raise FacewatchError(title, answers.why_not(absolute), path)


def _key(mount: Mount) -> _Key:
    return (mount.number, mount.point)


def _said(asker: _Asker) -> str:
    point, kind = displayable(asker.mount.point), asker.mount.kind
    at = time.strftime("%H:%M", time.localtime(asker.since))
    return (
        f"The file system on {point} ({kind}) has not answered since {at}. Check the network and the server; if it is gone for "
        f"good, 'umount -l {point}'."
    )


_AT_ROOT: Final = b"/"


def reach(path: bytes, mounts: tuple[Mount, ...]) -> tuple[bytes, Mount | None]:
    """
    Follow a path, with all symbolic links, up to the first file system that is served by others.

    Args:
        path: Absolute.
        mounts: The mount table.

    Returns:
        The path, absolute, without symbolic links as far as it was followed; and the file system that it comes to, None where
        all of it is local.
    """
    done, rest, links = _AT_ROOT, path.split(b"/"), 0
    while rest:
        name = rest.pop(0)
        if name in {b"", b"."}:
            continue
        if name == b"..":
            done = os.path.dirname(done)
            continue
        done = os.path.join(done, name)
        mount = mount_of(done, mounts)
        if mount is not None and is_remote(mount.kind):
            return os.path.join(done, *rest), mount
        try:
            target = os.readlink(done)
        except OSError:
            # no link, or nothing there
            continue
        links += 1
        if links > _MOST_LINKS:
            return os.path.join(done, *rest), None
        done = _AT_ROOT if target.startswith(b"/") else os.path.dirname(done)
        rest = [*target.split(b"/"), *rest]
    return done, None
