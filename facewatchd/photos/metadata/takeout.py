"""
Google Takeout's JSON: which one belongs to a photo, and what it says (R21).

Takeout names it after the photo, `IMG.jpg.supplemental-metadata.json` or, in older exports, `IMG.jpg.json`. Exports differ
in how much of a long name they keep; the number of a duplicate moves behind (`IMG(1).jpg`, `IMG.jpg(1).json`), and an edited
copy (`IMG-edited.jpg`, in the language of the account) shares the JSON of its original. What was learned from exports of many
people: github.com/TheLastGimbus/GooglePhotosTakeoutHelper, its issues 8, 13, 243 and 353.
"""

from __future__ import annotations

import html
import json
import os
import re
import unicodedata
from collections.abc import Iterator

from facewatchd.core.dates.evidence import Takeout
from facewatchd.core.name_forms import forms
from facewatchd.photos.formats import EXTENSIONS

STEM = 46
"""Older exports cut the name of a JSON to this many characters, `.json` not counted; newer ones later, or not at all."""

_SUPPLEMENT = ".supplemental-metadata"
_EDITED = (
    "-edited", "-effects", "-smile", "-mix",  # en
    "-bearbeitet", "-bewerkt", "-redigeret", "-redigert", "-redigerad", "-muokattu",  # de, nl, da, nb, sv, fi
    "-modifié", "-editado", "-ha editado", "-editada", "-editat", "-modificato", "-modificata",  # fr, es, pt, ca, ro, it
    "-edytowane", "-upraveno", "-upravené", "-szerkesztett", "-uređeno", "-urejeno",  # pl, cs, sk, hu, hr, sl
    "-отредактировано", "-измененный", "-відредаговано", "-редактирано",
    "-επεξεργασμένο", "-düzenlendi", "-muudetud", "-rediģēts", "-redaguota",  # el, tr, et, lv, lt
    "-編集済み", "-已编辑", "-已修改", "-已編輯", "-수정됨", "-편집됨",  # ja, zh, ko
    "-đã chỉnh sửa", "-diedit", "-แก้ไขแล้ว", "-נערך", "-تم التعديل",  # vi, id, th, he, ar
)  # fmt: skip
# what is left of such a word where the name was cut; a name that was not cut must show more of it
_SHORTEST_CUT, _SHORTEST_ELSE = 2, 4
_LONG_NAME = 40
_NUMBERED = re.compile(r"(?P<stem>.+)(?P<number>\([0-9]+\))")


def takeout_names(name: bytes) -> tuple[bytes, ...]:
    """
    The names that Takeout may have given to the JSON of a photo, likeliest first.

    Args:
        name: The photo's name, without its folder.
    """
    text = name.decode("utf-8", "surrogateescape")
    found: dict[bytes, None] = {}
    for spelling in dict.fromkeys((text, unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text))):
        for json_name in _names(spelling):
            found.update(dict.fromkeys(forms(json_name.encode("utf-8", "surrogateescape"))))
    return tuple(found)


def _names(name: str) -> Iterator[str]:
    stem, ending = os.path.splitext(name)
    for one in dict.fromkeys((stem, *_originals(stem))):
        numbered = _NUMBERED.fullmatch(one)
        if numbered is not None:
            for cut in _cuts(numbered["stem"] + ending):
                yield f"{cut}{numbered['number']}.json"
        # cut before its number, the name would be that of another photo, which has a JSON of its own
        shortest = len(one) if numbered is not None else 0
        for cut in _cuts(one + ending):
            if len(cut) >= shortest:
                yield f"{cut}.json"
        if ending:
            yield f"{one}{_SUPPLEMENT}.json"
            yield f"{one}.json"


def _cuts(name: str) -> Iterator[str]:
    """A JSON's name as exports keep it: whole, cut anywhere from `STEM` characters on, and as older exports have it."""
    whole = name + _SUPPLEMENT
    # some exports count as JavaScript does, where an emoji is two
    limit = STEM - sum(1 for letter in name if ord(letter) > 0xFFFF)
    if len(whole) > STEM:
        yield whole[:STEM]
    yield whole
    for length in range(len(whole) - 1, limit - 1, -1):
        if length != STEM:
            yield whole[:length]
    yield name[:STEM]
    yield name


def _originals(stem: str) -> Iterator[str]:
    """What the original of an edited copy is called: `IMG(1)` of `IMG-edited(1)` and of `IMG(1)-edited`."""
    numbered = _NUMBERED.fullmatch(stem)
    bare, number = (numbered["stem"], numbered["number"]) if numbered is not None else (stem, "")
    composed = unicodedata.normalize("NFC", bare)
    for edited in _EDITED:
        for at in (len(composed) - len(edited), composed.find(edited)):
            if at > 0 and composed.startswith(edited, at):
                yield composed[:at] + composed[at + len(edited) :] + number
    at = composed.rfind("-")
    if at > 0 and _is_cut_word(composed[at:], is_long=len(composed) >= _LONG_NAME):
        yield composed[:at] + number


def _is_cut_word(ending: str, *, is_long: bool) -> bool:
    """Whether a name's end is the beginning of a word for an edited copy; more of it is wanted where nothing was cut."""
    shortest = 1 + (_SHORTEST_CUT if is_long else _SHORTEST_ELSE)
    return len(ending) >= shortest and any(word.startswith(ending) for word in _EDITED)


def parse_takeout(content: bytes, name: bytes) -> Takeout:
    """
    The date of a Takeout JSON. `creationTime` is the upload and is ignored.

    Args:
        content: The JSON.
        name: The photo's name, which the JSON's `title` must fit.
    """
    try:
        record = json.loads(content)
        title, seconds = record["title"], float(record["photoTakenTime"]["timestamp"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return Takeout(problem="the JSON beside it is none of Takeout's")
    if not isinstance(title, str) or not _fits(title, name.decode("utf-8", "surrogateescape")):
        return Takeout(problem="the JSON beside it is about another photo")
    return Takeout(taken=seconds)


def _fits(title: str, name: str) -> bool:
    """
    Whether a title may have become this name: Takeout cuts long names, replaces what some systems cannot write, numbers
    duplicates and adds `-edited`.
    """
    given = os.path.splitext(name)[0]
    wanted = {_comparable(html.unescape(title)), _comparable(title)}
    stems: set[str] = set()
    for one in (given, *_originals(given)):
        numbered = _NUMBERED.fullmatch(one)
        stems |= {_folded(one), _folded(numbered["stem"] if numbered is not None else one)}
    return any(
        stem and (one == stem or (len(stem) >= STEM - 6 and one.startswith(stem))) for one in wanted for stem in stems
    )


def _comparable(title: str) -> str:
    """A title without the ending that a photo of it has; a dot may also stand within a title."""
    stem, ending = os.path.splitext(title)
    return _folded(stem if ending.lower().encode("utf-8", "surrogateescape") in EXTENSIONS else title)


def _folded(stem: str) -> str:
    """Letters, digits and `_` for all between them, in one case and one spelling."""
    return re.sub(r"[\W_]+", "_", unicodedata.normalize("NFC", stem)).casefold()
