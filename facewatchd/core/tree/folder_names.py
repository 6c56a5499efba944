"""
Names for folders and links: legal everywhere that a people tree may be looked at, unique, and stable (R34).
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Container, Iterable

from facewatchd.domain import PersonId

MAX_NAME_BYTES = 255
"""Longest file name that Linux file systems take."""

# room for the " (2)" that makes a name unique
_ROOM = 16
_NUMBERED = re.compile(r" \([0-9]+\)\Z")
_NUMBERED_TITLE = re.compile(r"person +([0-9]{1,19})", re.IGNORECASE | re.ASCII)
# what follows the last dot of "J. Smith" or of a sentence is no extension
_MAX_EXTENSION = 16
# a character has at most so many bytes of UTF-8
_MOST_BYTES = 4
# Persian names and emoji need these two format characters inside; all others are invisible or turn the text around
_JOINERS = "\u200c\u200d"
_EDGES = re.compile(rf"^[\s.{_JOINERS}]+|[\s.{_JOINERS}]+\Z")


def fold(name: bytes) -> str:
    """What two names must not share to be told apart on a file system that ignores case and Unicode form."""
    if name.isascii():  # nearly all are, and an archive has very many
        return name.decode().lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", _text(name)).casefold())


def are_told_apart(names: Iterable[bytes]) -> bool:
    """Whether no two names are the same to such a file system. None may hold a NUL, which none on a disk can."""
    folded = fold(b"\0".join(names)).split("\0")
    return len(folded) == len(set(folded))


def person_name(typed: str) -> str:
    """A person's name however it was typed: in NFC (a Mac names folders in NFD), without spaces around it."""
    return unicodedata.normalize("NFC", typed).strip()


def name_problem(name: str, person_id: PersonId) -> str:
    """
    Why a person cannot have a name, and what is allowed, as a sentence; empty where they can.

    Args:
        name: See `person_name`.
        person_id: The person who would have it.
    """
    if not name or not name.isprintable():
        return "Give at least one letter and no control characters."
    if not any(c.isalnum() for c in name) and folder_name(name) == b"_":
        return "Give at least one letter or digit: a folder cannot be called by dots alone."
    if folder_name(name).startswith(b"_"):
        return "Let it begin with a letter or a digit: folders that begin with _ are the program's own."
    number = _NUMBERED_TITLE.fullmatch(name)
    if number is not None and int(number[1]) != person_id:
        return f"'{name}' is how person {number[1]} is called without a name; give another."
    return ""


def folder_difference(name: str, folder: str) -> str:
    """Why a person's folder is called otherwise than the person, as the end of a sentence; empty where it is not."""
    plain = folder_name(name).decode()
    if folder == name:
        return ""
    if folder != plain:
        return "as there is something else of that name in the people tree"
    if "/" in name:
        return "as the name of a folder cannot hold a /"
    return "so that every system can show it"


def name_in(folder: bytes) -> str:
    """The name that a folder gives to a person; one of nothing but spaces stays so."""
    text = folder.decode("utf-8", "replace")
    return person_name(text) or text


def is_same_name(one: str, other: str) -> bool:
    """Whether two people would have one name, however their names are written."""
    return fold(one.encode()) == fold(other.encode())


def folder_name(title: str) -> bytes:
    """
    A person's name as the name of a folder.

    Args:
        title: Whatever the user typed.

    Returns:
        UTF-8, never empty, `.`, `..` or hidden, without control characters, slashes, trailing dots or spaces.
    """
    text = _EDGES.sub("", _clean(title.encode("utf-8", "replace").decode()))
    return (_EDGES.sub("", _cut(text, MAX_NAME_BYTES - _ROOM)) or "_").encode()


def link_name(date_prefix: str, photo: bytes) -> bytes:
    """
    A photo's file name with its date in front, as the name of a link.

    Args:
        date_prefix: "2019-08-17", or empty where no date is known.
        photo: The photo's own file name; any bytes but `/` and NUL.

    Returns:
        The name, legal as a folder's is, but it may be hidden, and bytes that are no UTF-8 stay; a photo's name that
        starts with its date already keeps it as it is.
    """
    text = _clean(_text(photo)).rstrip(" .") or "_"
    if date_prefix and not text.startswith(date_prefix):
        text = f"{date_prefix} {text}"
    if len(text) * _MOST_BYTES <= MAX_NAME_BYTES - _ROOM:  # nothing to cut
        return _bytes(text)
    stem, extension = _split(text)
    text = _cut(stem, MAX_NAME_BYTES - _ROOM - len(_bytes(extension))) + extension
    return _bytes(text.rstrip(" ."))


def stem_of(photo: bytes) -> str:
    """A photo's file name without its extension."""
    return _split(_text(photo))[0]


def file_text(name: bytes) -> str:
    """A file's name as text; bytes that are no UTF-8 come back by `decorated`."""
    return _text(name)


def decorated(text: str, photo: bytes) -> bytes:
    """
    The name of a link that reads like this and has the photo's extension.

    Args:
        text: Anything, without the extension.
        photo: The photo's own file name.

    Returns:
        As `link_name`.
    """
    extension = _split(_clean(_text(photo)).rstrip(" ."))[1]
    return link_name("", _bytes(text.strip() + extension) or b"_")


def unique(name: bytes, taken: Container[str]) -> bytes:
    """
    The name, or the first of `name (2)`, `name (3)` ... that is not taken; the number goes before the extension.

    Args:
        name: The name wanted.
        taken: Folded names (`fold`) that exist.
    """
    if fold(name) not in taken:
        return name
    stem, extension = _split(_text(name))
    number = 2
    while fold(candidate := _bytes(f"{stem} ({number}){extension}")) in taken:
        number += 1
    return candidate


def beginning(name: bytes) -> bytes:
    """How all names begin that `unique` may make out of this one."""
    return _bytes(_split(_text(name))[0])


def with_suffix(name: bytes, suffix: str, ending: bytes) -> bytes:
    """A name with a suffix and another extension, for what stands beside it; as long as a name may be."""
    return _bytes(_cut(_split(_text(name))[0], MAX_NAME_BYTES - _ROOM - len(suffix) - len(ending)) + suffix) + ending


def is_variant(name: bytes, base: bytes) -> bool:
    """Whether `unique` may have made this name out of the base."""
    if name == base:
        return True
    stem, extension = _split(_text(name))
    return _bytes(_NUMBERED.sub("", stem) + extension) == base


def is_numbered(name: bytes) -> bool:
    """Whether `unique` may have made this name of a folder."""
    return _NUMBERED.search(_text(name)) is not None


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _clean(text: str) -> str:
    """The text in NFC, with an underscore for all that is illegal or invisible in a name."""
    if text.isascii() and text.isprintable():
        return text.replace("/", "_")
    return "".join(
        "_" if c == "/" or (unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp"} and c not in _JOINERS) else c
        for c in unicodedata.normalize("NFC", text)
    )


def _split(text: str) -> tuple[str, str]:
    """A name before its extension, and the extension with its dot, empty where there is none."""
    stem, extension = posixpath.splitext(text)
    if " " in extension or len(_bytes(extension)) > _MAX_EXTENSION:
        return text, ""
    return stem, extension


def _cut(text: str, room: int) -> str:
    """At most so many bytes of it, without tearing a character."""
    if len(text) * _MOST_BYTES <= room or len(raw := _bytes(text)) <= room:
        return text
    # a character has at most three bytes after its first; more are no UTF-8 and can be cut anywhere
    back = next((back for back in range(4) if raw[room - back] & 0xC0 != 0x80), 0)
    return _text(raw[: room - back])
