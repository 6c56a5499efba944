"""
A mount that hangs when a test says so: see `fuse_server.py`.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_SERVER = Path(__file__).with_name("fuse_server.py")

LOOKUP, GETATTR, OPEN, READ, FLUSH = 1, 3, 14, 15, 25
"""Requests of the kernel: <linux/fuse.h>."""


class Mount:
    """
    Args:
        path: Where it is mounted.
        process: The program that answers for it.
    """

    def __init__(self, path: Path, process: subprocess.Popen[str]) -> None:
        self.path = path
        self._process = process

    def stop(self) -> None:
        """Its program stands still: requests are not even read."""
        self._process.send_signal(signal.SIGSTOP)

    def mute(self) -> None:
        """Its program reads requests, and answers none: who waits for one cannot be killed."""
        self._process.send_signal(signal.SIGUSR1)

    def wait_until_mute(self) -> None:
        """Until the request has come by which it is muted by itself."""
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], 30)
        assert ready
        assert self._process.stdout.readline() == "caught\n"

    def go_on(self) -> None:
        """All requests are answered, also those that wait."""
        self._process.send_signal(signal.SIGUSR2)
        self._process.send_signal(signal.SIGCONT)

    @contextlib.contextmanager
    def in_the_end(self) -> Iterator[None]:
        """It answers again when this is left, also by a failure: else who waits for it could not be ended."""
        try:
            yield
        finally:
            self.go_on()

    def end(self) -> None:
        """Whoever waits is let go with an error, and nothing stays: the connection ends with its program."""
        self._process.kill()
        self._process.wait()
        subprocess.run(["umount", "-l", str(self.path)], check=False, capture_output=True)


@contextlib.contextmanager
def hanging_mount(folder: Path, mountpoint: Path, kind: str = "", at: tuple[int, str] | None = None) -> Iterator[Mount]:
    """
    Show a folder under another path, through a program that can be told to hang. Skips the test where that cannot be done.

    Args:
        folder: What is shown.
        mountpoint: Where; made where it is missing.
        kind: "fat" for one that is like FAT.
        at: It is muted by itself by the first request of this number (LOOKUP, GETATTR, OPEN, READ or FLUSH) about a file of this
            name.
    """
    if os.geteuid() or not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.skip("a file system of a program cannot be mounted here: this needs root and /dev/fuse")
    for path in (folder, mountpoint):
        path.mkdir(parents=True, exist_ok=True)
    with subprocess.Popen(
        [sys.executable, "-I", str(_SERVER), str(folder), str(mountpoint), kind, *map(str, at or ())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        if process.stdout.readline() != "mounted\n":
            process.wait()
            pytest.skip(f"a file system of a program cannot be mounted here: {process.stderr.read().strip()}")
        mount = Mount(mountpoint, process)
        try:
            yield mount
        finally:
            mount.end()
