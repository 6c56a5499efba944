"""
Camera RAW: told by content, shown by its preview or developed, right way up, dated, and never written into.
"""

from __future__ import annotations

import io
import subprocess
import sys

import cv2
import numpy as np
import piexif
import pytest
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageFile
from plain import PlainReader
from raw_files import DATE, cr2, cr3, dng, nef, orf, raf, rw2

from facewatchd.core.dates.stamps import parse_stamp
from facewatchd.domain import Image
from facewatchd.errors import PhotoError
from facewatchd.photos.decoding.decode import decode
from facewatchd.photos.formats import SNIFF_BYTES, PhotoKind, kind_of
from facewatchd.photos.metadata.content_hash import content_hash
from facewatchd.photos.metadata.tags import read_tags
from facewatchd.photos.writing.edits import Edit
from facewatchd.photos.writing.patch import layout_of
from facewatchd.photos.writing.verify import flaw

PATH = b"/photos/a.jpg"
CAP = 250.0


def _corners(width: int, height: int) -> Image:
    """RGB: four corners of different colours, so that every turn shows."""
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, : width // 2] = (220, 30, 30)
    image[: height // 2, width // 2 :] = (30, 220, 30)
    image[height // 2 :, : width // 2] = (30, 30, 220)
    image[height // 2 :, width // 2 :] = (200, 200, 40)
    return image


def _jpeg(image: Image, orientation: int | None = None, jfif: bool = True) -> bytes:
    target = io.BytesIO()
    exif = piexif.dump({"0th": {piexif.ImageIFD.Orientation: orientation}}) if orientation else b""
    PillowImage.fromarray(image).save(target, "JPEG", quality=90, exif=exif)
    data = target.getvalue()
    # Pillow writes JFIF first; cameras begin with Exif
    return data if jfif else data[:2] + data[20:]


def _corner_names(image: Image) -> str:
    """The colours of the corners, row by row."""
    height, width = image.shape[:2]
    spots = [image[y, x] for y in (height // 4, height * 3 // 4) for x in (width // 4, width * 3 // 4)]
    names = {"r": (30, 30, 220), "g": (30, 220, 30), "b": (220, 30, 30), "y": (40, 200, 200)}

    def distance(spot: NDArray[np.uint8], name: str) -> int:
        return int(np.abs(spot.astype(int) - names[name]).sum())

    return "".join(min(names, key=lambda name: distance(spot, name)) for spot in spots)


# EXIF 2.32, table 6: what a viewer shows of a picture stored as r g / b y
TURNED = {1: "rgby", 2: "gryb", 3: "ybgr", 4: "byrg", 5: "rbgy", 6: "bryg", 7: "ygbr", 8: "gyrb"}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_mosaic_is_developed_right_way_up(orientation: int) -> None:
    """LibRaw would turn it too; it is turned once."""
    decoded = decode(dng(_corners(96, 64), orientation), PATH, CAP)
    assert decoded.kind is PhotoKind.RAW
    assert _corner_names(decoded.image) == TURNED[orientation]
    assert decoded.image.shape[:2] == ((64, 96) if orientation < 5 else (96, 64))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_preview_without_a_tag_is_turned_as_the_mosaic(orientation: int) -> None:
    """It is stored as the sensor saw it; LibRaw adds a tag that says so, which must not count twice."""
    # another arrangement of colours than the mosaic's, so that it shows which of the two is seen
    data = dng(_corners(96, 64), orientation, _jpeg(_corners(96, 64)[::-1]))
    decoded = decode(data, PATH, CAP)
    swapped = str.maketrans("rgby", "byrg")
    assert _corner_names(decoded.image) == TURNED[orientation].translate(swapped)


@pytest.mark.parametrize("jfif", [True, False])
@pytest.mark.parametrize("orientation", [1, 3, 5, 6, 8])
def test_a_preview_with_a_tag_is_turned_by_that(orientation: int, jfif: bool) -> None:
    """Whatever the RAW says of the mosaic, and wherever in the JPEG its tag is."""
    data = dng(_corners(96, 64), 6, _jpeg(_corners(96, 64), orientation, jfif))
    assert _corner_names(decode(data, PATH, CAP).image) == TURNED[orientation]


@pytest.mark.parametrize(
    ("preview", "wanted"),
    [
        pytest.param(1920, (1280, 1920), id="enough"),
        pytest.param(1600, (1320, 1980), id="too small"),
        pytest.param(0, (1320, 1980), id="none"),
        pytest.param(-1920, (1320, 1980), id="broken"),
    ],
)
def test_a_preview_is_taken_where_it_is_large_enough(preview: int, wanted: tuple[int, int]) -> None:
    """Else the mosaic of 3960 x 2640 is developed, at half its size, which is enough."""
    width = abs(preview)
    jpeg = (
        _jpeg(cv2.resize(_corners(96, 64), (width, width * 2 // 3), interpolation=cv2.INTER_NEAREST)) if width else b""
    )
    jpeg = jpeg if preview > 0 else jpeg[: len(jpeg) // 2]
    image = decode(dng(_corners(3960, 2640), 1, jpeg), PATH, CAP).image
    assert image.shape[:2] == wanted
    assert _corner_names(image) == "rgby"


def test_a_small_mosaic_is_developed_whole() -> None:
    """Half of 2,000 pixels would not be enough."""
    assert decode(dng(_corners(2000, 1200)), PATH, CAP).image.shape[:2] == (1200, 2000)


def test_colours_and_brightness_survive_development() -> None:
    """LibRaw brightens; the hue stays."""
    grey = np.full((64, 96, 3), 120, np.uint8)
    pixel = decode(dng(grey), PATH, CAP).image[32, 48].astype(int)
    assert np.ptp(pixel) <= 6
    assert 60 <= pixel.mean() <= 255


JPEG = _jpeg(_corners(48, 32))
CONTAINERS = {
    "DNG": dng(_corners(48, 32)),
    "NEF, ARW": nef(),
    "CR2": cr2(),
    "ORF": orf(),
    "RW2": rw2(),
    "CR3": cr3(),
    "RAF": raf(_jpeg(_corners(48, 32))),
}


@pytest.mark.parametrize("name", list(CONTAINERS))
def test_every_raw_container_is_told_from_its_content(name: str) -> None:
    """By its beginning it is at least no stranger."""
    data = CONTAINERS[name]
    assert kind_of(data) is PhotoKind.RAW
    assert kind_of(data[:SNIFF_BYTES]) in {PhotoKind.RAW, PhotoKind.TIFF}


@pytest.mark.parametrize("name", list(CONTAINERS))
def test_the_capture_date_is_read_from_every_raw_container(name: str) -> None:
    """TIFF structures, Canon's boxes, and the JPEG inside Fujifilm's."""
    dated = piexif.dump({"Exif": {piexif.ExifIFD.DateTimeOriginal: DATE}})
    target = io.BytesIO()
    PillowImage.new("RGB", (8, 8)).save(target, "JPEG", exif=dated)
    data = raf(target.getvalue()) if name == "RAF" else CONTAINERS[name]
    assert read_tags(data).original == DATE


def test_canons_boxes_hold_zone_place_and_camera_too() -> None:
    """One TIFF structure for each."""
    tags = read_tags(cr3())
    assert (tags.original_offset, tags.gps, tags.model) == ("+02:00", "2019:08:17 10:34:56", "EOS R")


@pytest.mark.parametrize("name", [name for name in CONTAINERS if name != "DNG"])
def test_a_raw_that_libraw_does_not_know_is_refused_in_one_sentence(name: str) -> None:
    """These have tags and no picture."""
    with pytest.raises(PhotoError) as caught:
        decode(CONTAINERS[name], PATH, CAP)
    assert caught.value.message.endswith(".")


def test_a_plain_tiff_is_none() -> None:
    """It is read by Pillow, and its dates may be written."""
    target = io.BytesIO()
    PillowImage.fromarray(_corners(48, 32)).save(target, "TIFF", tiffinfo={271: "Canon", 272: "EOS"})
    assert kind_of(target.getvalue()) is PhotoKind.TIFF


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5])
def test_directories_that_lead_nowhere_are_no_error(share: float) -> None:
    """Of a file cut off anywhere it can still be said what it is."""
    for data in CONTAINERS.values():
        cut = data[: int(len(data) * share)]
        kind_of(cut)
        read_tags(cut, PhotoKind.RAW)


@pytest.mark.parametrize("name", list(CONTAINERS))
def test_nothing_can_be_written_into_raw(name: str) -> None:
    """No field is offered, and a change that somebody makes up is refused."""
    data = CONTAINERS[name]
    layout = layout_of(data)
    assert (layout.fields, layout.can_insert, layout.damage) == ((), False, "")
    at = data.find(DATE.encode())
    if at >= 0:
        edit = Edit(at, data[at : at + 19], b"2020:01:01 00:00:00")
        stamp = parse_stamp("2020:01:01 00:00:00")
        assert stamp is not None
        changed = data[:at] + edit.new + data[at + 19 :]
        assert "never" in flaw(data, changed, (edit,), stamp.value, PlainReader(CAP))


def test_the_whole_file_is_the_picture() -> None:
    """RAW files are not re-tagged in place by anyone careful, so that other bytes are another photo."""
    one, other = dng(_corners(48, 32)), dng(_corners(48, 32), date="2020:01:01 00:00:00")
    assert content_hash(one) != content_hash(other)


def test_libraw_is_loaded_by_raw_files_only() -> None:
    """Most archives have none."""
    code = (
        "import sys; from facewatchd.photos.decoding.decode import decode;"
        f"decode({JPEG!r}, b'x', 9); assert 'rawpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# --- JPEG XL

JPEG_XL = b"\xff\x0a" + bytes(64)


def test_jpeg_xl_is_told_and_refused_with_the_reason() -> None:
    """Pillow has no decoder for it by itself."""
    boxed = b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(64)
    assert kind_of(JPEG_XL) is kind_of(boxed) is PhotoKind.JPEG_XL
    if not any(mime == "image/jxl" for mime in PillowImage.MIME.values()):
        with pytest.raises(PhotoError, match="JPEG XL"):
            decode(JPEG_XL, PATH, CAP)


def test_jpeg_xl_is_read_by_whatever_plugin_pillow_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin says by its MIME type what it reads."""

    class Plugin(ImageFile.ImageFile):
        format = "JXL"
        format_description = "JPEG XL"

        def _open(self) -> None:
            self._size = (4, 2)
            self._mode = "RGB"
            self.tile = []

        def load(self) -> None:
            self.im = PillowImage.new("RGB", (4, 2), (1, 2, 3)).im

    for registry, entry in (
        (PillowImage.OPEN, (Plugin, lambda prefix: prefix.startswith(b"\xff\x0a"))),
        (PillowImage.MIME, "image/jxl"),
    ):
        monkeypatch.setitem(registry, "JXL", entry)
    monkeypatch.setattr(PillowImage, "ID", [*PillowImage.ID, "JXL"])
    image = decode(JPEG_XL, PATH, CAP).image
    assert image.shape == (2, 4, 3)
    assert image[0, 0].tolist() == [3, 2, 1]
