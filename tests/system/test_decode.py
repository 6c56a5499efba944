"""
Decoding real files of every format: right way up, right colours, and nothing but `PhotoError` for what cannot be read.
"""

from __future__ import annotations

import io
import random
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import piexif
import pillow_heif
import pytest
from numpy.typing import NDArray
from PIL import Image as PillowImage
from raw_files import dng

from facewatchd.domain import Image
from facewatchd.errors import PhotoBusyError, PhotoError
from facewatchd.photos.decoding.decode import decode, upright
from facewatchd.photos.formats import PhotoKind, is_photo_name

PATH = b"/photos/a.jpg"
CAP = 250.0

# what a viewer has to do with the stored picture, as numpy does it: EXIF 2.32, table 6
TURNS: dict[int, Callable[[Image], Image]] = {
    1: lambda image: image,
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.transpose(1, 0, 2),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: image[::-1, ::-1].transpose(1, 0, 2),
    8: lambda image: np.rot90(image, 1),
}


def _corners() -> Image:
    """RGB, 48 x 32: four corners of different colours, so that every turn shows."""
    image = np.zeros((32, 48, 3), np.uint8)
    image[:16, :24] = (220, 30, 30)
    image[:16, 24:] = (30, 220, 30)
    image[16:, :24] = (30, 30, 220)
    image[16:, 24:] = (200, 200, 40)
    return image


def _saved(image: PillowImage.Image, ending: str, **options: object) -> bytes:
    target = io.BytesIO()
    image.save(target, ending, **options)
    return target.getvalue()


def _heic(image: PillowImage.Image, **options: object) -> bytes:
    target = io.BytesIO()
    pillow_heif.from_pillow(image).save(target, quality=90, **options)
    return target.getvalue()


def _oriented(orientation: int) -> bytes:
    exif: bytes = piexif.dump({"0th": {piexif.ImageIFD.Orientation: orientation}})
    return exif


def _samples() -> dict[PhotoKind, bytes]:
    picture = PillowImage.fromarray(_corners())
    return {
        PhotoKind.JPEG: _saved(picture, "JPEG", quality=95, subsampling=0),
        PhotoKind.PNG: _saved(picture, "PNG"),
        PhotoKind.WEBP: _saved(picture, "WEBP", lossless=True),
        PhotoKind.TIFF: _saved(picture, "TIFF", compression="tiff_lzw"),
        PhotoKind.GIF: _saved(picture, "GIF"),
        PhotoKind.BMP: _saved(picture, "BMP"),
        PhotoKind.HEIC: _heic(picture),
        PhotoKind.AVIF: _saved(picture, "AVIF", quality=95, subsampling="4:4:4"),
        PhotoKind.RAW: dng(_corners()),
    }


SAMPLES = _samples()


