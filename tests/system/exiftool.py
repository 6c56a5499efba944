"""
What exiftool reads in photos: a second reader that shares nothing with ours and knows makers' own tags. One call reads a
whole folder, as it takes longer to start than to read.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from facewatchd.core.dates.plan import Act

Tags = Mapping[str, object]
"""By the tag's groups and name, such as `EXIF:ExifIFD:DateTimeOriginal`."""

MISSING = "" if shutil.which("exiftool") else "exiftool is not installed (Debian: libimage-exiftool-perl)"
"""Why nothing can be read, empty where it can."""

_DATES = {"EXIF:DateTimeOriginal", "EXIF:CreateDate", "EXIF:ModifyDate"}
_OF_A_NEW_BLOCK = {"EXIF:ExifVersion", "EXIF:OffsetTimeOriginal", "File:ExifByteOrder"}
# how the container is made: where pictures and data are, that there is an extended header, which repeats the size
_OF_THE_CONTAINER = {
    *("MPF:MPImageLength", "MPF:MPImageStart", "QuickTime:MediaDataOffset", "QuickTime:MediaDataSize"),
    *("RIFF:WebP_Flags", "RIFF:ImageWidth", "RIFF:ImageHeight", "File:FileType"),
}


def read_folder(folder: Path) -> dict[str, Tags]:
    """
    All tags of all files in a folder and below it, by their paths relative to it; values that are binary, too. Left out
    is what is no tag of the photo's own: the file's, exiftool's, and what it works out from others.
    """
    command = ["exiftool", "-json", "-a", "-b", "-G0:1:4", "-r", "-q", "-q"]
    hidden = ["-x", "System:all", "-x", "Composite:all", "-x", "ExifTool:ExifToolVersion"]
    done = subprocess.run([*command, *hidden, "."], cwd=folder, capture_output=True, check=False, timeout=120)
    documents = json.loads(done.stdout)
    return {
        document["SourceFile"].removeprefix("./"): {key: value for key, value in document.items() if ":" in key}
        for document in documents
    }


def flaws(before: Tags, after: Tags, act: Act, date: str) -> list[str]:
    """
    What exiftool finds wrong with a photo whose date was written.

    Args:
        before: What it read before.
        after: What it reads now.
        act: What was done: `PATCH`, `EXTEND` or `EXIF`.
        date: What DateTimeOriginal is to be now.
    """
    may_change = _DATES if act is Act.PATCH else _DATES | _OF_A_NEW_BLOCK | _OF_THE_CONTAINER
    found = [
        f"{key} was {before.get(key)!r}, is {after.get(key)!r}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key) and _short(key) not in may_change
    ]
    dates = [value for key, value in after.items() if _short(key) == "EXIF:DateTimeOriginal"]
    return found if set(dates) == {date} else [*found, f"DateTimeOriginal is {dates}"]


def _short(key: str) -> str:
    """The first group and the name."""
    parts = key.split(":")
    return f"{parts[0]}:{parts[-1]}"
