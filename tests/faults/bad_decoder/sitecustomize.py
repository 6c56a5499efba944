"""
Gives the processes that decode a decoder that a hostile photo can crash or take over, as native decoders are. Python imports
a module of this name at its start where one is on its path, so that nothing of this needs a place in the program.

The comment of a GIF says what its decoder does: see `_WAYS`, and for `try ...` `hostile_acts`. The same goes for a WebP or
TIFF with such a comment in its XMP. Where `$DECODERS_TALK_NONSENSE` is set, every answer of every decoder is none that the
program understands, as on a Python with other habits than the one that it was made with. Where `$DECODERS_WITHOUT_LANDLOCK`
is set, the kernel offers them none.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import resource
import signal
import socket
import sys
import time
from typing import Any

import hostile_acts
from PIL import GifImagePlugin, TiffImagePlugin, WebPImagePlugin


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


def _withhold() -> None:
    """Say that it is done, and give no picture."""
    sys.modules["__main__"]._placed = lambda *_: None  # type: ignore[attr-defined]


def _lie() -> None:
    """Give a picture of a size that there is not."""
    from facewatchd.photos.decoding.channel import Pixels  # noqa: PLC0415 - only there is a place for them
    from facewatchd.photos.formats import PhotoKind  # noqa: PLC0415

    shape = (-8, -8)
    sys.modules["__main__"]._placed = lambda *_: Pixels(shape, PhotoKind.GIF, 1, 1, shape)  # type: ignore[attr-defined]


def _free() -> Any:
    """The pipe to the daemon, without a limit of time: a decoder in wrong hands sets its own."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    resource.setrlimit(resource.RLIMIT_CPU, (resource.RLIM_INFINITY, resource.getrlimit(resource.RLIMIT_CPU)[1]))
    frame = sys._getframe()
    while "pipe" not in frame.f_locals:
        assert frame.f_back is not None
        frame = frame.f_back
    return frame.f_locals["pipe"]


def _ask_on() -> None:
    from facewatchd.photos.decoding.channel import Asked, pack  # noqa: PLC0415

    pipe = _free()
    while True:
        pipe.send_bytes(pack(Asked(bytes(32))))
        pipe.recv_bytes()


def _break_off() -> None:
    os.write(_free().fileno(), (1000).to_bytes(4) + b"half")
    time.sleep(3600)


def _shout() -> None:
    raise ValueError("\x1b[2J\x07 \N{RIGHT-TO-LEFT OVERRIDE}")


_WAYS = {
    b"shout": _shout,
    b"segfault": lambda: ctypes.string_at(0),
    b"abort": os.abort,
    b"spin": _spin,
    b"sleep": lambda: time.sleep(3600),
    b"leave": lambda: os._exit(3),
    b"gobble": _gobble,
    b"reach out": _reach_out,
    b"withhold": _withhold,
    b"lie": _lie,
    b"ask on": _ask_on,
    b"break off": _break_off,
    b"run": lambda: os.execv("/bin/true", ["true"]),
    b"thread": hostile_acts.start_a_thread,
}


def _go_wrong(comment: bytes) -> None:
    if comment.startswith(b"try "):
        hostile_acts.attempt(comment.removeprefix(b"try ").decode())
    if comment in _WAYS:
        _WAYS[comment]()


class _BadGif(GifImagePlugin.GifImageFile):
    def load(self) -> Any:
        _go_wrong(self.info.get("comment", b""))
        return super().load()


class _BadWebp(WebPImagePlugin.WebPImageFile):
    def load(self) -> Any:
        _go_wrong(self.info.get("xmp", b""))
        return super().load()


class _BadTiff(TiffImagePlugin.TiffImageFile):
    def load(self) -> Any:
        _go_wrong(str(self.tag_v2.get(_DESCRIPTION, "")).encode())
        return super().load()


_DESCRIPTION = 270

if "DECODERS_ARE_BAD_EVERYWHERE" in os.environ or "facewatchd.photos.decoding.child" in sys.orig_argv:
    GifImagePlugin.GifImageFile = _BadGif  # type: ignore[misc]
    WebPImagePlugin.WebPImageFile = _BadWebp  # type: ignore[misc]
    TiffImagePlugin.TiffImageFile = _BadTiff  # type: ignore[misc]
    if "DECODERS_WITHOUT_LANDLOCK" in os.environ:
        hostile_acts.forbid_landlock()
    if "DECODERS_TALK_NONSENSE" in os.environ:
        from facewatchd.processes import wire

        wire.encode = lambda record: pickle.dumps(repr(record))
