"""
Pictures of faces, kept in the state folder, so that none is cut twice: not after a restart, nor where a question goes and
comes again a while later. A picture is known by what the photo shows and where the face is in it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Collection
from pathlib import Path

from facewatchd.domain import Box

log = logging.getLogger(__name__)

FOLDER = "faces"

# one that was cut a moment ago may be on its way into the tree
_YOUNG_S = 600.0
_PART = ".part"
_ENDING = ".jpg"


def picture_key(content_hash: bytes, box: Box) -> str:
    """What a picture is called there."""
    return f"{content_hash.hex()}-{box.x:.0f}-{box.y:.0f}-{box.w:.0f}-{box.h:.0f}{_ENDING}"


class KeptPictures:
    """
    Pictures by their keys. One thread may put while others get.

    Args:
        state_dir: The folder of the state; the pictures are the owner's alone.
    """

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir / FOLDER
        self._sizes: dict[int, list[str]] | None = None

    def of_size(self, size: int) -> list[tuple[bytes, bytes]]:
        """Of the pictures with so many bytes: where each is, and the content of the photo that it was cut out of."""
        if self._sizes is None:
            self._sizes = {}
            with contextlib.suppress(OSError), os.scandir(self._folder) as listing:
                for entry in listing:
                    self._sizes.setdefault(entry.stat(follow_symlinks=False).st_size, []).append(entry.name)
        return [
            (os.fsencode(self._folder / key), bytes.fromhex(key.partition("-")[0]))
            for key in self._sizes.get(size, ())
            if key.endswith(_ENDING)
        ]

    def get(self, key: str) -> bytes | None:
        try:
            return (self._folder / key).read_bytes()
        except OSError:
            return None

    def put(self, key: str, picture: bytes) -> None:
        """Keep it; where that cannot be, it is cut again when it is needed again."""
        part = self._folder / f"{key}{_PART}"
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            with open(part, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                file.write(picture)
            part.replace(self._folder / key)
        except OSError as error:
            log.info("A picture of a face cannot be kept (%s); it is cut again when it is needed", error.strerror)
            with contextlib.suppress(OSError):
                part.unlink()

    def keep_only(self, keys: Collection[str]) -> None:
        """Let go of all others but the youngest."""
        latest = time.time() - _YOUNG_S
        with contextlib.suppress(OSError), os.scandir(self._folder) as listing:
            for entry in listing:
                if entry.name not in keys and entry.stat(follow_symlinks=False).st_mtime < latest:
                    os.unlink(entry.path)
