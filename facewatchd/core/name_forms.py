"""
One name, several spellings: `é` is one character (NFC, as Linux and Windows write it) or a letter and an accent (NFD, as
Macs write it). Files that stand beside each other may be written by either. Pure. Source: Unicode Standard Annex 15.
"""

from __future__ import annotations

import unicodedata


def forms(name: bytes) -> tuple[bytes, ...]:
    """A file's name as it is, then in NFC and in NFD where these differ from it."""
    if name.isascii():
        return (name,)
    text = name.decode("utf-8", "surrogateescape")
    spellings = (text, unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text))
    return tuple(dict.fromkeys(spelling.encode("utf-8", "surrogateescape") for spelling in spellings))


def composed(name: bytes) -> bytes:
    """A file's name in NFC: equal for all spellings of one name."""
    if name.isascii():
        return name
    text = unicodedata.normalize("NFC", name.decode("utf-8", "surrogateescape"))
    return text.encode("utf-8", "surrogateescape")


def common_beginning(name: bytes) -> bytes:
    """What all spellings of a name begin with: all before the first letter that may carry an accent of its own."""
    at = next((at for at, byte in enumerate(name) if byte >= 0x80), None)
    return name if at is None else name[: max(0, at - 1)]