def _close(found: Image, wanted_rgb: Image, slack: int = 24) -> bool:
    """Whether pixels agree away from the edges, where lossy formats smear."""
    assert found.dtype == np.uint8
    assert found.flags.c_contiguous
    assert found.shape == wanted_rgb.shape
    height, width = wanted_rgb.shape[:2]
    spots = [
        (y, x)
        for y in (4, height // 4, height * 3 // 4, height - 5)
        for x in (4, width // 4, width * 3 // 4, width - 5)
    ]
    return all(np.abs(found[spot][::-1].astype(int) - wanted_rgb[spot].astype(int)).max() <= slack for spot in spots)


@pytest.mark.parametrize("kind", list(SAMPLES))
def test_every_format_is_told_from_its_content_and_decoded(kind: PhotoKind) -> None:
    """The path says .jpg each time."""
    decoded = decode(SAMPLES[kind], PATH, CAP)
    assert decoded.kind is kind
    # developing a mosaic brightens it
    assert _close(decoded.image, _corners(), slack=40 if kind is PhotoKind.RAW else 24)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    "save",
    [
        lambda picture, o: _saved(picture, "JPEG", quality=95, subsampling=0, exif=_oriented(o)),
        lambda picture, o: _saved(picture.convert("CMYK"), "JPEG", quality=95, exif=_oriented(o)),
        lambda picture, o: _saved(picture, "PNG", exif=_oriented(o)),
        lambda picture, o: _saved(picture, "WEBP", lossless=True, exif=_oriented(o)),
        lambda picture, o: _saved(picture, "TIFF", tiffinfo={274: o}),
        lambda picture, o: _saved(picture, "TIFF", compression="tiff_deflate", tiffinfo={274: o}),
        lambda picture, o: _saved(picture, "AVIF", quality=95, subsampling="4:4:4", exif=_oriented(o)),
        lambda picture, o: _heic(picture, exif=_oriented(o)),
    ],
    ids=["jpeg", "cmyk-jpeg", "png", "webp", "tiff", "tiff-deflate", "avif", "heic"],
)
def test_every_orientation_comes_out_upright_once(
    save: Callable[[PillowImage.Image, int], bytes], orientation: int
) -> None:
    """By the place of four colours; a turn applied twice or not at all would show."""
    picture = PillowImage.fromarray(_corners())
    # HEIC and AVIF carry the turn twice, as phones do: in the container and in the tag
    assert _close(decode(save(picture, orientation), PATH, CAP).image, TURNS[orientation](_corners()))


def test_a_heic_is_turned_by_its_container_alone() -> None:
    """The Exif tag is a copy that readers are to ignore (ISO 23008-12)."""
    turned = _heic(PillowImage.fromarray(_corners()), exif=_oriented(6))
    assert b"irot" in turned
    image = decode(turned.replace(_oriented(6), _oriented(1)), PATH, CAP).image
    assert _close(image, TURNS[6](_corners()))
    straight = _heic(PillowImage.fromarray(_corners()), exif=_oriented(1))
    assert b"irot" not in straight
    assert _close(decode(straight.replace(_oriented(1), _oriented(6)), PATH, CAP).image, _corners())


def test_opencv_and_pillow_agree_to_the_bit() -> None:
    """The fast path changes no pixel."""
    noise = np.random.default_rng(0).integers(0, 256, (90, 121, 3), np.uint8)
    data = _saved(PillowImage.fromarray(cv2.GaussianBlur(noise, (0, 0), 2)), "JPEG", quality=80)
    with PillowImage.open(io.BytesIO(data)) as opened:
        assert np.array_equal(decode(data, PATH, CAP).image, np.asarray(opened)[..., ::-1])


def test_turning_keeps_every_pixel() -> None:
    """Against numpy, for all eight, on a picture that is not square."""
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    for orientation, turn in TURNS.items():
        assert np.array_equal(upright(image, orientation), turn(image))


def _ramp16() -> NDArray[np.uint16]:
    return np.linspace(0, 65535, 256, dtype=np.uint16).reshape(1, 256).repeat(4, 0)


@pytest.mark.parametrize("ending", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_and_not_clipped(ending: str) -> None:
    """A ramp over all 16 bits stays a ramp."""
    decoded = decode(_saved(PillowImage.fromarray(_ramp16()), ending), PATH, CAP)
    assert np.abs(decoded.image[0, :, 0].astype(int) - np.arange(256)).max() <= 1


@pytest.mark.parametrize("ending", [".png", ".tiff"])
def test_sixteen_bit_colours_are_scaled(ending: str) -> None:
    """OpenCV writes them, BGR."""
    ramp = np.dstack([_ramp16(), _ramp16()[:, ::-1], np.full_like(_ramp16(), 32768)])
    ok, data = cv2.imencode(ending, ramp)
    assert ok
    image = decode(data.tobytes(), PATH, CAP).image.astype(int)
    assert np.abs(image[0, :, 0] - np.arange(256)).max() <= 1
    assert np.abs(image[0, :, 1] - np.arange(255, -1, -1)).max() <= 1
    assert np.abs(image[0, :, 2] - 128).max() <= 1


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        (np.array([[0.0, 0.5, 1.0]], np.float32), [0, 128, 255]),
        (np.array([[0.0, 51.0, 255.0]], np.float32), [0, 51, 255]),
        (np.array([[np.nan, -5.0, 65535.0]], np.float32), [0, 0, 255]),
        (np.array([[0, 100_000, 1_000_000]], np.int32), [0, 26, 255]),
        (np.array([[0, 0, 0]], np.int32), [0, 0, 0]),
    ],
    ids=["unit", "bytes in floats", "no numbers and negatives", "large whole numbers", "black"],
)
def test_floats_and_long_numbers_become_grey(values: NDArray[np.generic], wanted: list[int]) -> None:
    """Their white is the smallest usual one that is not exceeded, else the brightest pixel."""
    decoded = decode(_saved(PillowImage.fromarray(values), "TIFF"), PATH, CAP)
    assert decoded.image[0, :, 0].tolist() == wanted


