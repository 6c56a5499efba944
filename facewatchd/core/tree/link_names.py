"""
How links are named after their photos, by a template of the user's (`people.link_name`).
"""

from __future__ import annotations

import posixpath
import string
import unicodedata
from dataclasses import dataclass

from facewatchd.core.dates.evidence import date_prefix
from facewatchd.core.tree.folder_names import decorated, file_text, link_name, stem_of
from facewatchd.domain import DateFinding, DateSource, KnownDate, Precision

FIELDS = ("date", "time", "name", "folder")
USUAL = "{date} {name}"
# leaves two thirds of the longest name to the photo
_MOST_LITERAL = 80


@dataclass(frozen=True, slots=True)
class Template:
    """
    A template, taken apart.

    Attributes:
        text: As the user wrote it.
        parts: A text, and the field that follows it; an empty field after the last text.
    """

    text: str
    parts: tuple[tuple[str, str], ...]

    def name(self, photo: bytes, date: DateFinding | KnownDate | None) -> bytes:
        """
        The name of a link.

        Args:
            photo: The photo's path.
            date: When it was taken, as far as that is known.

        Returns:
            A legal name (`core.tree.folder_names.link_name`) with the photo's extension at its end. A field that is not known goes
            with what sets it apart from the next.
        """
        name = photo.rpartition(b"/")[2]
        day = date_prefix(date) if date is not None else ""
        if self.text == USUAL:
            return link_name(day, name)
        stem = stem_of(name)
        values = {
            "name": stem,
            "date": "" if stem.startswith(day) else day,
            "time": _time(date),
            "folder": file_text(posixpath.basename(posixpath.dirname(photo))),
        }
        return decorated(self._filled(values), name)

    def _filled(self, values: dict[str, str]) -> str:
        text, gap = "", ""
        for at, (literal, field) in enumerate(self.parts):
            value = values[field] if field else ""
            if value or not field:
                between = _shorter(gap, literal) if gap and at else literal
                # nothing known stands before it: what sets it apart sets it apart from nothing
                text += (between if text or not gap else "") + value if field else ("" if gap else literal)
                gap = ""
            else:
                gap = _shorter(gap, literal) if gap else literal or " "
        return text


def _shorter(one: str, other: str) -> str:
    """What sets two fields apart when the one between them is gone."""
    if " " in one + other:
        return " "
    return min(one, other, key=len)


def _time(date: DateFinding | KnownDate | None) -> str:
    if date is None or date.source is DateSource.MTIME or date.precision is not Precision.SECOND:
        return ""
    # no colons: Windows takes none
    return date.value.strftime("%H.%M.%S")


def template(text: str) -> Template:
    """
    Take a template apart.

    Raises:
        ValueError: It is none; the message says why, and what to write.
    """
    try:
        parsed = list(string.Formatter().parse(text))
    except ValueError as error:
        raise ValueError(f"{text!r} is no template ({error}); write something like {USUAL!r}") from error
    fields = [field for _, field, _, _ in parsed if field is not None]
    for _, field, layout, conversion in parsed:
        if field is not None and (field not in FIELDS or layout or conversion):
            raise ValueError(
                f"{{{field}}} is no part of a name; there are {', '.join(f'{{{name}}}' for name in FIELDS)}"
            )
    if fields.count("name") != 1:
        raise ValueError("{name}, the photo's own name, has to be there once")
    literals = "".join(literal for literal, _, _, _ in parsed)
    if "/" in literals or any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in literals):
        raise ValueError("slashes, and characters that are not seen, cannot be in a name")
    if len(literals.encode()) > _MOST_LITERAL:
        raise ValueError(f"what is written between the fields is longer than {_MOST_LITERAL} bytes")
    if parsed[0][0].startswith((".", " ")):
        raise ValueError("a name that begins with a dot is hidden, one with a space hard to find")
    return Template(text, tuple((literal, field or "") for literal, field, _, _ in parsed))
