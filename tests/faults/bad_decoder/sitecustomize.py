"""
Gives the processes that decode a decoder that goes wrong in a stranger's hands, as native decoders do. Python imports a
module of this name at its start where one is on its path, so that nothing of this needs a place in the program.

The comment of a GIF says what its decoder does: see `_WAYS`.
"""

from __future__ import annotations

import ctypes
import os
import socket
import sys
import time
from typing import Any

from PIL import GifImagePlugin


def _spin() -> None:
    while True:
        pass


def _gobble() -> None:
    held = []
    while True:
        held.append(bytearray(16 << 20))


def _reach_out() -> None:
    with socket.socket() as channel:
        channel.connect(("127.0.0.1", 9))


_WAYS = {
    b"segfault": lambda: ctypes.string_at(0),
    b"abort": os.abort,
    b"spin": _spin,
    b"sleep": lambda: time.sleep(3600),
    b"leave": lambda: os._exit(3),
    b"gobble": _gobble,
    b"reach out": _reach_out,
    b"run": lambda: os.execv("/bin/true", ["true"]),
}


class _Bad(GifImagePlugin.GifImageFile):
    def load(self) -> Any:
        way = _WAYS.get(self.info.get("comment", b""))
        if way is not None:
            way()  # type: ignore[no-untyped-call]
        return super().load()


if "facewatchd.photos.child" in sys.orig_argv:
    GifImagePlugin.GifImageFile = _Bad  # type: ignore[misc]