MODES = {
    "grey": (PillowImage.new("L", (8, 8), 77), "JPEG", (77, 77, 77)),
    "grey PNG": (PillowImage.new("L", (8, 8), 77), "PNG", (77, 77, 77)),
    "one bit": (PillowImage.new("1", (8, 8), 1), "PNG", (255, 255, 255)),
    "CMYK JPEG": (PillowImage.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", (255, 0, 0)),
    "CMYK TIFF": (PillowImage.new("CMYK", (8, 8), (255, 0, 255, 0)), "TIFF", (0, 255, 0)),
    "YCbCr TIFF": (PillowImage.new("RGB", (8, 8), (200, 30, 30)).convert("YCbCr"), "TIFF", (200, 30, 30)),
    "palette": (PillowImage.new("RGB", (8, 8), (9, 99, 199)).quantize(8), "PNG", (9, 99, 199)),
    "half transparent": (PillowImage.new("RGBA", (8, 8), (255, 0, 0, 128)), "PNG", (255, 127, 127)),
    "transparent black": (PillowImage.new("RGBA", (8, 8), (0, 0, 0, 0)), "WEBP", (255, 255, 255)),
    "grey and alpha": (PillowImage.new("LA", (8, 8), (0, 51)), "PNG", (204, 204, 204)),
    "alpha HEIC": (PillowImage.new("RGBA", (64, 64), (0, 0, 255, 0)), "HEIC", (255, 255, 255)),
    "alpha AVIF": (PillowImage.new("RGBA", (8, 8), (0, 0, 255, 0)), "AVIF", (255, 255, 255)),
    "grey HEIC": (PillowImage.new("L", (64, 64), 77), "HEIC", (77, 77, 77)),
}


@pytest.mark.parametrize(("picture", "ending", "wanted"), MODES.values(), ids=list(MODES))
def test_every_mode_becomes_bgr(picture: PillowImage.Image, ending: str, wanted: tuple[int, int, int]) -> None:
    """Transparency lies over white."""
    data = _heic(picture) if ending == "HEIC" else _saved(picture, ending)
    image = decode(data, PATH, CAP).image
    assert image.ndim == 3
    assert image.shape[2] == 3
    assert np.abs(image[4, 4][::-1].astype(int) - wanted).max() <= 4


def test_a_palette_with_a_transparent_colour_lies_over_white() -> None:
    """PNG's tRNS, and GIF's transparent index."""
    picture = PillowImage.new("P", (8, 8), 1)
    picture.putpalette([0, 0, 0, 10, 20, 30, 40, 50, 60])
    picture.putpixel((0, 0), 2)
    for ending in ("PNG", "GIF"):
        image = decode(_saved(picture, ending, transparency=1), PATH, CAP).image
        assert image[4, 4].tolist() == [255, 255, 255]
        assert image[0, 0].tolist() == [60, 50, 40]


@pytest.mark.parametrize("ending", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_of_several_frames_the_first_is_taken(ending: str) -> None:
    """Animations, and pages of a scan."""
    frames = [PillowImage.new("RGB", (16, 16), colour) for colour in ("red", "green", "blue")]
    data = _saved(frames[0], ending, save_all=True, append_images=frames[1:], duration=100)
    assert np.abs(decode(data, PATH, CAP).image[8, 8].astype(int) - (0, 0, 255)).max() <= 8


def test_a_jpeg_with_another_image_behind_it_is_the_first() -> None:
    """Motion photos and MPF append a film or more pictures."""
    data = SAMPLES[PhotoKind.JPEG] + SAMPLES[PhotoKind.PNG] + b"trailer"
    assert _close(decode(data, PATH, CAP).image, _corners())


def test_a_damaged_exif_block_does_not_cost_the_picture() -> None:
    """It is taken for upright."""
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\xff\xff\xff\xff\0\0\0\0"
    plain = SAMPLES[PhotoKind.JPEG]
    data = plain[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + plain[2:]
    assert _close(decode(data, PATH, CAP).image, _corners())
    cmyk = _saved(PillowImage.fromarray(_corners()).convert("CMYK"), "JPEG")
    decode(cmyk[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + cmyk[2:], PATH, CAP)


def _tiff(*tags: tuple[int, int, int, int]) -> bytes:
    """An uncompressed TIFF of the four corners with more tags: number, type, count, value or place."""
    pixels = _corners().tobytes()
    own = [(256, 48), (257, 32), (258, 8), (259, 1), (262, 2), (273, 8), (277, 3), (278, 32), (279, len(pixels))]
    entries = sorted([*((tag, 4, 1, value) for tag, value in own), *tags])
    directory = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    start = struct.pack("<I", 8 + len(pixels))
    return b"II*\0" + start + pixels + struct.pack("<H", len(entries)) + directory + bytes(4)


BROKEN_TAGS = {
    "none": (),
    "an Exif directory outside the file": ((34665, 4, 1, 10**8),),
    "an Exif directory in the pixels": ((34665, 4, 1, 100),),
    "a GPS directory in the pixels": ((34853, 4, 1, 300),),
    "a private tag larger than the file": ((65000, 7, 10**8, 8),),
    "a private tag outside the file": ((65000, 2, 100, 10**9),),
    "an orientation that is none": ((274, 3, 1, 9),),
    "a resolution of pixels": ((282, 5, 1, 8),),
}


@pytest.mark.parametrize("tags", BROKEN_TAGS.values(), ids=list(BROKEN_TAGS))
def test_a_broken_tag_does_not_cost_a_tiff(tags: tuple[tuple[int, int, int, int], ...], tmp_path: Path) -> None:
    """
    In a process of its own: there the filters of the program hold and not pytest's, by which every warning is an error.
    """
    path = tmp_path / "a.tif"
    path.write_bytes(_tiff(*tags))
    script = "import sys; from facewatchd.photos.decoding.decode import decode; p = sys.argv[1].encode()"
    script += "; print(decode(open(p, 'rb').read(), p, 1.0).image.tobytes().hex())"
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True, timeout=60
    )
    assert bytes.fromhex(done.stdout) == _corners()[..., ::-1].tobytes()
    assert "Warning" not in done.stderr


def _png_bomb(width: int, height: int) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(1 << 20))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _with_size(data: bytes, width: int, height: int) -> bytes:
    """A JPEG that lies about its size."""
    at = data.index(b"\xff\xc0")
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


REFUSED = {
    "empty": (b"", "empty"),
    "text": (b"These are not the pixels you are looking for.\n" * 20, "none of JPEG"),
    "text that begins like a bitmap": (b"BMW, a car maker of Munich. " * 20, "none of JPEG"),
    "an MP4 film": (b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + bytes(500), "none of JPEG"),
    "zeros, as after a crash": (bytes(4096), "nothing in the file but zeros"),
    "a PNG bomb": (_png_bomb(20_000, 20_000), "20000 x 20000"),
    "a larger PNG bomb": (_png_bomb(2**31 - 1, 2**31 - 1), "max_megapixels"),
    "a JPEG bomb": (_with_size(SAMPLES[PhotoKind.JPEG], 65_500, 65_500), "65500 x 65500"),
    "a JPEG of no height": (_with_size(SAMPLES[PhotoKind.JPEG], 48, 0), "no size"),
    "a WebP bomb": (
        b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0" + b"\xff\xff\xff\xff\xff\xff" + bytes(40),
        "16777216 x 16777216",
    ),
    "a GIF bomb": (b"GIF89a\xff\xff\xff\xff\0\0\0," + bytes(4) + b"\xff\xff\xff\xff\0\x08\x01\0;", "65535 x 65535"),
    "a BMP bomb": (
        SAMPLES[PhotoKind.BMP][:18] + struct.pack("<ii", 60_000, 60_000) + SAMPLES[PhotoKind.BMP][26:],
        "60000",
    ),
    "only a JPEG's beginning": (b"\xff\xd8\xff\xe0", "damaged or incomplete"),
    "a JPEG of nothing": (b"\xff\xd8\xff\xd9", "holds no picture"),
}


@pytest.mark.parametrize(("data", "words"), REFUSED.values(), ids=list(REFUSED))
def test_what_cannot_be_decoded_is_refused_in_one_sentence(data: bytes, words: str) -> None:
    """The error names the reason and the remedy, and keeps the path."""
    with pytest.raises(PhotoError) as caught:
        decode(data, PATH, CAP)
    assert words in caught.value.message
    assert caught.value.message.endswith(".")
    assert caught.value.path == PATH
    assert not isinstance(caught.value, PhotoBusyError)


@pytest.mark.parametrize("kind", list(SAMPLES))
def test_the_cap_is_a_matter_of_configuration(kind: PhotoKind) -> None:
    """48 x 32 pixels are 0.001536 megapixels."""
    decode(SAMPLES[kind], PATH, 0.001536)
    with pytest.raises(PhotoError, match="48 x 32"):
        decode(SAMPLES[kind], PATH, 0.0015)


@pytest.mark.parametrize("kind", list(SAMPLES))
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_half_a_file_is_no_photo(kind: PhotoKind, share: float) -> None:
    """Half a download is tried again when it is whole, not kept as half a picture."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    picture = PillowImage.fromarray(noise)
    own = {PhotoKind.HEIC: lambda: _heic(picture), PhotoKind.RAW: lambda: dng(noise)}
    data = own[kind]() if kind in own else _saved(picture, kind.value)
    with pytest.raises(PhotoError, match="damaged or incomplete"):
        decode(data[: int(len(data) * share)], PATH, CAP)


def test_a_jpeg_without_its_last_two_bytes_is_refused() -> None:
    """The end marker is the only proof that a JPEG is whole."""
    with pytest.raises(PhotoError, match="ends in the middle"):
        decode(SAMPLES[PhotoKind.JPEG][:-2], PATH, CAP)


def _mutated(data: bytes, rng: random.Random) -> bytes:
    raw = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(raw))
        match rng.randrange(5):
            case 0:
                raw[at] ^= 1 << rng.randrange(8)
            case 1:
                raw[at] = rng.randrange(256)
            case 2:
                del raw[at : at + rng.randint(1, 16)]
            case 3:
                raw[at:at] = rng.randbytes(rng.randint(1, 16))
            case _:
                raw[at : at + 4] = rng.choice([bytes(4), b"\xff" * 4, b"\x7f\xff\xff\xff"])
        if not raw:
            break
    return bytes(raw)


@pytest.mark.parametrize("kind", list(SAMPLES))
def test_mutated_files_yield_a_picture_or_a_photo_error(kind: PhotoKind, capfd: pytest.CaptureFixture[str]) -> None:
    """500 per format; nothing else escapes, and no picture is malformed."""
    rng = random.Random(kind.value)
    for _ in range(500):
        try:
            image = decode(_mutated(SAMPLES[kind], rng), PATH, 1.0).image
        except PhotoError:
            continue
        assert image.ndim == 3
        assert image.shape[2] == 3
        assert image.dtype == np.uint8
    # what these libraries have to say cannot be prevented without redirecting stderr for all threads
    assert kind in {PhotoKind.JPEG, PhotoKind.TIFF, PhotoKind.RAW} or capfd.readouterr().err == ""


NAMES = {
    b"a.jpg": True,
    b"A.JPG": True,
    b"a.b.JpEg": True,
    b"caf\xe9.HEIC": True,
    b"dir.d/a.tif": True,
    b"a.avif": True,
    b"a.webp": True,
    b"a.png": True,
    b"a.gif": True,
    b"a.bmp": True,
    b"a.jxl": True,
    b"IMG_1.CR2": True,
    b"a.cr3": True,
    b"a.nef": True,
    b"a.arw": True,
    b"a.dng": True,
    b"a.raf": True,
    b"a.orf": True,
    b"a.rw2": True,
    b"IMG_1.MOV": False,
    b"a.hif": True,
    b"a": False,
    b"jpg": False,
    b".jpg": False,
    b"a.jpg.xmp": False,
    b"a.jpg.json": False,
    b"a.mp4": False,
    b"a.jpg/b": False,
    b"a.svg": False,
    b"": False,
}


@pytest.mark.parametrize(("name", "wanted"), NAMES.items(), ids=[ascii(name) for name in NAMES])
def test_names_of_photos(name: bytes, wanted: bool) -> None:
    """The allow-list knows no case, and a dot file is none."""
    assert is_photo_name(name) is wanted
