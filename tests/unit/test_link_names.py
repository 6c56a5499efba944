"""Templates for the names of links."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.core.tree.folder_names import MAX_NAME_BYTES, link_name
from facewatchd.core.tree.link_names import FIELDS, USUAL, template
from facewatchd.domain import DateFinding, DateSource, Precision

TAKEN = DateFinding(dt.datetime(2019, 8, 17, 14, 3, 22), Precision.SECOND, DateSource.EXIF, 0.9)  # noqa: DTZ001
MONTH = DateFinding(dt.datetime(2018, 5, 1), Precision.MONTH, DateSource.FOLDER, 0.5)  # noqa: DTZ001
COPIED = DateFinding(dt.datetime(2020, 1, 1), Precision.SECOND, DateSource.MTIME, 0.1)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("text", "date", "expected"),
    [
        ("{date} {name}", TAKEN, b"2019-08-17 IMG_1.jpg"),
        ("{date} {name}", MONTH, b"2018-05 IMG_1.jpg"),
        ("{date} {name}", None, b"IMG_1.jpg"),
        ("{name}", TAKEN, b"IMG_1.jpg"),
        # the extension stays at the end
        ("{name} ({date})", TAKEN, b"IMG_1 (2019-08-17).jpg"),
        ("{date}_{time}_{name}", TAKEN, b"2019-08-17_14.03.22_IMG_1.jpg"),
        ("{folder} - {name}", TAKEN, b"Holidays - IMG_1.jpg"),
        # what is not known goes, with what set it apart
        ("{name} ({date})", None, b"IMG_1.jpg"),
        ("{date}_{time}_{name}", MONTH, b"2018-05_IMG_1.jpg"),
        ("{date} {time} {name}", MONTH, b"2018-05 IMG_1.jpg"),
        ("{date} {time} {name}", None, b"IMG_1.jpg"),
        ("{date} {time} {name}", COPIED, b"IMG_1.jpg"),
        ("{folder}, {date}, {name}", None, b"Holidays IMG_1.jpg"),
    ],
)
def test_names(text: str, date: DateFinding | None, expected: bytes) -> None:
    """As the template says, with all that is known."""
    assert template(text).name(b"/srv/Photos/Holidays/IMG_1.jpg", date) == expected


def test_a_date_is_not_written_twice() -> None:
    """A name that begins with its date already keeps it."""
    assert template("{date} - {name}").name(b"/p/2019-08-17 at sea.jpg", TAKEN) == b"2019-08-17 at sea.jpg"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "has to be there once"),
        ("{date}", "has to be there once"),
        ("{name} {name}", "has to be there once"),
        ("../{name}", "slashes"),
        ("{date}/{name}", "slashes"),
        ("{name}\0", "not seen"),
        ("{name}\n", "not seen"),
        ("\u202e{name}", "not seen"),
        ("\ud800{name}", "not seen"),
        (".{name}", "hidden"),
        (" {name}", "hard to find"),
        ("{name.__class__}", "no part of a name"),
        ("{name[0]}", "no part of a name"),
        ("{name!r}", "no part of a name"),
        ("{name:>9999999}", "no part of a name"),
        ("{0} {name}", "no part of a name"),
        ("{} {name}", "no part of a name"),
        ("{person} {name}", "there are {date}, {time}, {name}, {folder}"),
        ("{name", "is no template"),
        ("}{name}", "is no template"),
        ("x" * 81 + "{name}", "longer than 80 bytes"),
    ],
)
def test_hostile_templates_are_refused(text: str, word: str) -> None:
    """One line says why."""
    with pytest.raises(ValueError, match=re.escape(word)):
        template(text)


PHOTOS = st.binary(min_size=1, max_size=255).map(lambda name: name.replace(b"/", b"_").replace(b"\0", b"_"))


@given(PHOTOS, st.lists(st.sampled_from([f"{{{field}}}" for field in FIELDS if field != "name"]), max_size=4), PHOTOS)
def test_any_photo_makes_a_legal_name(photo: bytes, fields: list[str], folder: bytes) -> None:
    """... by any template; the usual one is the rule for links."""
    made = template(" - ".join([*fields, "{name}"])).name(b"/" + folder + b"/" + photo, TAKEN)
    assert 0 < len(made) <= MAX_NAME_BYTES
    assert b"/" not in made
    assert b"\0" not in made
    assert made not in {b".", b".."}
    assert template(USUAL).name(b"/" + photo, TAKEN) == link_name("2019-08-17", photo)
