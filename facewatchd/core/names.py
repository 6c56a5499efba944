"""
Names for folders and links: legal everywhere that a people tree may be looked at, unique, and stable (R34).
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Container

MAX_NAME_BYTES = 255
"""Longest file name that Linux file systems take."""

# room for the " (2)" that makes a name unique
_ROOM = 16
_NUMBERED = re.compile(r" \(\d+\)$")


def fold(name: bytes) -> str:
    """What two names must not share to be told apart on a file system that ignores case and Unicode form."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", _text(name)).casefold())


def folder_name(title: str) -> bytes:
    """
    A person's name as the name of a folder.

    Args:
        title: Whatever the user typed.

    Returns:
        UTF-8, never empty, `.`, `..` or hidden, without control characters, slashes, trailing dots or spaces.
    """
    text = unicodedata.normalize("NFC", title.encode("utf-8", "replace").decode())
    text = "".join("_" if unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp"} or c == "/" else c for c in text)
    text = _cut(text.strip().lstrip("."), MAX_NAME_BYTES - _ROOM).rstrip(" .")
    return (text.strip() or "_").encode()


def link_name(date_prefix: str, photo: bytes) -> bytes:
    """
    A photo's file name with its date in front, as the name of a link.

    Args:
        date_prefix: "2019-08-17", or empty where no date is known.
        photo: The photo's own file name; any bytes but `/` and NUL.

    Returns:
        The name; a photo's name that starts with its date already keeps it as it is.
    """
    text = unicodedata.normalize("NFC", _text(photo))
    text = "".join("_" if c < " " or c == "\x7f" else c for c in text)
    if date_prefix and not text.startswith(date_prefix):
        text = f"{date_prefix} {text}"
    stem, extension = posixpath.splitext(text)
    room = MAX_NAME_BYTES - _ROOM - len(_bytes(extension))
    return _bytes(_cut(stem, room) + extension) if room > 0 else _bytes(_cut(text, MAX_NAME_BYTES - _ROOM))


def unique(name: bytes, taken: Container[str]) -> bytes:
    """
    The name, or the first of `name (2)`, `name (3)` ... that is not taken; the number goes before the extension.

    Args:
        name: The name wanted.
        taken: Folded names (`fold`) that exist.
    """
    if fold(name) not in taken:
        return name
    stem, extension = posixpath.splitext(_text(name))
    number = 2
    while fold(candidate := _bytes(f"{stem} ({number}){extension}")) in taken:
        number += 1
    return candidate


def is_variant(name: bytes, base: bytes) -> bool:
    """Whether `unique` may have made this name out of the base."""
    if name == base:
        return True
    stem, extension = posixpath.splitext(_text(name))
    return _bytes(_NUMBERED.sub("", stem) + extension) == base


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _cut(text: str, room: int) -> str:
    """At most so many bytes of it, without tearing a character."""
    raw = _bytes(text)
    if len(raw) <= room:
        return text
    cut = raw[:room]
    while cut and (raw[len(cut)] & 0xC0) == 0x80:
        cut = cut[:-1]
    return _text(cut)
