"""
Which JSON of Google Takeout belongs to which photo: golden tables with their counter-examples (R21).
"""

from __future__ import annotations

import json
import os
import unicodedata

import pytest

from facewatchd.core.dates.evidence import Takeout
from facewatchd.photos.metadata.beside import beginning_of_photos
from facewatchd.photos.metadata.takeout import parse_takeout, takeout_names

PIXEL = "PXL_20210101_123456789.jpg"
LONG = "Grandma and Grandpa in the garden of Ulm 2019.jpg"
LONGER = "A rather long name of a photo that somebody has typed on a computer, once upon a time.jpg"
EMOJI = "🎉🎉 party at the lake with all of the family 2019.jpg"
CLIP = 46


def nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)


def clips(photo: str, title: str = "") -> list[tuple[str, str, str]]:
    """Every clip of the JSON's name from 46 characters to all of it."""
    whole = photo + ".supplemental-metadata"
    return [(photo, whole[:length] + ".json", title or photo) for length in range(CLIP, len(whole) + 1)]


EDITED = [
    *("-edited", "-effects", "-smile", "-mix", "-bearbeitet", "-bewerkt", "-redigeret", "-redigert", "-redigerad"),
    *("-muokattu", "-modifié", "-editado", "-ha editado", "-editat", "-modificato", "-edytowane", "-upraveno"),
    *(
        "-szerkesztett",
        "-düzenlendi",
        "-編集済み",
        "-已编辑",
        "-已編輯",
        "-수정됨",
        "-đã chỉnh sửa",
        "-отредактировано",
    ),
]

# photo, JSON beside it, the title in the JSON
BELONGS: list[tuple[str, str, str]] = [
    ("IMG_1.jpg", "IMG_1.jpg.json", "IMG_1.jpg"),
    ("IMG_1.jpg", "IMG_1.jpg.supplemental-metadata.json", "IMG_1.jpg"),
    ("IMG_20190817_123456.jpg", "IMG_20190817_123456.jpg.supplemental-metadata.json", "IMG_20190817_123456.jpg"),
    # newer exports cut later, or not at all
    *clips(PIXEL),
    *clips("Screenshot_20190817-123456_Chrome.png"),
    *clips("IMG_20190817_123456789_HDR.jpg"),
    *clips("DSC_0042 at the sea, 2019.NEF"),
    *clips(LONG),
    *clips("PXL_20210101_123456789.PORTRAIT.jpg"),
    (LONGER, LONGER[:CLIP] + ".json", LONGER),
    (LONGER, LONGER + ".json", LONGER),
    (LONGER, LONGER + ".supplemental-metadata.json", LONGER),
    (LONGER, (LONGER + ".supplemental-metadata")[: len(LONGER) + 7] + ".json", LONGER),
    # the photo's own name is cut, too
    (LONGER[:47] + ".jpg", LONGER[:CLIP] + ".json", LONGER),
    # numbered duplicates
    ("IMG_1(1).jpg", "IMG_1.jpg(1).json", "IMG_1.jpg"),
    ("IMG_1(12).jpg", "IMG_1.jpg.supplemental-metadata(12).json", "IMG_1.jpg"),
    ("IMG_1(1).jpg", "IMG_1(1).jpg.json", "IMG_1(1).jpg"),
    ("IMG_1(1).jpg", "IMG_1(1).jpg.supplemental-metadata.json", "IMG_1(1).jpg"),
    ("IMG_1 (1).jpg", "IMG_1 (1).jpg.json", "IMG_1 (1).jpg"),
    ("PXL_20210101_123456789(1).jpg", "PXL_20210101_123456789.jpg.supplemental-metada(1).json", PIXEL),
    ("PXL_20210101_123456789(1).jpg", "PXL_20210101_123456789.jpg.supplemental-metadata(1).json", PIXEL),
    ("PXL_20210101_123456789(2).jpg", "PXL_20210101_123456789.jpg.supplemental-metadat(2).json", PIXEL),
    (LONG.replace(".jpg", "(1).jpg"), LONG[:CLIP] + "(1).json", LONG),
    # without the photo's ending
    ("IMG_1.jpg", "IMG_1.json", "IMG_1.jpg"),
    ("IMG_1.HEIC", "IMG_1.json", "IMG_1.HEIC"),
    ("IMG_1.jpg", "IMG_1.json", "IMG_1"),
    ("IMG_1.jpg", "IMG_1.supplemental-metadata.json", "IMG_1"),
    ("IMG_1", "IMG_1.json", "IMG_1"),
    ("2019.08.17 at the sea.jpg", "2019.08.17 at the sea.json", "2019.08.17 at the sea"),
    # edited copies share the JSON of their original
    *((f"IMG_1{edited}.jpg", "IMG_1.jpg.json", "IMG_1.jpg") for edited in EDITED),
    *((nfd(f"IMG_1{edited}.jpg"), "IMG_1.jpg.json", "IMG_1.jpg") for edited in EDITED if nfd(edited) != edited),
    ("IMG_1-edited.jpg", "IMG_1.jpg.supplemental-metadata.json", "IMG_1.jpg"),
    ("IMG_1-edited(1).jpg", "IMG_1.jpg(1).json", "IMG_1.jpg"),
    ("IMG_1(1)-edited.jpg", "IMG_1.jpg(1).json", "IMG_1.jpg"),
    ("IMG_1-modifié(3).jpg", "IMG_1.jpg.supplemental-metadata(3).json", "IMG_1.jpg"),
    ("PXL_20210101_123456789-edited.jpg", "PXL_20210101_123456789.jpg.supplemental-metada.json", PIXEL),
    ("PXL_20210101_123456789.PORTRAIT-edytowane.jpg", "PXL_20210101_123456789.PORTRAIT.jpg.json",
     "PXL_20210101_123456789.PORTRAIT.jpg"),
    # where the word was cut
    *(
        (f"Grandma and Grandpa in the garden 2019{'-edited'[:length]}.jpg",
         "Grandma and Grandpa in the garden 2019.jpg.json", "Grandma and Grandpa in the garden 2019.jpg")
        for length in range(3, 8)
    ),
    ("IMG_20190817_123456-edite.jpg", "IMG_20190817_123456.jpg.json", "IMG_20190817_123456.jpg"),
    ("IMG_20190817_123456-edite(1).jpg", "IMG_20190817_123456.jpg(1).json", "IMG_20190817_123456.jpg"),
    ("IMG_20190817_123456-bearbei.jpg", "IMG_20190817_123456.jpg.json", "IMG_20190817_123456.jpg"),
    ("IMG_20190817_123456-ha edit.jpg", "IMG_20190817_123456.jpg.json", "IMG_20190817_123456.jpg"),
    # accents of a Mac beside those of Google, and the other way round
    *(
        (photo, f"{beside}.json", "Öjendorf im Café.jpg")
        for photo in ("Öjendorf im Café.jpg", nfd("Öjendorf im Café.jpg"))
        for beside in ("Öjendorf im Café.jpg", nfd("Öjendorf im Café.jpg"))
    ),
    (nfd("Öjendorf-bearbeitet(1).jpg"), "Öjendorf.jpg(1).json", "Öjendorf.jpg"),
    (nfd("Été.jpg"), "Été.jpg.supplemental-metadata.json", "Été.jpg"),
    # emoji, letters that file systems cannot hold, other scripts
    ("🎉.jpg", "🎉.jpg.json", "🎉.jpg"),
    ("🎉 party.jpg", "🎉 party.jpg.supplemental-metadata.json", "🎉 party.jpg"),
    ("👨‍👩‍👧.jpg", "👨‍👩‍👧.jpg.json", "👨‍👩‍👧.jpg"),
    (EMOJI, EMOJI[: CLIP - 2] + ".json", EMOJI),
    (EMOJI, EMOJI[:CLIP] + ".json", EMOJI),
    ("_ party.jpg", "_ party.jpg.json", "👨‍👩‍👧 party.jpg"),
    ("Grandma _ Grandpa_.jpg", "Grandma _ Grandpa_.jpg.json", "Grandma & Grandpa?.jpg"),
    ("Grandma_s.jpg", "Grandma_s.jpg.json", "Grandma&#39;s.jpg"),
    ("東京.jpg", "東京.jpg.json", "東京.jpg"),
    ("Дача-отредактировано.jpg", "Дача.jpg.json", "Дача.jpg"),
    ("caf\udce9.jpg", "caf\udce9.jpg.json", "caf\ufffd.jpg"),
]  # fmt: skip

# photo, JSON that is another photo's
IS_ANOTHERS: list[tuple[str, str]] = [
    ("x(1).jpg", "x.jpg.json"),
    ("x(1).jpg", "x.jpg.supplemental-metadata.json"),
    ("x(1).jpg", "x.json"),
    ("x(1).jpg", "x.jpg(2).json"),
    ("x.jpg", "x.jpg(1).json"),
    ("x.jpg", "x(1).jpg.json"),
    ("x(2).jpg", "x(1).jpg.json"),
    ("x-edited(1).jpg", "x.jpg.json"),
    ("x(1)-edited.jpg", "x.jpg.json"),
    # the number is cut off the JSON's name: it is the namesake's
    (LONG.replace(".jpg", "(1).jpg"), LONG[:CLIP] + ".json"),
    (LONGER.replace(".jpg", "(1).jpg"), LONGER[:CLIP] + ".json"),
    ("Grandma and Grandpa in the garden of Ulm(1).jpg", "Grandma and Grandpa in the garden of Ulm.jpg.s.json"),
    # a name that looks a little like an edited copy
    ("Anna-ed.jpg", "Anna.jpg.json"),
    ("Anna-e.jpg", "Anna.jpg.json"),
    ("Anna-Edi.jpg", "Anna.jpg.json"),
    ("Anna-Eva.jpg", "Anna.jpg.json"),
    ("IMG_1-2.jpg", "IMG_1.jpg.json"),
    ("-edited.jpg", ".jpg.json"),
    ("IMG_12.jpg", "IMG_1.jpg.json"),
    ("IMG_1.jpg", "IMG_12.jpg.json"),
]

TITLES_OF_OTHERS: list[tuple[str, str]] = [
    ("IMG_1.jpg", "IMG_2.jpg"),
    ("IMG_1.jpg", "IMG_12.jpg"),
    ("IMG_12.jpg", "IMG_1.jpg"),
    ("Anna-Eva.jpg", "Anna.jpg"),
    ("IMG_1-edited.jpg", "IMG_2.jpg"),
    ("🎉.jpg", "party.jpg"),
    (".jpg", "IMG_1.jpg"),
]


def test_the_table_is_large() -> None:
    """Each row is a name of an export that somebody had."""
    assert len(BELONGS) >= 150
    assert len(BELONGS) == len({*BELONGS})


@pytest.mark.parametrize(("photo", "beside", "title"), BELONGS, ids=range(len(BELONGS)))
def test_a_photo_finds_its_json(photo: str, beside: str, title: str) -> None:
    """By its name, believed by its title, and found from the JSON when that comes later."""
    names = takeout_names(os.fsencode(photo))
    assert os.fsencode(beside) in names
    assert len(names) == len(set(names))
    content = json.dumps({"title": title, "photoTakenTime": {"timestamp": "1566045296"}}).encode()
    assert parse_takeout(content, os.fsencode(photo)) == Takeout(taken=1566045296.0)
    assert os.fsencode(photo).startswith(beginning_of_photos(os.fsencode(beside)))


@pytest.mark.parametrize(("photo", "beside"), IS_ANOTHERS)
def test_a_photo_does_not_take_another_ones_json(photo: str, beside: str) -> None:
    """No date is better than a namesake's."""
    assert os.fsencode(beside) not in takeout_names(os.fsencode(photo))


@pytest.mark.parametrize(("photo", "title"), TITLES_OF_OTHERS)
def test_a_title_of_another_photo_is_refused(photo: str, title: str) -> None:
    """Whatever the JSON is called."""
    content = json.dumps({"title": title, "photoTakenTime": {"timestamp": "1566045296"}}).encode()
    assert parse_takeout(content, os.fsencode(photo)).problem == "the JSON beside it is about another photo"
